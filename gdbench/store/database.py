"""The database: SQLite in WAL mode, unless a URL says otherwise. One process writes a run; any process may read it."""

import json
import math
import os
import time
import uuid
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, insert, inspect, select, update

from gdbench.errors import StoreError, UsageError, WritingError
from gdbench.inputs.writing import remove_leftovers, temporary_in
from gdbench.results.curves import ALL, Points, curve_bytes, digest
from gdbench.results.metrics import METRICS
from gdbench.results.records import DONE, RunRecord, StoredRun, TrialRecord
from gdbench.store import schema
from gdbench.store.copying import copy_trials
from gdbench.store.integrity import as_stored, hashes_of_trials, names_text, raw, row_hash, timed_hash
from gdbench.store.life import heartbeat, is_alive, this_process
from gdbench.store.migration import bring_up, make_tables
from gdbench.store.opening import FAULTS, READ_ONLY, WRITE, make_file, open_engine, parse_url, reason, stored_version
from gdbench.store.reading import RUN_COLUMNS, Snapshot, record_of
from gdbench.store.rescue import LostError, rescue
from gdbench.store.watching import Watch

OF_RUNS = (schema.notes, schema.timings, schema.subjects, schema.curves, schema.trials, schema.runs)


class Planned(Protocol):
    """A trial that is to be trained (`gdbench.suites.Trial`)."""

    @property
    def index(self) -> int: ...

    @property
    def key(self) -> str: ...

    @property
    def role(self) -> str: ...


class Store:
    """Runs and their trials. location: a file's path or a database URL. Nothing is written before `begin`.

    But a database of an earlier version is brought up to this version when it is opened. Connections are kept open
    while a run is being written, and closed after any other use.
    """

    def __init__(self, location: str | Path) -> None:
        self.url = parse_url(location)
        sqlite = self.url.drivername.startswith("sqlite")
        name = self.url.database if sqlite else None
        self.file = Path(name) if name and name != ":memory:" else None
        self.shared = not sqlite or self.file is not None  # other threads and processes see it
        self._reads = {} if sqlite else {"isolation_level": "REPEATABLE READ"}  # otherwise two reads see two moments
        self._tokens: dict[str, str] = {}  # by run that this store writes
        self._lost: set[str] = set()  # runs that it wrote until they were taken from it
        self._watch: Watch | None = None
        self._engine: Engine | None = None
        if self.file is None or self.file.exists():
            self._engine = self._open()
            self._rest()

    def __reduce__(self) -> tuple[type["Store"], tuple[str]]:
        """In another process the store is opened again, and writes no runs there."""
        return Store, (self.url.render_as_string(hide_password=False),)

    @property
    def place(self) -> str:
        """The store's address in messages."""
        return str(self.file) if self.file else self.url.render_as_string()

    # ------------------------------------------------------------------------------------------------- connections

    def _open(self) -> Engine:
        """An engine for a database that is ours or empty, brought up to this version."""
        engine = open_engine(self.url, self.file)
        try:
            with engine.connect() as connection:
                version = stored_version(connection)
            if version is not None and version < schema.VERSION:
                with engine.execution_options(**{WRITE: True}).begin() as connection:
                    bring_up(connection, version)
        except FAULTS as error:
            engine.dispose()
            raise StoreError(f"store {self.place} cannot be opened: {reason(error)}") from None
        weakref.finalize(self, engine.dispose)  # a store that is dropped leaves no connection open
        return engine

    def _writable(self) -> None:
        """Make the database if there is none, and the tables that it lacks."""
        if self.file is not None:
            try:
                self.file.parent.mkdir(parents=True, exist_ok=True)
                remove_leftovers(self.file.parent)
                if not self.file.exists():
                    self._make(self.file)
            except OSError as error:
                raise StoreError(
                    f"store {self.file} cannot be made: {error.strerror or error}; choose another with --store or --out"
                ) from None
        if self._engine is None:
            self._engine = self._open()
        if self._engine.get_execution_options().get(READ_ONLY):
            raise StoreError(
                f"store {self.place} is in a folder that cannot be written to; choose another with --store"
            )
        with self._writing() as connection:
            make_tables(connection)

    def _make(self, path: Path) -> None:
        """Make the database beside its place and rename it when it is complete, so that nobody sees half of one."""
        logs = [path.with_name(f"{path.name}{ending}") for ending in ("-wal", "-shm")]
        left = {log: log.stat().st_ino for log in logs if log.exists()}
        if path.exists():  # another process was first, and these may be its own
            return
        with temporary_in(path.parent) as temporary:
            try:
                make_file(temporary)
            except FAULTS as error:
                raise StoreError(
                    f"store {path} cannot be made: {reason(error)}; make room, or choose another with --store or --out"
                ) from None
            # The log of a database that was moved away would be read as this one's. Only logs from before are set
            # aside: another process may have made the store meanwhile, and uses its log.
            for log, number in left.items():
                with suppress(FileNotFoundError):
                    if log.stat().st_ino == number:
                        log.replace(log.with_name(f"{log.name}.of-a-moved-store"))
            try:
                with suppress(FileExistsError):  # another process was first
                    os.link(temporary, path)
            except OSError:  # a file system without links
                if not path.exists():
                    temporary.replace(path)

    def _rest(self) -> None:
        """Close the connections to a file, unless a run is being written; closing the last one empties the log."""
        if self._engine is not None and self.file is not None and not self._tokens:
            self._engine.dispose()
            self._watch = None

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """The store as it is now, in one transaction; the snapshot is empty if there is no database yet."""
        if self._engine is None and self.file and self.file.exists():
            self._engine = self._open()
        if self._engine is None:
            yield Snapshot(None, self.place)
            return
        try:
            with self._engine.execution_options(**self._reads).connect() as connection:
                yield Snapshot(connection if inspect(connection).has_table("runs") else None, self.place)
        except FAULTS as error:
            raise StoreError(f"store {self.place} cannot be read: {reason(error)}") from None
        finally:
            self._rest()

    @contextmanager
    def _writing(self, run: str | None = None) -> Iterator[Connection]:
        """A transaction that holds the write lock from its beginning, so that what it reads stays true.

        run: the run that it changes. Raises WritingError if another process has taken the run from this store, and
        LostError if the file is not the same any more. Nothing is committed then.
        """
        assert self._engine is not None, "begin or resume a run first"
        try:
            with self._engine.execution_options(**{WRITE: True}).begin() as connection:
                self._check_writer(connection, run)
                yield connection
                self._check_file(run)
        except FAULTS as error:
            if run in self._tokens:
                raise WritingError(
                    f"store {self.place} cannot be written: {reason(error)}; run {run} keeps what is stored, and the "
                    "same command continues from there"
                ) from None
            raise StoreError(f"store {self.place} cannot be written: {reason(error)}") from None
        finally:
            self._rest()

    def _check_file(self, run: str | None) -> None:
        moved = self._watch.moved() if self._watch and run in self._tokens else None
        if moved:
            raise LostError(f"store {self.place} {moved} while run {run} was written into it")

    def _check_writer(self, connection: Connection, run: str | None) -> None:
        if run not in self._tokens:
            return
        self._check_file(run)
        token = connection.execute(select(schema.runs.c.token).where(schema.runs.c.run == run)).one_or_none()
        if token is None:
            raise WritingError(f"run {run} was removed from store {self.place} while it ran, so it stops")
        if token[0] != self._tokens[run]:
            raise WritingError(
                f"run {run} in store {self.place} was taken over by another process, which continues it; this one stops"
            )

    def _hold(self, run: str, token: str) -> None:
        """From now on this store writes the run. Called inside the transaction that stores this."""
        self._tokens[run] = token
        self._lost.discard(run)
        if self.file is not None and self._watch is None:
            self._watch = Watch(self.file)

    def _release(self, run: str) -> None:
        self._tokens.pop(run, None)
        self._rest()

    # ------------------------------------------------------------------------------------------------------- runs

    def begin(self, *, identity: str, **values: Any) -> str:
        """Begin a run in state `running`; returns its id. values: columns of the table `runs`."""
        run, token, process = uuid.uuid4().hex[:8], uuid.uuid4().hex, this_process()
        row = as_stored(
            schema.runs,
            {
                "run": run,
                "identity": identity,
                "state": "running",
                "created": process["heartbeat"],
                **process,
                "token": token,
                "stored": 0,
                "done": 0,
                "timed": timed_hash([], []),
                **values,
            },
        )
        self._writable()
        with self._writing() as connection:
            connection.execute(insert(schema.runs).values({**row, "hash": row_hash(schema.runs, row)}))
            connection.execute(update(schema.schema).values(runs=schema.schema.c.runs + 1))
            self._hold(run, token)
        return run

    def resume(self, identity: str) -> RunRecord | None:
        """Take over the latest unfinished run of that identity that nobody writes; None if there is none.

        A complete run is unfinished until it is released. Damaged trials of the run are deleted.
        """
        with self.snapshot() as snapshot:
            if snapshot.connection is None:
                return None
        self._writable()
        query = select(*map(raw, RUN_COLUMNS)).where(schema.runs.c.identity == identity)
        with self._writing() as connection:
            rows = [dict(row) for row in connection.execute(query.order_by(schema.runs.c.created.desc())).mappings()]
            for row in rows:
                held = row["state"] == "running" or row["token"] is not None
                over = row["state"] == "complete" and row["token"] is None
                if over or (held and is_alive(row)) or record_of(row, self.place).damage:
                    continue
                run, token = row["run"], uuid.uuid4().hex
                state = row["state"] if row["state"] == "complete" else "running"
                self._mend(connection, run)
                changed = self._change(connection, run, state=state, token=token, **this_process())
                self._hold(run, token)
                return record_of(changed, self.place)
        return None

    def heartbeat(self, run: str) -> None:
        """Store that the process that writes the run is alive."""
        if run in self._tokens:
            with self._writing(run) as connection:
                connection.execute(update(schema.runs).where(schema.runs.c.run == run).values(heartbeat()))

    def finish(self, run: str, state: str, environment: Mapping[str, Any] | None = None, *, hold: bool = False) -> None:
        """Close a run as `complete`, `failed` or `interrupted`, unless this store wrote it and has lost it.

        hold: keep the run for this process, which has more to make of it, until `release`.
        """
        if run in self._lost - self._tokens.keys():  # the writer got an error, and the run is not ours to change
            return
        values = {"state": state, "finished": time.time()}
        values |= {} if environment is None else {"environment": dict(environment)}
        values |= {} if hold else {"token": None}
        with self._rescuing(run), self._writing(run) as connection:
            self._change(connection, run, **values)
        if not hold:
            self._release(run)

    def release(self, run: str) -> None:
        """End this process's hold on a run, as everything is made of it; the same suite then begins a new run."""
        if run in self._tokens:
            with self._rescuing(run), self._writing(run) as connection:
                self._change(connection, run, token=None)
            self._release(run)

    def close(self) -> None:
        """Close all connections. Runs that were being written stay unfinished."""
        self._tokens.clear()
        self._rest()

    @contextmanager
    def _rescuing(self, run: str, *trials: Any) -> Iterator[None]:
        """Write the results elsewhere if the database is lost. trials: rows of `trials` and `curves` to add."""
        try:
            yield
        except LostError as lost:
            assert self._engine is not None and self.file is not None
            self._lost |= self._tokens.keys()
            self._tokens.clear()
            with self._engine.connect() as connection:
                sentence = rescue(connection, run, self.file, trials)
                connection.rollback()
                if self._watch:
                    self._watch.abandon(connection.connection.driver_connection)  # type: ignore[arg-type]
            self._rest()
            raise WritingError(f"{lost}; {sentence}") from None
        except WritingError:
            self._lost.add(run)
            self._release(run)
            raise

    def _change(self, connection: Connection, run: str, **values: Any) -> dict[str, Any]:
        """Change columns of a run and update its hash; returns its row."""
        row = connection.execute(select(*map(raw, RUN_COLUMNS)).where(schema.runs.c.run == run)).mappings().one()
        values = as_stored(schema.runs, values)
        values["hash"] = row_hash(schema.runs, {**row, **values})
        connection.execute(update(schema.runs).where(schema.runs.c.run == run).values(values))
        return {**row, **values}

    def _mend(self, connection: Connection, run: str) -> None:
        """Delete the damaged trials of a run, so that they are trained again, and count the others."""
        for number in Snapshot(connection, self.place).damaged_trials(run):
            _delete_trials(connection, run, schema.trials.c.trial == number, schema.curves.c.trial == number)
        self._recount(connection, run)

    def _recount(self, connection: Connection, run: str) -> None:
        query = select(schema.trials.c.status, func.count()).where(schema.trials.c.run == run)
        counts = {row[0]: row[1] for row in connection.execute(query.group_by(schema.trials.c.status))}
        done = sum(count for status, count in counts.items() if status in DONE)
        self._change(connection, run, stored=sum(counts.values()), done=done)

    def runs(self) -> list[RunRecord]:
        """All runs, the latest first; one whose process died is `interrupted`, whatever its row says."""
        with self.snapshot() as snapshot:
            return snapshot.runs

    def find(self, name: str, *, damaged: str = "stop") -> RunRecord:
        """See `Snapshot.find`."""
        with self.snapshot() as snapshot:
            return snapshot.find(name, damaged=damaged)

    def read(self, run: str, *, damaged: str = "stop", points: Points = ALL) -> StoredRun:
        """See `Snapshot.read`."""
        with self.snapshot() as snapshot:
            return snapshot.read(run, damaged=damaged, points=points)

    def remove(self, run: str) -> None:
        """Delete a run and everything that belongs to it; raises UsageError if it is being written."""
        with self._writing() as connection:
            query = select(*map(raw, RUN_COLUMNS)).where(schema.runs.c.run == run)
            found = connection.execute(query).mappings().one_or_none()
            if found is None:  # another process was first
                raise UsageError(f"run {run!r} is not in {self.place} any more")
            row = dict(found)
            if (row["state"] == "running" or row["token"] is not None) and is_alive(row):
                raise UsageError(f"run {run} is running (process {row['process']} on {row['host']}); stop it first")
            for table in OF_RUNS:
                deleted = connection.execute(delete(table).where(table.c.run == run)).rowcount
            connection.execute(update(schema.schema).values(runs=schema.schema.c.runs - deleted))

    def annotate(self, run: str, text: str) -> None:
        """Store a note on a run, in place of an earlier one."""
        row = {"run": run, "text": text, "created": time.time()}
        with self._writing() as connection:
            connection.execute(delete(schema.notes).where(schema.notes.c.run == run))
            connection.execute(insert(schema.notes).values(**row, hash=row_hash(schema.notes, row)))

    def notes(self) -> dict[str, str]:
        """The notes by run."""
        with self.snapshot() as snapshot:
            return snapshot.notes()

    # ------------------------------------------------------------------------------------------------------- trials

    def add(self, run: str, code: str, backend: str, records: Sequence[TrialRecord]) -> None:
        """Store finished trials with their curves in one transaction, in place of failed trials of the same numbers."""
        curves = [
            {"run": run, "trial": r.trial, "columns": list(r.columns), "data": curve_bytes(r.curve)} for r in records
        ]
        trials = _trial_rows(records, run, code, backend)
        numbers = [record.trial for record in records]
        mine = (schema.trials.c.run == run) & schema.trials.c.trial.in_(numbers)
        with self._rescuing(run, trials, curves), self._writing(run) as connection:
            before = connection.scalars(select(schema.trials.c.status).where(mine)).all()
            if before:
                of_curves = schema.curves.c.trial.in_(numbers)
                _delete_trials(connection, run, schema.trials.c.trial.in_(numbers), of_curves)
            connection.execute(insert(schema.trials), trials)
            connection.execute(insert(schema.curves), curves)
            held = connection.execute(
                select(schema.runs.c.stored, schema.runs.c.done).where(schema.runs.c.run == run)
            ).one()
            done = sum(record.status in DONE for record in records) - sum(status in DONE for status in before)
            self._change(
                connection, run, stored=(held.stored or 0) + len(records) - len(before), done=(held.done or 0) + done
            )

    def add_timings(
        self,
        run: str,
        backend: str,
        subjects: Sequence[Mapping[str, Any]],
        samples: Sequence[Mapping[str, Any]],
        *,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Store the subjects and every raw sample of a timing, in place of what the run had before.

        subjects, samples: rows by the names of the columns of `subjects` and `timings`. facts: about the timing, which
        the run's environment gets; None takes one away.
        """
        if self._engine is None:  # the run was stored by another process
            self._writable()
        tables = (
            (schema.timings, [as_stored(schema.timings, {**row, "run": run, "backend": backend}) for row in samples]),
            (schema.subjects, [as_stored(schema.subjects, {**row, "run": run}) for row in subjects]),
        )
        hashed = [[tuple(row.get(column.name) for column in table.columns) for row in rows] for table, rows in tables]
        with self._rescuing(run), self._writing(run) as connection:
            for table, rows in reversed(tables):
                connection.execute(delete(table).where(table.c.run == run))
                if rows:
                    connection.execute(insert(table), rows)
            known = connection.scalar(select(raw(schema.runs.c.environment)).where(schema.runs.c.run == run))
            environment = {**json.loads(known or "{}"), **(facts or {})}
            environment = {name: fact for name, fact in environment.items() if fact is not None}
            self._change(connection, run, timed=timed_hash(*hashed), environment=environment)

    def copy_trials(self, source: str, run: str, trials: Iterable["Planned"]) -> int:
        """Copy trials of another run that have the key, role and code of planned ones; returns how many.

        Damaged trials, and planned ones that the run has already, are left out.
        """
        have = self._keys(run)
        wanted = {(trial.key, trial.role): trial.index for trial in trials if trial.index not in have}
        with self._rescuing(run), self._writing(run) as connection:
            count = copy_trials(connection, source, run, wanted)
            self._recount(connection, run)
        return count

    def amend(self, run: str, **values: Any) -> None:
        """Change columns of a run that goes on, such as its suite's table."""
        with self._rescuing(run), self._writing(run) as connection:
            self._change(connection, run, **values)

    def keep(self, run: str, keys: Mapping[int, str]) -> None:
        """Delete trials that are not in the plan (keys by number): a failed trial may have led to another choice."""
        stale = [number for number, key in self._keys(run).items() if keys.get(number) != key]
        if stale:
            with self._rescuing(run), self._writing(run) as connection:
                for number in stale:
                    _delete_trials(connection, run, schema.trials.c.trial == number, schema.curves.c.trial == number)
                self._recount(connection, run)

    def done(self, run: str) -> dict[int, str]:
        """The keys of the trials of a run that need not be trained again, by number."""
        return self._keys(run, schema.trials.c.status.in_(DONE))

    def _keys(self, run: str, *conditions: ColumnElement[bool]) -> dict[int, str]:
        columns = schema.trials.c
        query = select(columns.trial, columns.key).where(columns.run == run, *conditions)
        with self.snapshot() as snapshot:
            connection = snapshot.connection
            return {} if connection is None else {row.trial: row.key for row in connection.execute(query)}

    def rows(self, table: str, run: str) -> Sequence[Mapping[str, Any]]:
        """All rows of a run in `trials`, `curves`, `timings` or `subjects`, in order of their primary key."""
        chosen = schema.metadata.tables[table]
        with self.snapshot() as snapshot:
            if snapshot.connection is None:
                return []
            query = select(chosen).where(chosen.c.run == run).order_by(*chosen.primary_key.columns)
            return [dict(row) for row in snapshot.connection.execute(query).mappings()]


def _delete_trials(
    connection: Connection, run: str, of_trials: ColumnElement[bool], of_curves: ColumnElement[bool]
) -> None:
    connection.execute(delete(schema.curves).where(schema.curves.c.run == run, of_curves))
    connection.execute(delete(schema.trials).where(schema.trials.c.run == run, of_trials))


def _trial_rows(records: Sequence[TrialRecord], run: str, code: str, backend: str) -> list[dict[str, Any]]:
    rows = []
    for record in records:
        final = record.final
        facts = {
            **{k: v for k, v in vars(record).items() if k not in ("columns", "curve", "whole")},
            **{name: final.get(name) for name in METRICS},
            "crossings": [step if math.isfinite(step) else None for step in record.crossings] or None,
            "run": run,
            "code": code,
            "backend": backend,
            "digest": digest(record.curve) if len(record.curve) else None,
        }
        rows.append(as_stored(schema.trials, facts))
    hashes = hashes_of_trials(rows, [names_text(record.columns) for record in records])
    return [{**row, "hash": hashed} for row, hashed in zip(rows, hashes, strict=True)]
