"""What a store holds at one moment: everything is read in one transaction and checked (integrity.py).

with store.snapshot() as snapshot:
    run = snapshot.read(snapshot.find("latest").run)
"""

import gc
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Column, Connection, Table, and_, func, select

from gdbench.errors import DamagedError, StoreError, UsageError, shown
from gdbench.results.curves import ALL, Curves, Points, first_points
from gdbench.results.files import is_id
from gdbench.results.records import RunRecord, StoredRun
from gdbench.store import schema
from gdbench.store.integrity import (
    UNVERIFIED,
    covered,
    earlier_hash,
    number_type,
    odd_cell,
    raw,
    row_hash,
    timed_hash,
    trial_hashes,
    types_of,
)
from gdbench.store.life import is_alive
from gdbench.store.opening import reason

NAMED = 5  # most trials that a sentence names
BATCH = 2000  # rows that are checked and put into columns at a time
RUN_COLUMNS = list(schema.runs.columns)
TRIAL_COLUMNS = covered(schema.trials)
DIGEST = [column.name for column in TRIAL_COLUMNS].index("digest")
NUMBERS = {column: number_type(column) for column in TRIAL_COLUMNS}
CELLS = [*TRIAL_COLUMNS, schema.curves.c.columns]  # whose values the hash of a trial covers
TYPES = [*map(types_of, CELLS)]
# Columns of texts that many trials share: one copy of each is kept.
SHARED = ("run", "code", "setting", "problem", "rule", "role", "dtype", "backend", "status")


class Fault(NamedTuple):
    """What is wrong with one trial. odd: a cell holds something that its column cannot hold."""

    trial: object
    words: str
    odd: bool = False


class Snapshot:
    """A store at one moment; without a connection, an empty one."""

    def __init__(self, connection: Connection | None, place: str) -> None:
        self.connection, self.place = connection, place

    @cached_property
    def runs(self) -> list[RunRecord]:
        """All runs, the latest first; one whose process died is `interrupted`, whatever its row says."""
        if self.connection is None:
            return []
        with _cells(self.place):
            rows = [dict(row) for row in self.connection.execute(select(*map(raw, RUN_COLUMNS))).mappings()]
        return sorted((record_of(row, self.place) for row in rows), key=lambda record: -record.created)

    @cached_property
    def missing(self) -> str | None:
        """A sentence if the store holds fewer or more runs than it should; otherwise None."""
        if self.connection is None:
            return None
        expected = self.connection.scalar(select(func.max(schema.schema.c.runs)))
        if expected == len(self.runs):
            return None
        return f"store {self.place} is damaged: it holds {len(self.runs)} runs instead of {expected}"

    def checked(self, skip: bool = False) -> list[RunRecord]:
        """All runs. Raises DamagedError if any is damaged or missing; skip leaves out the damaged ones instead."""
        if not skip:
            _stop(next((record.damage for record in self.runs if record.damage), self.missing))
        return [record for record in self.runs if record.damage is None]

    def find(self, name: str, *, damaged: str = "stop") -> RunRecord:
        """The run of an id, a unique beginning of it, `latest` or `latest~1`; raises UsageError if there is none.

        damaged: `stop` raises DamagedError if the choice depends on something damaged, `skip` ignores damaged runs,
        `take` chooses among all.
        """
        records, place = self.runs, self.place
        if damaged == "skip":
            records = [record for record in records if record.damage is None]
        if not records:
            raise UsageError(f"there are no runs in {place}; make one with `gdbench run`")
        base, _, back = name.partition("~")
        if base == "latest" and ((back.isascii() and back.isdigit() and len(back) < 10) or "~" not in name):
            if damaged == "stop":
                records = self.checked()
            index = int(back or 0)
            if index >= len(records):
                raise UsageError(
                    f"run {name!r} is not in {place}: it holds {len(records)}; latest~{len(records) - 1} is the oldest"
                )
            matches = records[index : index + 1]
        else:
            matches = [record for record in records if str(record.run).startswith(name)] if name else []
        if len(matches) > 1:
            raise UsageError(
                f"run {name!r} is not unique: it begins {', '.join(m.run for m in matches[:5])}; give more of it"
            )
        if not matches:
            _stop(self.missing if damaged == "stop" else None)
            raise UsageError(f"run {name!r} is not in {place}; `gdbench list runs` shows what is")
        if not is_id(matches[0].run):
            raise StoreError(
                f"run {matches[0].run!r} in store {place} has an id that gdbench never gives; do not use it"
            )
        if damaged == "stop":
            _stop(matches[0].damage)
        return matches[0]

    def read(self, run: str, *, damaged: str = "stop", points: Points = ALL) -> StoredRun:
        """Everything that belongs to a run. Raises UsageError if the run is gone.

        damaged: `stop` raises DamagedError, `skip` leaves out damaged trials and timings. points: which points of the
        curves to keep after they are checked.
        """
        record = next((record for record in self.runs if record.run == run), None)
        if self.connection is None or record is None:
            raise UsageError(f"run {run!r} is not in {self.place} any more")
        _stop(record.damage)
        found = self._trials(run, points)
        faults = found.faults
        if found.seen != record.stored:
            faults.append(Fault(None, f"it has {found.seen} trials instead of {record.stored}"))
        tables = [self._rows(table, run) for table in (schema.timings, schema.subjects)]
        notices = []
        if record.timed not in (UNVERIFIED, timed_hash(*tables)):
            faults.append(Fault(None, "its timings do not agree with their hash"))
            tables = [[], []]
        if faults:
            words = _words(faults, run)
            if damaged != "skip":
                raise _error(faults, f"{words}, in store {self.place}; --skip-damaged (damaged='skip') leaves it out")
            notices.append(f"left out: {words}")
        if found.unverified or UNVERIFIED in (record.hash, record.timed):
            notices.append(f"run {run} is unverified: it was written by a gdbench that stored no hashes")
        timings, subjects = (
            [dict(zip(table.columns.keys(), row, strict=True)) for row in rows]
            for table, rows in zip((schema.timings, schema.subjects), tables, strict=True)
        )
        return StoredRun(record, found.values(), found.curves, points, timings, subjects, notices)

    def damaged_trials(self, run: str) -> list[Any]:
        """The numbers of a run's damaged trials."""
        return [fault.trial for fault in self._trials(run, "none").faults]

    def notes(self) -> dict[str, str]:
        """The notes by run; raises DamagedError for a damaged one."""
        if self.connection is None:
            return {}
        known = {record.run for record in self.runs}
        found = {}
        for row in map(dict, self.connection.execute(select(schema.notes)).mappings()):
            if row["run"] not in known or row["hash"] not in (UNVERIFIED, row_hash(schema.notes, row)):
                raise DamagedError(f"the note on run {row['run']!r} in store {self.place} is damaged; accept it again")
            found[row["run"]] = row["text"]
        return found

    def _rows(self, table: Table, run: str) -> list[tuple[Any, ...]]:
        assert self.connection is not None
        query = select(table).where(table.c.run == run).order_by(*table.primary_key.columns)
        return [tuple(row) for row in self.connection.execute(query)]

    def _trials(self, run: str, points: Points) -> "_Columns":
        """The trials of a run, with these points of their curves."""
        assert self.connection is not None
        trials, curves = schema.trials, schema.curves
        both = trials.outerjoin(curves, and_(curves.c.run == trials.c.run, curves.c.trial == trials.c.trial))
        query = (
            select(*map(raw, TRIAL_COLUMNS), raw(curves.c.columns), trials.c.hash, curves.c.data)
            .select_from(both)
            .where(trials.c.run == run)
            .order_by(trials.c.trial)
        )
        found = _Columns(points)
        with _cells(self.place), _uncollected():
            for rows in self.connection.execute(query).partitions(BATCH):
                found.add(rows)
        return found


@contextmanager
def _cells(place: str) -> Iterator[None]:
    """Report cells of another type than their column's: SQLite allows them, but SQLAlchemy may refuse them."""
    try:
        yield
    except (TypeError, ValueError, OverflowError) as error:
        raise StoreError(f"store {place} holds a cell that is not of its column's type ({reason(error)})") from None


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of cycles, which would search millions of cells again and again and find none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Columns:
    """The undamaged trials, by column, and the faults of the others."""

    def __init__(self, points: Points) -> None:
        self._values: dict[Column[Any], list[Any]] = {column: [] for column in TRIAL_COLUMNS}
        self._points = points
        self.curves: list[Curves] = []
        self.faults: list[Fault] = []
        self.unverified = False
        self.seen = 0
        self._last: Any = None
        self._shared: dict[str, str] = {}
        self._settings: dict[str, Any] = {}
        self._names: dict[str, tuple[str, ...]] = {}

    def add(self, rows: Sequence[Any]) -> None:
        """Check rows: the cells of a trial, the names of its curve's columns, its hash and its curve."""
        self.seen += len(rows)
        block = _Block.of(rows)
        if block is None or not block.is_good(self._last):
            rows = [row for row in rows if self._is_good(row)]
            block = _Block.of(rows)
        if block is None:
            return
        self.unverified |= UNVERIFIED in block.stored
        self._last = rows[-1][1]
        for column, cells in block.cells.items():
            if column.name in SHARED:
                cells = [*map(self._shared.setdefault, cells, cells)]
            self._values[column].append(self._definitions(block) if column.name == "definition" else cells)
        if self._points != "none":
            curves = Curves([*map(self._column_names, block.names)], [*map(len, block.data)], b"".join(block.data))
            self.curves.append(curves if self._points == ALL else first_points(curves))

    def values(self) -> dict[str, Any]:
        """The values of all trials by column; numbers as an array, with NaN for missing ones."""
        found: dict[str, Any] = {}
        for column, parts in self._values.items():
            dtype = NUMBERS[column]
            found[column.name] = (
                np.concatenate([np.zeros(0, dtype), *parts]) if dtype else [*chain.from_iterable(parts)]
            )
            parts.clear()
        return found

    def _is_good(self, row: Any) -> bool:
        """Whether a row is as it was written; if not, its fault is kept."""
        cells, stored, data = row[:-2], row[-2], row[-1]
        trial = cells[1]
        again, self._last = trial == self._last, trial
        fault = _odd(cells, data)
        if fault is None:
            block = None if stored == UNVERIFIED else _Block.of([row])
            if block and not block.agrees():
                fault = Fault(trial, "its row does not agree with its hash")
            elif cells[DIGEST] != _digest(data):
                fault = Fault(trial, "its curve does not agree with its digest")
            elif again:
                fault = Fault(trial, "it is there twice")
        self.faults += [fault] if fault else []
        return fault is None

    def _definitions(self, block: "_Block") -> list[Any]:
        """The definition of each trial's setting. Trials that differ only in the seed share one."""
        settings = block.cells[schema.trials.c.setting]
        for setting, text in zip(settings, block.cells[schema.trials.c.definition], strict=True):
            if setting not in self._settings:
                self._settings[setting] = json.loads(text)
        return [self._settings[setting] for setting in settings]

    def _column_names(self, text: str) -> tuple[str, ...]:
        if text not in self._names:
            self._names[text] = tuple(json.loads(text))
        return self._names[text]


class _Block(NamedTuple):
    """Rows by column: the cells of trials, numbers as arrays; the names of curves' columns; hashes; curves."""

    cells: dict[Column[Any], Any]
    names: Sequence[str]
    stored: list[str]
    data: Sequence[bytes]
    rows: Sequence[Any]

    @classmethod
    def of(cls, rows: Sequence[Any]) -> "_Block | None":
        """The rows by column; None if there are no rows, or a cell is of another type than its column."""
        if not rows:
            return None
        *columns, stored, data = zip(*rows, strict=True)
        if not all(types.issuperset(map(type, cells)) for types, cells in zip(TYPES, columns, strict=True)):
            return None
        if not all(type(curve) is bytes for curve in data):
            return None
        *columns, names = columns
        cells: dict[Column[Any], Any] = {
            column: np.array(found, dtype) if dtype else found
            for (column, dtype), found in zip(NUMBERS.items(), columns, strict=True)
        }
        return cls(cells, names, list(stored), data, rows)

    def agrees(self) -> bool:
        """Whether every row matches its hash, made as now or as by earlier versions."""
        if self.stored == trial_hashes(self.cells, self.names):
            return True
        return all(
            stored in earlier_hash(row[:-3], row[-3]) for stored, row in zip(self.stored, self.rows, strict=True)
        )

    def is_good(self, last: int | None) -> bool:
        """Whether all rows are as they were written, each trial once. last: the number of the trial before them."""
        numbers = self.cells[schema.trials.c.trial]
        rising = (np.diff(numbers) > 0).all() and (last is None or numbers[0] > last)
        digests = self.cells[schema.trials.c.digest]
        return bool(rising) and [*digests] == [*map(_digest, self.data)] and self.agrees()


def _digest(curve: bytes) -> str | None:
    return hashlib.sha256(curve).hexdigest() if curve else None


def _odd(cells: Sequence[Any], data: Any) -> Fault | None:
    """The fault of a trial or its curve with an impossible cell; None if there is none."""
    if data is None:
        return Fault(cells[1], "its curve is missing")
    words = odd_cell(CELLS, cells)
    if words is None and not isinstance(data, bytes):
        words = "its curve is not bytes"
    return Fault(cells[1], words, odd=True) if words else None


def record_of(row: Mapping[str, Any], place: str) -> RunRecord:
    """The record of a row of `runs`, checked; a damaged one has the state `damaged`."""
    damage = None
    odd = odd_cell(RUN_COLUMNS, [row[column.name] for column in RUN_COLUMNS])
    if odd is None and not is_id(row["run"]):
        odd = "its id is not one that gdbench gives"
    if odd is not None:
        damage = f"run {row['run']!r} in store {place} is damaged: {odd}"
    elif row["hash"] not in (UNVERIFIED, row_hash(schema.runs, row)):
        damage = f"run {row['run']} in store {place} is damaged: its row in `runs` does not agree with its hash"
    facts = {name: row[name] for name in RunRecord.__annotations__ if name in row}
    if damage is not None:
        blank = {"created": 0.0, "table": {}, "target": None, "environment": {}, "state": "damaged"}
        return RunRecord(**{**facts, **blank, "damage": damage})
    facts |= {name: json.loads(row[name]) for name in ("table", "target", "environment")}
    if row["state"] == "running" and not is_alive(row):
        facts["state"] = "interrupted"
    return RunRecord(**facts)


def _stop(damage: str | None) -> None:
    if damage:
        raise DamagedError(f"{damage}; remove the run, or restore the file from a copy")


def _words(faults: Sequence[Fault], run: str) -> str:
    """What is damaged in a run: the first fault, and which other trials have one."""
    trials = [fault.trial for fault in faults if fault.trial is not None]
    first = next((fault for fault in faults if fault.trial is not None), faults[0])
    if not trials:
        return f"run {run} is damaged: {first.words}"
    more = (
        f" (so are trials {', '.join(map(shown, trials[1 : NAMED + 1]))}{', ...' if len(trials) > NAMED + 1 else ''})"
    )
    return f"trial {shown(first.trial)} of run {run} is damaged{more if len(trials) > 1 else ''}: {first.words}"


def _error(faults: Sequence[Fault], sentence: str) -> StoreError:
    """The error for these faults: StoreError for an impossible cell, DamagedError for a wrong hash."""
    first = next((fault for fault in faults if fault.trial is not None), faults[0])
    return StoreError(sentence) if first.odd else DamagedError(sentence)
