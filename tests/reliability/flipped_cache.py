"""Damages one file among the compiled kernels, trains, and looks for a crash, a hang or another result.

    python tests/reliability/flipped_cache.py --tries 100

A small training is compiled into a cache of its own. Each attempt flips a bit of a file, cuts, empties, swaps, replaces
or removes it, and trains twice in processes forked from one that has everything imported. It holds where both have the
digest of the first training, and the second, which finds what the first compiled anew, compiles nothing.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SECONDS = 300.0  # of one training; compiling on a busy machine takes its time
SUITE = {
    "seeds": 1,
    "tune_seeds": 0,
    "budget": {"steps": 20},
    "problem": {"valley": {"kind": "function", "function": "rosenbrock"}},
    "rule": {"momentum": {}},
}


def flip(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def cut(path: Path, rng: random.Random) -> None:
    os.truncate(path, rng.randrange(path.stat().st_size))


def empty(path: Path, rng: random.Random) -> None:
    path.write_bytes(b"")


def lengthen(path: Path, rng: random.Random) -> None:
    os.truncate(path, path.stat().st_size + 2 ** rng.randrange(40))


def randomise(path: Path, rng: random.Random) -> None:
    path.write_bytes(rng.randbytes(rng.randrange(1, 10_000)))


def swap(path: Path, rng: random.Random) -> None:
    other = rng.choice([each for each in sorted(path.parent.glob("*.nb?")) if each != path])
    first, second = path.read_bytes(), other.read_bytes()
    path.write_bytes(second)
    other.write_bytes(first)


def replace_by_folder(path: Path, rng: random.Random) -> None:
    path.unlink()
    path.mkdir()


def replace_by_pipe(path: Path, rng: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def remove(path: Path, rng: random.Random) -> None:
    path.unlink()


def open_to_all(path: Path, rng: random.Random) -> None:
    path.chmod(0o666)


# A flipped bit is what machines do; each of the others is as frequent as another.
DAMAGES: list[Callable[[Path, random.Random], None]] = [
    *[flip] * 9,
    *(cut, empty, lengthen, randomise, swap, replace_by_folder, replace_by_pipe, remove, open_to_all),
]


def attempts(rng: random.Random, folder: Path) -> Iterator[str | None]:
    """Damage after damage, each to a fresh copy of the cache; what did not hold in a sentence."""
    root, good = folder / "cache", folder / "good"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(root)}
    server = subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    assert server.stdin is not None and server.stdout is not None

    def trained() -> dict[str, Any]:
        server.stdin.write("\n")
        server.stdin.flush()
        return json.loads(server.stdout.readline())

    try:
        first = trained()
        root.rename(good)
        while True:
            shutil.rmtree(root, ignore_errors=True)
            shutil.copytree(good, root)
            files = sorted(root.glob("*/*.nb?"))
            damage, path = rng.choice(DAMAGES), rng.choice(files)
            damage(path, rng)
            yield _complaint(f"{damage.__name__} {path.name}", first, [trained(), trained()])
    finally:
        server.stdin.close()
        server.wait(timeout=SECONDS)
        server.stdout.close()


def _complaint(what: str, first: dict[str, Any], outcomes: list[dict[str, Any]]) -> str | None:
    """What did not hold, or None."""
    for outcome in outcomes:
        if "digest" not in outcome:
            return f"{what}: {outcome['failed']}"
        if outcome["digest"] != first["digest"]:
            return f"{what}: other numbers without a word"
    return f"{what}: was not replaced" if outcomes[1]["compiled"] else None


def _serve() -> None:
    """Train in a child for each line that comes in; a JSON document a line goes out."""
    import gdbench.runner.trial
    import gdbench.suites  # noqa: F401

    for _ in sys.stdin:
        sys.stdout.write(json.dumps(_forked()) + "\n")
        sys.stdout.flush()


def _forked() -> dict[str, Any]:
    """Train in a child, and tell how that ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            answer = _train()
        except BaseException as error:
            answer = {"failed": f"{type(error).__name__}: {error}"[:300]}
        os.write(writing, json.dumps(answer).encode())
        os._exit(0)
    os.close(writing)
    started, ended, status = time.monotonic(), 0, 0
    while not ended and time.monotonic() - started < SECONDS:
        ended, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.005)
    if not ended:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    if not ended:
        return {"failed": f"took more than {SECONDS:g} s"}
    return json.loads(answer) if answer else {"failed": f"ended with {os.waitstatus_to_exitcode(status)}"}


def _train() -> dict[str, Any]:
    """Train one trial; its digest, and how many functions were compiled."""
    from gdbench import suites
    from gdbench.kernels.compile.jit import compilations
    from gdbench.results.curves import digest
    from gdbench.runner.trial import train

    with compilations() as compiled:
        record = train(next(iter(suites.load(SUITE).first_trials())))
    return {"digest": digest(record.curve), "compiled": len(compiled)}


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        _serve()
    else:
        from tally import main

        sys.exit(main("damaged files of compiled kernels", attempts))
