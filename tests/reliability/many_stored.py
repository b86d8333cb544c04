"""How long and how much memory the commands take that read a store of very many trials.

    python tests/reliability/many_stored.py [--trials 200000] [--tries 3]

Two runs of so many drawn trials (planted.py), read by one command after another, each in a process of its own. Exit
code 1 if the median time is beyond 1 s for `list runs` or 15 s for another, or the memory beyond 1 GB."""

import argparse
import hashlib
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
from planted import plant

from gdbench.store import integrity, schema
from gdbench.store.reading import TRIAL_COLUMNS

LIMITS = {"list runs": 1.0, "show latest": 15.0, "history": 15.0, "compare latest~1 latest": 15.0}
MEMORY = 1000.0  # MB
DRAWN = 4000  # trials of a run that are drawn; the others have the curves and settings of these, on other seeds
SEEDS = 5  # of those that are drawn
BATCH = 5000  # rows whose hashes are made at a time


def main() -> int:
    """Make the store and time the commands; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200_000)
    parser.add_argument("--tries", type=int, default=3, help="How often each command is timed.")
    parser.add_argument("--store", type=Path, help="One that was made before, or is to be kept.")
    options = parser.parse_args()
    worst = 0
    with tempfile.TemporaryDirectory() as folder:
        store = options.store or Path(folder) / "gdbench.db"
        if not store.exists():
            started = time.perf_counter()
            plant_many(store, options.trials)
            os.sync()  # so that the first command does not share the disk with what is still being written
            seconds, size = time.perf_counter() - started, store.stat().st_size / 1e6
            print(f"written in {seconds:.1f} s, {size:.0f} MB", flush=True)  # noqa: T201
        for command, limit in LIMITS.items():
            arguments = [sys.executable, "-m", "gdbench", *command.split(), "--store", str(store)]
            # Timed apart from the memory, since looking at a process holds it up.
            seconds = sorted(_seconds(arguments) for _ in range(options.tries))
            middle, (memory, code) = statistics.median(seconds), _peak(arguments)
            spread = f"{middle:.2f} s [{seconds[0]:.2f}, {seconds[-1]:.2f}]"
            print(f"{command}: {spread}, {memory:.0f} MB, exit code {code}", flush=True)  # noqa: T201
            worst |= middle > limit or memory > MEMORY or code != 0
    return int(worst)


def plant_many(path: Path, trials: int, runs: int = 2) -> list[str]:
    """Make a store of runs of so many trials each, whose rows are copies with numbers and hashes of their own."""
    ids = plant(path, runs=runs, trials=min(trials, DRAWN), points=12)
    with closing(sqlite3.connect(path)) as connection, connection:
        for run in ids:
            _multiply(connection, run, trials)
    return ids


def _multiply(connection: sqlite3.Connection, run: str, trials: int) -> None:
    """Copy the trials of a run until there are so many."""
    names = [name for _, name, *_ in connection.execute("PRAGMA table_info(trials)")]
    drawn = connection.execute("SELECT * FROM trials WHERE run = ? ORDER BY trial", (run,)).fetchall()
    curves = connection.execute("SELECT columns, data FROM curves WHERE run = ? ORDER BY trial", (run,)).fetchall()
    place = {name: names.index(name) for name in ("trial", "key", "seed", "definition", "hash")}

    def copies() -> Any:
        for first in range(len(drawn), trials, BATCH):
            rows = [*map(copy, range(first, min(first + BATCH, trials)))]
            cells = {column: [row[names.index(column.name)] for row in rows] for column in TRIAL_COLUMNS}
            kinds = [curves[trial % len(drawn)][0] for trial in range(first, first + len(rows))]
            for row, hashed in zip(rows, integrity.trial_hashes(cells, kinds), strict=True):
                row[place["hash"]] = hashed
                yield row

    def copy(trial: int) -> list[Any]:
        row = list(drawn[trial % len(drawn)])
        seed = row[place["seed"]] + SEEDS * (trial // len(drawn))
        text = row[place["definition"]].rpartition('"seed": ')[0]
        row[place["trial"]], row[place["key"]], row[place["seed"]] = trial, _key(trial), seed
        row[place["definition"]] = f'{text}"seed": {seed}}}'
        return row

    marks = ", ".join("?" * len(names))
    connection.executemany(f"INSERT INTO trials ({', '.join(names)}) VALUES ({marks})", copies())
    connection.executemany(
        "INSERT INTO curves (run, trial, columns, data) VALUES (?, ?, ?, ?)",
        ((run, trial, *curves[trial % len(curves)]) for trial in range(len(drawn), trials)),
    )
    connection.row_factory = sqlite3.Row
    record = dict(connection.execute("SELECT * FROM runs WHERE run = ?", (run,)).fetchone())
    connection.row_factory = None
    record |= {"stored": trials, "done": trials, "trials": trials, "git_dirty": bool(record["git_dirty"])}
    hashed = integrity.row_hash(schema.runs, record)
    change = "UPDATE runs SET stored = ?, done = ?, trials = ?, hash = ? WHERE run = ?"
    connection.execute(change, (trials, trials, trials, hashed, run))


def _key(trial: int) -> str:
    return hashlib.sha256(str(trial).encode()).hexdigest()[:32]


def _seconds(command: list[str]) -> float:
    """Seconds of a command by the clock, while nobody looks at it."""
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    return time.perf_counter() - started


def _peak(command: list[str]) -> tuple[float, int]:
    """The peak of memory in MB of all processes of a command together, and its exit code."""
    peak = 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.returncode is None:
            peak = max(peak, _memory(psutil.Process(process.pid)))
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.25)
    return peak, process.returncode


def _memory(process: psutil.Process) -> float:
    """The memory of a process and those that it started, in MB; a page that several share counts once."""
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return sum(each.memory_full_info().pss for each in (process, *process.children(recursive=True))) / 1e6
    return 0.0


if __name__ == "__main__":
    sys.exit(main())
