"""The database: SQLite in WAL mode unless a URL says otherwise. One process writes a run; any may read."""

import os
import socket
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Engine,
    create_engine,
    delete,
    event,
    func,
    insert,
    inspect,
    make_url,
    select,
    update,
)
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError

from gdbench.curves import curve_bytes, digest
from gdbench.data.paths import user_path
from gdbench.errors import StoreError, UsageError
from gdbench.files import sqlite_uri
from gdbench.store import schema
from gdbench.store.records import DONE, RunRecord, TrialRecord

_WRITE = "gdbench_write"
ALIVE_SECONDS = 60.0  # a run on another machine without a heartbeat for so long has died


class Store:
    """Runs and their trials. `location` is a file's path or a database URL; nothing is written before `begin`.

    But for a database of an earlier version, which becomes one of this version when it is opened.
    """

    def __init__(self, location: str | Path) -> None:
        self.url = _url(location)
        name = self.url.database if self.url.drivername.startswith("sqlite") else None
        self.file = Path(name) if name and name != ":memory:" else None
        if self.file and not self.file.exists():
            self._engine: Engine | None = None
        else:
            self._engine = self._open()

    def _open(self) -> Engine:
        """An engine for a database that is ours or empty; refuses any other before anything could write to it."""
        if self.file and self.file.exists():
            _check_sqlite_file(self.file)
        try:
            sqlite = self.url.drivername.startswith("sqlite")
            engine = self._engine_for_sqlite() if sqlite else create_engine(self.url)
            with engine.connect() as connection:
                tables = inspect(connection).get_table_names()
                version = _version(connection) if schema.schema.name in tables else None
            _check_schema(tables, version, self.place)
            if version is not None and version < schema.VERSION:
                with engine.execution_options(**{_WRITE: True}).begin() as connection:
                    _bring_up(connection)
        except (DatabaseError, NoSuchModuleError, ModuleNotFoundError) as error:
            raise StoreError(f"store {self.place} cannot be opened: {_reason(error)}") from None
        return engine

    @property
    def place(self) -> str:
        """The store's address, as messages name it."""
        return str(self.file) if self.file else self.url.render_as_string()

    def _writable(self) -> Engine:
        """The engine of a database that has its tables."""
        if self._engine is None:
            assert self.file is not None
            try:
                self.file.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(
                    f"store folder {self.file.parent} cannot be made: {error.strerror}; "
                    "choose another with --store or --out"
                ) from None
            if not self.file.exists():
                self._create(self.file)
            self._engine = self._open()
        with self._writing() as connection:
            _make_tables(connection)
        return self._engine

    def _create(self, path: Path) -> None:
        """Make the database beside its place and give it its name when it is whole: nobody sees half of one."""
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
        maker = Store(temporary)
        maker._engine = maker._engine_for_sqlite()
        try:
            with maker._writing() as connection:
                _make_tables(connection)
            maker._engine.dispose()  # the last connection empties the write-ahead log into the file
            with suppress(FileExistsError):  # another process was first
                os.link(temporary, path)
        except OSError:  # a file system without links
            if not path.exists():
                temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def _engine_for_sqlite(self) -> Engine:
        engine = create_engine(self.url)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    @contextmanager
    def _reading(self) -> Iterator[Connection | None]:
        """A connection, or None when there is no database yet."""
        if self._engine is None and self.file and self.file.exists():
            self._engine = self._open()
        if self._engine is None:
            yield None
            return
        try:
            with self._engine.connect() as connection:
                yield connection if inspect(connection).has_table("runs") else None
        except DatabaseError as error:
            raise StoreError(f"store {self.place} cannot be read: {_reason(error)}") from None

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its beginning, so that what it reads stays true."""
        assert self._engine is not None, "begin or resume a run first"
        try:
            with self._engine.execution_options(**{_WRITE: True}).begin() as connection:
                yield connection
        except DatabaseError as error:
            raise StoreError(f"store {self.place} cannot be written: {_reason(error)}") from None

    # ------------------------------------------------------------------------------------------------------- runs

    def begin(self, *, identity: str, **values: Any) -> str:
        """A new run in state `running`; returns its id. `values` are columns of the table `runs`."""
        run = uuid.uuid4().hex[:8]
        now = time.time()
        row = {"run": run, "identity": identity, "state": "running", "created": now, **_alive(now), **values}
        self._writable()
        with self._writing() as connection:
            connection.execute(insert(schema.runs).values(row))
        return run

    def resume(self, identity: str) -> RunRecord | None:
        """The latest run of that identity that is neither complete nor alive, from now on this process's; or None."""
        with self._reading() as connection:
            if connection is None:
                return None
        self._writable()
        query = select(schema.runs).where(schema.runs.c.identity == identity).order_by(schema.runs.c.created.desc())
        with self._writing() as connection:
            for row in connection.execute(query).mappings():
                if row["state"] != "complete" and not _is_alive(dict(row)):
                    values = {"state": "running", **_alive(time.time())}
                    connection.execute(update(schema.runs).where(schema.runs.c.run == row["run"]).values(values))
                    return RunRecord(**{**row, **values})
        return None

    def heartbeat(self, run: str) -> None:
        """Say that the run's process lives."""
        self._update(run, heartbeat=time.time())

    def finish(self, run: str, state: str, environment: Mapping[str, Any] | None = None) -> None:
        """Close a run as `complete` or `interrupted`."""
        extra = {} if environment is None else {"environment": dict(environment)}
        self._update(run, state=state, finished=time.time(), **extra)

    def _update(self, run: str, **values: Any) -> None:
        with self._writing() as connection:
            connection.execute(update(schema.runs).where(schema.runs.c.run == run).values(values))

    def runs(self) -> list[RunRecord]:
        """All runs, the latest first; one whose process died is `interrupted`, whatever it last said of itself."""
        with self._reading() as connection:
            if connection is None:
                return []
            rows = connection.execute(select(schema.runs).order_by(schema.runs.c.created.desc())).mappings().all()
        return [_record(dict(row)) for row in rows]

    def find(self, name: str) -> RunRecord:
        """The run of an id, its unique beginning, `latest` or `latest~1`; raises UsageError otherwise."""
        records = self.runs()
        place = self.place
        if not records:
            raise UsageError(f"there are no runs in {place}; make one with `gdbench run`")
        base, _, back = name.partition("~")
        if base == "latest" and ((back.isascii() and back.isdigit()) or "~" not in name):
            index = int(back or 0)
            if index >= len(records):
                raise UsageError(
                    f"run {name!r} is not in {place}: it holds {len(records)}; latest~{len(records) - 1} is the oldest"
                )
            return records[index]
        matches = [record for record in records if record.run.startswith(name)] if name else []
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise UsageError(
                f"run {name!r} is not unique: it begins {', '.join(m.run for m in matches[:5])}; give more of it"
            )
        raise UsageError(f"run {name!r} is not in {place}; `gdbench list runs` shows what is")

    def remove(self, run: str) -> None:
        """Delete a run with all that belongs to it."""
        with self._writing() as connection:
            tables = (schema.notes, schema.timings, schema.subjects, schema.curves, schema.trials, schema.runs)
            for table in tables:
                connection.execute(delete(table).where(table.c.run == run))

    def annotate(self, run: str, text: str) -> None:
        """Keep a note on a run, in place of the one it had."""
        with self._writing() as connection:
            connection.execute(delete(schema.notes).where(schema.notes.c.run == run))
            connection.execute(insert(schema.notes).values(run=run, text=text, created=time.time()))

    def notes(self) -> dict[str, str]:
        """The notes by run."""
        with self._reading() as connection:
            return {} if connection is None else {row.run: row.text for row in connection.execute(select(schema.notes))}

    # ------------------------------------------------------------------------------------------------------- trials

    def add(self, run: str, code: str, backend: str, records: Sequence[TrialRecord]) -> None:
        """Store finished trials with their curves, in one transaction; failed ones of before give way."""
        trials = [_trial_row(record, run, code, backend) for record in records]
        curves = [
            {"run": run, "trial": r.trial, "columns": list(r.columns), "data": curve_bytes(r.curve)} for r in records
        ]
        numbers = [record.trial for record in records]
        with self._writing() as connection:
            for table in (schema.curves, schema.trials):
                connection.execute(delete(table).where(table.c.run == run, table.c.trial.in_(numbers)))
            connection.execute(insert(schema.trials), trials)
            connection.execute(insert(schema.curves), curves)

    def add_timings(
        self, run: str, backend: str, subjects: Sequence[Mapping[str, Any]], samples: Sequence[Mapping[str, Any]]
    ) -> None:
        """Store what was timed and every raw sample, in place of what the run held before.

        subjects, samples: rows by the names of the columns of `subjects` and `timings`.
        """
        with self._writing() as connection:
            for table, rows in (
                (schema.subjects, [{**row, "run": run} for row in subjects]),
                (schema.timings, [{**row, "run": run, "backend": backend} for row in samples]),
            ):
                connection.execute(delete(table).where(table.c.run == run))
                if rows:
                    connection.execute(insert(table), rows)

    def keep(self, run: str, keys: Mapping[int, str]) -> None:
        """Delete the trials that are not in the plan, a key by number: failed ones that chose otherwise left them."""
        stale = [(number, key) for number, key in self._keys(run).items() if keys.get(number) != key]
        with self._writing() as connection:
            for number, _ in stale:
                for table in (schema.curves, schema.trials):
                    connection.execute(delete(table).where(table.c.run == run, table.c.trial == number))

    def done(self, run: str) -> dict[int, str]:
        """The key of every trial of a run that need not be trained again, by its number."""
        return self._keys(run, schema.trials.c.status.in_(DONE))

    def _keys(self, run: str, *conditions: ColumnElement[bool]) -> dict[int, str]:
        columns = schema.trials.c
        query = select(columns.trial, columns.key).where(columns.run == run, *conditions)
        with self._reading() as connection:
            return {} if connection is None else {row.trial: row.key for row in connection.execute(query)}

    def rows(self, table: str, run: str) -> Sequence[Mapping[str, Any]]:
        """All rows of a run in one of `trials`, `curves`, `timings` and `subjects`, in order of their primary key."""
        chosen = schema.metadata.tables[table]
        with self._reading() as connection:
            if connection is None:
                return []
            query = select(chosen).where(chosen.c.run == run).order_by(*chosen.primary_key.columns)
            return [dict(row) for row in connection.execute(query).mappings()]


def _trial_row(record: TrialRecord, run: str, code: str, backend: str) -> dict[str, Any]:
    final = dict(zip(record.columns, record.curve[-1], strict=True)) if len(record.curve) else {}
    return {
        **{k: v for k, v in vars(record).items() if k not in ("columns", "curve")},
        **{name: float(final[name]) if name in final else None for name in schema.METRICS},
        "run": run,
        "code": code,
        "backend": backend,
        "digest": digest(record.curve) if len(record.curve) else None,
    }


def _url(location: str | Path) -> URL:
    text = str(location)
    if "://" not in text:
        return URL.create("sqlite", database=str(user_path(text)))
    try:
        url: URL | None = make_url(text)
    except ArgumentError:
        url = None
    if url is None or url.drivername == "file":
        raise UsageError(f"store {text!r} is no database URL; write sqlite:///path/to/gdbench.db or a file's path")
    if url.get_backend_name() == "sqlite" and (url.host or (url.database or "").startswith("file:")):
        raise UsageError(f"store {text!r} is no SQLite URL, which has neither host nor file:; give the file's path")
    return url


def _check_sqlite_file(path: Path) -> None:
    """Refuse what is no database of ours, through a connection that cannot write, not even a checkpoint.

    Only SQLite itself may open the file: closing any other handle of it would drop the locks that this process holds.
    """
    if path.is_dir():
        raise StoreError(f"store {path} is a folder; give a file's path, such as {path / 'gdbench.db'}")
    try:
        with closing(sqlite3.connect(f"{sqlite_uri(path.absolute())}?mode=ro", uri=True, timeout=30)) as connection:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            version = None
            if schema.schema.name in tables:
                (version,) = connection.execute(f"SELECT max(version) FROM {schema.schema.name}").fetchone()
    except sqlite3.Error as error:
        reason = "is not an SQLite database" if "not a database" in str(error) else f"cannot be read ({error})"
        raise StoreError(f"store {path} {reason}; it was left as it is; choose another with --store") from None
    _check_schema(tables, version, str(path))


def _check_schema(tables: list[str], version: int | None, place: str) -> None:
    """Refuse a database that is not ours, or newer than we know."""
    if tables and schema.schema.name not in tables:
        raise StoreError(
            f"store {place} holds another program's tables ({', '.join(tables[:3])}); it was left as it is; "
            "choose another with --store"
        )
    if version is not None and version > schema.VERSION:
        raise StoreError(
            f"store {place} has schema version {version} and this gdbench knows {schema.VERSION}; it was left "
            "as it is; update gdbench or choose another with --store"
        )


def _version(connection: Connection) -> int | None:
    version: int | None = connection.scalar(select(func.max(schema.schema.c.version)))
    return version


def _bring_up(connection: Connection) -> None:
    """Make a database of an earlier version into one of ours, unless another process has just done so."""
    _make_tables(connection)
    for version in range((_version(connection) or schema.VERSION) + 1, schema.VERSION + 1):
        for change in schema.CHANGES[version]:
            connection.exec_driver_sql(change)
        connection.execute(update(schema.schema).values(version=version))


def _make_tables(connection: Connection) -> None:
    """The tables that are missing, and the version."""
    schema.metadata.create_all(connection)
    if connection.scalar(select(func.count()).select_from(schema.schema)) == 0:
        connection.execute(insert(schema.schema).values(version=schema.VERSION))


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
    connection.execute("PRAGMA busy_timeout=30000")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITE)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _record(row: dict[str, Any]) -> RunRecord:
    if row["state"] == "running" and not _is_alive(row):
        row["state"] = "interrupted"
    return RunRecord(**row)


def _reason(error: Exception) -> str:
    return (str(getattr(error, "orig", None) or error).splitlines() or [type(error).__name__])[0]


def _alive(now: float) -> dict[str, Any]:
    process = psutil.Process()
    return {
        "heartbeat": now,
        "host": socket.gethostname(),
        "process": process.pid,
        "process_started": process.create_time(),
    }


def _is_alive(row: Mapping[str, Any]) -> bool:
    """On this machine the process table tells, elsewhere the heartbeat."""
    if row["state"] != "running":
        return False
    if row["host"] == socket.gethostname():
        try:
            process = psutil.Process(row["process"])
            same = abs(process.create_time() - row["process_started"]) < 1.0
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False
        except psutil.Error:  # another user's process
            return True
    return time.time() - float(row["heartbeat"]) < ALIVE_SECONDS
