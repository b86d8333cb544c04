"""Kills `gdbench run` at random moments; the same command then ends as if nothing had been.

    python tests/reliability/kills.py --table docs/measurements/reliability.md

Held: one run, complete, with the digests of an undisturbed one and its page, and no file left behind.
"""

import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from child import commands
from endings import COMMAND, LONG, SUITE, digests, unlike

MOST = 3  # kills of one run


def attempts(rng: random.Random, folder: Path) -> Iterator[str | None]:
    """Kill a run up to three times, between its first moment and a little after its last."""
    (folder / "small.toml").write_text(SUITE, encoding="utf-8")
    with commands(warm=[[*COMMAND, "--out", "warm"]], cwd=folder, pictures=True) as run:
        seconds = run(*COMMAND, "--out", "whole", cwd=folder, seconds=LONG).seconds
        expected = digests(folder / "whole")
        while True:
            moments = [rng.uniform(0, 1.05 * seconds) for _ in range(rng.randint(1, MOST))]
            ended = run(*COMMAND, "--out", "killed", cwd=folder, seconds=moments[0])
            for moment in moments[1:]:
                if ended.code == "SIGKILL":
                    ended = run(*COMMAND, "--out", "killed", cwd=folder, seconds=moment)
            if ended.code == "SIGKILL" and not _delivered(folder / "killed"):
                ended = run(*COMMAND, "--out", "killed", cwd=folder, seconds=LONG)
            elif ended.code == "SIGKILL":  # between its last word to the store and its end
                ended = run("list", "runs", "--out", "killed", cwd=folder)
            told = unlike(folder / "killed", expected, ended)
            shutil.rmtree(folder / "killed", ignore_errors=True)
            yield told and f"killed after {', '.join(f'{moment:.3f}' for moment in moments)} s: {told}"


def _delivered(out: Path) -> bool:
    """Whether a run is done with: the same command would begin another one."""
    import sqlite3
    from contextlib import closing

    try:
        with closing(sqlite3.connect(f"file:{out / 'gdbench.db'}?mode=ro", uri=True)) as connection:
            query = "SELECT count(*) FROM runs WHERE state = 'complete' AND token IS NULL"
            return bool(connection.execute(query).fetchone()[0])
    except sqlite3.Error:
        return False


if __name__ == "__main__":
    from tally import main

    sys.exit(main("runs that are killed", attempts))
