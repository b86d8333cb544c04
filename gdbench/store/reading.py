"""What a store holds at one moment: everything is read in one transaction, and checked (integrity.py).

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
from sqlalchemy import Column, Connection, Float, Integer, Table, and_, func, select

from gdbench.errors import DamagedError, StoreError, UsageError
from gdbench.results.files import is_id
from gdbench.results.records import Curves, RunRecord, StoredRun
from gdbench.store import schema
from gdbench.store.integrity import UNVERIFIED, cells_hash, covered, odd_cell, raw, row_hash, timed_hash
from gdbench.store.life import is_alive

NAMED = 5  # trials that a sentence names at most
BATCH = 2000  # rows that are checked and put into columns at a time
RUN_COLUMNS = list(schema.runs.columns)
TRIAL_COLUMNS = covered(schema.trials)
DIGEST = [column.name for column in TRIAL_COLUMNS].index("digest")
# Columns of texts that many trials share: one copy of each is kept.
SHARED = ("run", "code", "setting", "problem", "rule", "role", "dtype", "backend", "status")


class Problem(NamedTuple):
    """What is wrong with one trial. odd: a cell holds what its column cannot hold."""

    trial: Any
    words: str
    odd: bool = False


class Snapshot:
    """A store as it is at one moment. Without a connection: one that holds nothing."""

    def __init__(self, connection: Connection | None, place: str) -> None:
        self.connection, self.place = connection, place

    @cached_property
    def runs(self) -> list[RunRecord]:
        """All runs, the latest first; one whose process died is `interrupted`, whatever it last said of itself."""
        if self.connection is None:
            return []
        with _cells(self.place):
            rows = [dict(row) for row in self.connection.execute(select(*map(raw, RUN_COLUMNS))).mappings()]
        return sorted((record_of(row, self.place) for row in rows), key=lambda record: -record.created)

    @cached_property
    def missing(self) -> str | None:
        """A sentence where the store does not hold as many runs as it should."""
        if self.connection is None:
            return None
        expected = self.connection.scalar(select(func.max(schema.schema.c.runs)))
        if expected == len(self.runs):
            return None
        return f"store {self.place} is damaged: it holds {len(self.runs)} runs in place of {expected}"

    def checked(self, skip: bool = False) -> list[RunRecord]:
        """All runs, for what rests on every one of them; raises DamagedError unless damaged ones are to be skipped."""
        if not skip:
            _stop(next((record.damage for record in self.runs if record.damage), self.missing))
        return [record for record in self.runs if record.damage is None]

    def find(self, name: str, *, damaged: str = "stop") -> RunRecord:
        """The run of an id, its unique beginning, `latest` or `latest~1`; raises UsageError otherwise.

        damaged: `stop` raises DamagedError where the choice rests on what is damaged, `skip` passes over damaged runs,
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

    def read(self, run: str, *, damaged: str = "stop") -> StoredRun:
        """All that belongs to a run. damaged: `stop` raises DamagedError, `skip` leaves out trials and timings."""
        record = next((record for record in self.runs if record.run == run), None)
        if self.connection is None or record is None:
            raise UsageError(f"run {run!r} is not in {self.place} any more")
        _stop(record.damage)
        found = self._trials(run)
        problems = found.problems
        if found.seen != record.stored:
            problems.append(Problem(None, f"it has {found.seen} trials in place of {record.stored}"))
        tables = [self._rows(table, run) for table in (schema.timings, schema.subjects)]
        notices = []
        if record.timed not in (UNVERIFIED, timed_hash(*tables)):
            problems.append(Problem(None, "its timings do not agree with their hash"))
            tables = [[], []]
        if problems:
            words = _words(problems, run)
            if damaged != "skip":
                raise _error(problems, f"{words}, in store {self.place}; --skip-damaged (damaged='skip') leaves it out")
            notices.append(f"left out: {words}")
        if found.unverified or UNVERIFIED in (record.hash, record.timed):
            notices.append(f"run {run} is unverified: it was written by a gdbench that stored no hashes")
        timings, subjects = (
            [dict(zip(table.columns.keys(), row, strict=True)) for row in rows]
            for table, rows in zip((schema.timings, schema.subjects), tables, strict=True)
        )
        return StoredRun(record, found.values(), found.curves, timings, subjects, notices)

    def damaged_trials(self, run: str) -> list[Any]:
        """The numbers of the trials of a run that are not as they were written."""
        return [problem.trial for problem in self._trials(run).problems]

    def notes(self) -> dict[str, str]:
        """The notes by run; raises DamagedError for one that is not as it was written."""
        if self.connection is None:
            return {}
        known = {record.run for record in self.runs}
        found = {}
        for row in map(dict, self.connection.execute(select(schema.notes)).mappings()):
            if row["run"] not in known or row["hash"] not in (UNVERIFIED, row_hash(schema.notes, row)):
                raise DamagedError(f"the note on run {row['run']!r} in store {self.place} is damaged; accept it anew")
            found[row["run"]] = row["text"]
        return found

    def _rows(self, table: Table, run: str) -> list[tuple[Any, ...]]:
        assert self.connection is not None
        query = select(table).where(table.c.run == run).order_by(*table.primary_key.columns)
        return [tuple(row) for row in self.connection.execute(query)]

    def _trials(self, run: str) -> "_Columns":
        """The trials of a run with their curves."""
        assert self.connection is not None
        trials, curves = schema.trials, schema.curves
        both = trials.outerjoin(curves, and_(curves.c.run == trials.c.run, curves.c.trial == trials.c.trial))
        query = (
            select(*map(raw, TRIAL_COLUMNS), raw(curves.c.columns), trials.c.hash, curves.c.data)
            .select_from(both)
            .where(trials.c.run == run)
            .order_by(trials.c.trial)
        )
        found = _Columns()
        with _cells(self.place), _uncollected():
            for rows in self.connection.execute(query).partitions(BATCH):
                found.add(rows)
        return found


@contextmanager
def _cells(place: str) -> Iterator[None]:
    """Cells of another type than their column's, which SQLite allows, may be refused by SQLAlchemy."""
    try:
        yield
    except (TypeError, ValueError, OverflowError) as error:
        raise StoreError(f"store {place} holds a cell that is not of its column's type ({error})") from None


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of cycles: it looks through millions of cells again and again, and they hold none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Columns:
    """The trials that are as they were written, by column, and what is wrong with the others."""

    def __init__(self) -> None:
        self._values: dict[Column[Any], list[Any]] = {column: [] for column in TRIAL_COLUMNS}
        self.curves: list[Curves] = []
        self.problems: list[Problem] = []
        self.unverified = False
        self.seen = 0
        self._last: Any = None
        self._shared: dict[Any, Any] = {}
        self._names: dict[str, tuple[str, ...]] = {}

    def add(self, rows: Sequence[Any]) -> None:
        """Check rows: the cells of a trial, the names of its curve's columns, its hash, its curve."""
        good = [row for row in rows if self._is_good(row)]
        if not good:
            return
        *columns, names, _, data = zip(*good, strict=True)
        for (column, values), cells in zip(self._values.items(), columns, strict=True):
            values.append(self._kept(column, cells))
        self.curves.append(Curves([*map(self._column_names, names)], [*map(len, data)], b"".join(data)))

    def values(self) -> dict[str, Any]:
        """The values of all trials by column: numbers as an array, NaN for those that may be missing and are."""
        found: dict[str, Any] = {}
        for column, parts in self._values.items():
            dtype = _dtype(column)
            texts = dtype is None
            found[column.name] = (
                [*chain.from_iterable(parts)] if texts else np.concatenate([np.zeros(0, dtype), *parts])
            )
            parts.clear()
        return found

    def _kept(self, column: Column[Any], cells: Sequence[Any]) -> Any:
        """The cells of a column as `values` gives them; of texts that many trials share, one copy."""
        dtype = _dtype(column)
        if dtype is not None:
            return np.array(cells, dtype)
        if column.name == "definition":
            return [*map(self._definition, cells)]
        return [*map(self._shared.setdefault, cells, cells)] if column.name in SHARED else cells

    def _is_good(self, row: Any) -> bool:
        self.seen += 1
        cells, stored, data = row[:-2], row[-2], row[-1]
        trial, points = cells[1], hashlib.sha256(data).hexdigest() if data and isinstance(data, bytes) else None
        again, self._last = trial == self._last, trial
        hashed = cells_hash(cells)
        if stored == hashed and cells[DIGEST] == points and isinstance(data, bytes) and not again:
            return True
        self.unverified |= stored == UNVERIFIED
        problem = None
        if stored != hashed or not isinstance(data, bytes):
            problem = _odd(cells, data)
        if problem is None and stored not in (hashed, UNVERIFIED):
            problem = Problem(trial, "its row does not agree with its hash")
        if problem is None and cells[DIGEST] != points:
            problem = Problem(trial, "its curve does not agree with its digest")
        if problem is None and again:
            problem = Problem(trial, "it is there twice")
        self.problems += [problem] if problem else []
        return problem is None

    def _definition(self, text: str) -> Any:
        """The definition of a trial's setting: trials of other seeds share it."""
        head, _, tail = text.rpartition('"seed": ')
        key = head if tail[:-1].isdigit() else text
        if key not in self._shared:
            self._shared[key] = json.loads(text)
        return self._shared[key]

    def _column_names(self, text: str) -> tuple[str, ...]:
        if text not in self._names:
            self._names[text] = tuple(json.loads(text))
        return self._names[text]


def _dtype(column: Column[Any]) -> type | None:
    """What an array of a column's numbers is of; None for a column of texts."""
    if isinstance(column.type, Integer):
        return np.float64 if column.nullable else np.int64
    return np.float64 if isinstance(column.type, Float) else None


def _odd(cells: Sequence[Any], data: Any) -> Problem | None:
    """A cell of a trial or its curve that holds what cannot be there."""
    if data is None:
        return Problem(cells[1], "its curve is missing")
    words = odd_cell([*TRIAL_COLUMNS, schema.curves.c.columns], cells)
    if words is None and not isinstance(data, bytes):
        words = "its curve is no bytes"
    return Problem(cells[1], words, odd=True) if words else None


def record_of(row: Mapping[str, Any], place: str) -> RunRecord:
    """A row of `runs`, checked. What is damaged has the state `damaged`."""
    damage = None
    odd = odd_cell(RUN_COLUMNS, [row[column.name] for column in RUN_COLUMNS])
    if odd is None and not is_id(row["run"]):
        odd = "its id is none that gdbench gives"
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


def _words(problems: Sequence[Problem], run: str) -> str:
    """What is damaged of a run: the first problem, and how many trials have one."""
    trials = [problem.trial for problem in problems if problem.trial is not None]
    first = next((problem for problem in problems if problem.trial is not None), problems[0])
    if not trials:
        return f"run {run} is damaged: {first.words}"
    more = f" (so are trials {', '.join(map(str, trials[1 : NAMED + 1]))}{', ...' if len(trials) > NAMED + 1 else ''})"
    return f"trial {first.trial} of run {run} is damaged{more if len(trials) > 1 else ''}: {first.words}"


def _error(problems: Sequence[Problem], sentence: str) -> StoreError:
    """Odd cells make a store that cannot be used; what differs from its hash is damaged."""
    first = next((problem for problem in problems if problem.trial is not None), problems[0])
    return StoreError(sentence) if first.odd else DamagedError(sentence)
