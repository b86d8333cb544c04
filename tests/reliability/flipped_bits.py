"""Flips one bit of a finished store, or changes one cell, and reads everything: nothing may differ in silence.

    python tests/reliability/flipped_bits.py --table docs/measurements/reliability.md

Held: what is read is what was stored, or a sentence says that it is damaged. `title` and `description` may differ.
"""

import random
import shutil
import sqlite3
import sys
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import gdbench
from gdbench.api import history, run_metrics
from gdbench.errors import DamagedError, GdbenchError
from gdbench.inputs.writing import BESIDE
from gdbench.store import Store

TABLES = ("trials", "curves", "targets", "timings", "subjects")
UNTOLD = (  # no number, no choice and no identity rests on these
    *("title", "description", "heartbeat", "host", "process", "process_started"),
)
ODD = (None, "", "x", "1e999", b"\x00\xff", -1, 2**62, 0.5, "[" * 5000, "9" * 5000, "\x1b[2J")


def attempts(rng: random.Random, folder: Path) -> Iterator[str | None]:
    """Of ten attempts, nine flip a bit of the file and one puts something odd into a cell."""
    from planted import plant

    whole, broken = folder / "whole.db", folder / "broken.db"
    ids = plant(whole, trials=15)
    names = [*ids, "latest", "latest~1", ids[0][:6]]
    expected = read(whole, names)
    size = whole.stat().st_size
    with closing(sqlite3.connect(whole)) as connection:
        cells = [
            (table, column)
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for _, column, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall()
        ]
    while True:
        for ending in BESIDE:
            broken.with_name(f"{broken.name}{ending}").unlink(missing_ok=True)
        shutil.copy(whole, broken)
        if rng.random() < 0.9:
            place, bit = rng.randrange(size), rng.randrange(8)
            with broken.open("r+b") as file:
                file.seek(place)
                byte = file.read(1)[0] ^ 1 << bit
                file.seek(place)
                file.write(bytes([byte]))
            what = f"bit {bit} of byte {place}"
        else:
            table, column = rng.choice(cells)
            value = rng.choice(ODD)
            what = f"{value!r:.20} in {table}.{column}"
            with closing(sqlite3.connect(broken)) as connection, connection:
                rows = [row for (row,) in connection.execute(f"SELECT rowid FROM {table}")]
                try:
                    connection.execute(f'UPDATE {table} SET "{column}" = ? WHERE rowid = ?', (value, rng.choice(rows)))
                except sqlite3.IntegrityError:
                    continue
        # A flip shows in few of them; all would take most of the time.
        yield difference(expected, broken, names, what, rng.sample([*expected], 4))


def difference(expected: dict[str, Any], path: Path, names: list[str], what: str, asked: list[str]) -> str | None:
    """What differs in silence, or is no sentence; None where the promise held."""
    for name in asked:
        try:
            found = read(path, names, name)
        except GdbenchError as error:
            if "\n" in str(error) or not str(error).isprintable():
                return f"{what}: {name}: no sentence: {error!r}"
            continue
        except Exception as error:
            return f"{what}: {name}: {type(error).__name__}: {error}"
        if found[name] != expected[name]:
            return f"{what}: {name} differs in silence"
    return None


def read(path: Path, names: list[str], only: str | None = None) -> dict[str, Any]:
    """All that a store shows, by what is asked for."""
    asked = {
        **{f"run {name}": lambda name=name: _stored(path, name) for name in names},
        "frames": lambda: _run(path, "latest"),
        "runs": lambda: _runs(path),
        "notes": lambda: Store(path).notes(),
        "history": lambda: _history(path),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: ask() for name, ask in asked.items() if only in (None, name)}


def _stored(path: Path, name: str) -> str:
    with Store(path).snapshot() as snapshot:
        record, *rest = snapshot.read(snapshot.find(name).run)
    return repr((_clean(vars(record)), *rest))


def _clean(facts: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if key not in UNTOLD}


def _run(path: Path, name: str) -> dict[str, Any]:
    run = gdbench.load(path, name)
    about = _clean(run.about)
    frames = {table: getattr(run, table).to_csv(index=False) for table in TABLES}
    return {**frames, "about": repr(about), "environment": repr(run.environment)}


def _runs(path: Path) -> list[tuple[Any, ...]]:
    records = Store(path).runs()
    if any(record.state == "damaged" for record in records):
        raise DamagedError("the list says so")
    return [(record.run, record.state, record.created, record.trials, record.done) for record in records]


def _history(path: Path) -> str:
    store = Store(path)
    with store.snapshot() as snapshot:
        records, notes = snapshot.checked(), snapshot.notes()
    chosen = run_metrics.runs_of(records, next(iter(run_metrics.machines(records))))
    return history.history(run_metrics.read_points(store, chosen), notes).to_csv(index=False)


if __name__ == "__main__":
    from tally import main

    sys.exit(main("flipped bits and odd cells of a store", attempts))
