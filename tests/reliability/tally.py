"""Counts how often a promise held while something was broken on purpose, and keeps a table of it.

A script of this folder gives `attempts(rng, folder)`, a generator that breaks one thing, looks, and yields None where
the promise held or a sentence where it did not:

    if __name__ == "__main__":
        sys.exit(main("flipped bits", attempts))

It then runs for ten minutes (`--seconds`), prints every sentence, and with `--table FILE` puts its row into a table;
exit code 1 where anything failed. `tests/reliability/test_reliability.py` runs a few attempts of each in the tests.
"""

import argparse
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

Attempts = Callable[[random.Random, Path], Iterator[str | None]]
HEADER = "| what is broken | tried | held | date | commit |\n| --- | --- | --- | --- | --- |\n"
SECONDS = 600.0


def count(
    attempts: Attempts, *, seed: int, tries: int | None = None, seconds: float = SECONDS
) -> tuple[int, list[str]]:
    """How many attempts were made, and what did not hold; ends after `tries` of them or so many seconds."""
    failures: list[str] = []
    tried = 0
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for outcome in attempts(random.Random(seed), Path(folder)):
            tried += 1
            if outcome is not None:
                failures.append(outcome)
                print(f"attempt {tried}: {outcome}", flush=True)  # noqa: T201
            if tried == tries or time.monotonic() > end:
                break
    return tried, failures


def main(name: str, attempts: Attempts) -> int:
    """The command line of a script; returns the exit code."""
    parser = argparse.ArgumentParser(description=f"Try {name}, and count what held.")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--tries", type=int)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--table", type=Path, help="Markdown file whose row of this name is replaced.")
    options = parser.parse_args()
    tried, failures = count(attempts, seed=options.seed, tries=options.tries, seconds=options.seconds)
    print(f"{name}: {tried} tried, {tried - len(failures)} held (--seed {options.seed})", flush=True)  # noqa: T201
    if options.table:
        write_row(options.table, name, tried, tried - len(failures))
    return int(bool(failures))


def write_row(table: Path, name: str, tried: int, held: int) -> None:
    """Put a row into the table, in place of the one of the same name; what stands above the table stays."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    row = f"| {name} | {tried} | {held} | {datetime.now(UTC):%Y-%m-%d} | {commit} |\n"
    text = table.read_text(encoding="utf-8") if table.exists() else ""
    above, _header, below = text.partition(HEADER)
    rows = [line for line in below.splitlines(keepends=True) if not line.startswith(f"| {name} |")]
    table.write_text(above + HEADER + "".join(sorted([*rows, row])), encoding="utf-8")
