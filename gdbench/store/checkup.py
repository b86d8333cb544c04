"""Compare everything in a store with its hashes, for `gdbench doctor --store`."""

from typing import Any, NamedTuple

from sqlalchemy import func, select

from gdbench.errors import GdbenchError, UsageError
from gdbench.store import schema
from gdbench.store.database import Store
from gdbench.store.reading import Snapshot


class Checkup(NamedTuple):
    """How many runs and trials were read, and sentences about what is damaged or could not be checked."""

    runs: int
    trials: int
    damaged: list[str]
    unverified: list[str]


def check(store: Store) -> Checkup:
    """Read and check a whole store; raises StoreError if it cannot be read at all."""
    damaged: list[str] = []
    unverified: list[str] = []
    trials = 0
    with store.snapshot() as snapshot:
        if snapshot.connection is None:
            raise UsageError(f"there is no store {store.place}; `gdbench run` makes one")
        damaged += [snapshot.missing] if snapshot.missing else []
        for record in snapshot.runs:
            if record.damage:
                damaged.append(record.damage)
                continue
            found = snapshot.read(record.run, damaged="skip", points="none")
            trials += len(found.trials["trial"])
            for notice in found.notices:
                (damaged if notice.startswith("left out") else unverified).append(notice)
        try:
            snapshot.notes()
        except GdbenchError as error:
            damaged.append(str(error))
        damaged += _strays(snapshot)
        return Checkup(len(snapshot.runs), trials, [text.removeprefix("left out: ") for text in damaged], unverified)


def _strays(snapshot: Snapshot) -> list[str]:
    """Sentences about rows that belong to no run, and about faults that SQLite itself finds in the file."""
    if snapshot.connection is None:
        return []
    known = [record.run for record in snapshot.runs]
    sentences = []
    for table in (schema.trials, schema.curves, schema.timings, schema.subjects):
        query = select(func.count()).select_from(table).where(table.c.run.not_in(known))
        count = snapshot.connection.scalar(query)
        if count:
            sentences.append(f"{count} rows of {table.name} in store {snapshot.place} belong to no run")
    if snapshot.connection.dialect.name == "sqlite":
        answer: Any = snapshot.connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if answer != "ok":
            sentences.append(f"store {snapshot.place} is damaged within: {' '.join(str(answer).split())}")
    return sentences
