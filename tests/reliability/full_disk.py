"""Fills the disk under commands: what they cannot write they say, and with room the same command goes on.

    python tests/reliability/full_disk.py --table docs/measurements/reliability.md

A file system of its own is filled but for a random rest (root may mount one); without, no file may grow beyond a random
size. Held: exit code 2 or 3 and a sentence; the store is whole or not there; later all is as if nothing had been.
"""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from child import Outcome, Run, commands
from endings import COMMAND, LONG, SUITE, digests, unlike

import gdbench
from gdbench.errors import GdbenchError
from gdbench.results.files import DATABASE

SIZE = 64 * 2**20


def attempts(rng: random.Random, folder: Path) -> Iterator[str | None]:
    """Run, export or draw the page where there is too little room, and then again with enough."""
    (folder / "small.toml").write_text(SUITE, encoding="utf-8")
    with (
        commands(warm=[[*COMMAND, "--out", "whole"]], cwd=folder, pictures=True) as run,
        _disk(folder / "disk") as mounted,
    ):
        expected, disk = digests(folder / "whole"), folder / "disk"
        sizes = [path.stat().st_size for path in (folder / "whole").rglob("*") if path.is_file()]
        while True:
            room = int(rng.choice((0.05, 0.3, 1.2)) * rng.random() * sum(sizes))
            if rng.random() < 0.6:
                full = _short_of(room, mounted, run, folder, *COMMAND, "--out", "disk/out")
                told = _sentence(full) or _readable(disk / "out" / DATABASE)
                again = run(*COMMAND, "--out", "disk/out", cwd=folder, seconds=LONG) if full.code != 0 else full
                told = told or unlike(disk / "out", expected, again)
                what = "a run"
            else:
                line = rng.choice((_EXPORT, _REPORT))
                full = _short_of(room, mounted, run, folder, *line)
                told = _sentence(full) or _whole_or_nothing(disk, full)
                again = run(*line, cwd=folder, seconds=LONG)
                told = told or again.complaint(codes=(0,), limit=LONG)
                what = line[0]
            for path in disk.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            yield told and f"{what} with {room} bytes: {told}"


_EXPORT = ("export", "latest", "--format", "json", "--to", "disk/run.json", "--out", "whole")
_REPORT = ("report", "latest", "--store", f"whole/{DATABASE}", "--out", "disk/out")


def _short_of(room: int, mounted: bool, run: Run, folder: Path, *line: str) -> Outcome:
    if not mounted:
        return run(*line, cwd=folder, seconds=LONG, largest=room)
    filler = folder / "disk" / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, SIZE - room))
    try:
        return run(*line, cwd=folder, seconds=LONG)
    finally:
        filler.unlink()


def _sentence(full: Outcome) -> str | None:
    complaint = full.complaint(codes=(0, 2, 3), limit=LONG)
    if complaint or full.code == 0:
        return complaint
    lines = full.err.strip().splitlines() or [""]
    return None if any(line.startswith("error: ") for line in lines) else f"no sentence: {full.err!r}"


def _readable(path: Path) -> str | None:
    if not path.exists():
        return None
    try:
        gdbench.store.Store(path).runs()
    except GdbenchError as error:
        return f"the store cannot be read: {error}"
    return None


def _whole_or_nothing(disk: Path, full: Outcome) -> str | None:
    left = [path.name for path in disk.rglob("*") if path.is_file()]
    if full.code != 0:
        return f"left behind: {', '.join(left)}" if left else None
    if "run.json" in left:
        assert len(gdbench.load(disk / "run.json").trials)
    return None if len(left) == 1 else f"holds {left}"


@contextmanager
def _disk(path: Path) -> Iterator[bool]:
    """A folder, where it can be with a file system of its own; whether it has one."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(path)]
    mounted = sys.platform == "linux" and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(path)], check=False)


if __name__ == "__main__":
    from tally import main

    sys.exit(main("full disks", attempts))
