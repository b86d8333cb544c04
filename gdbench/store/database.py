"""The database: SQLite in WAL mode unless a URL says otherwise. One process writes a run; any may read."""

import socket
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import (
    URL,
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

from gdbench.errors import StoreError, UsageError
from gdbench.store import schema
from gdbench.store.records import DONE, RunRecord, TrialRecord, curve_bytes, digest

ALIVE_SECONDS = 60.0  # a run on another machine without a heartbeat for so long has died


class Store:
    """Runs and their trials. `location` is a file's path or a database URL; nothing is written before `begin`."""

    def __init__(self, location: str | Path) -> None:
        self.url = _url(location)
        self.file = Path(self.url.database) if self.url.drivername.startswith("sqlite") and self.url.database else None
        if self.file and not self.file.exists():
            self._engine: Engine | None = None
        else:
            self._engine = self._open()

    def _open(self) -> Engine:
        if self.file and self.file.exists():
            _check_sqlite_file(self.file)
        try:
            engine = create_engine(self.url)
            if self.url.drivername.startswith("sqlite"):
                event.listen(engine, "connect", _set_foreign_keys)
            _check_schema(engine, self.url.render_as_string())
        except (DatabaseError, NoSuchModuleError, ModuleNotFoundError) as error:
            raise StoreError(f"store {self.url.render_as_string()} cannot be opened: {_reason(error)}") from None
        return engine

    def _writable(self) -> Engine:
        """The engine, its tables made if need be."""
        if self._engine is None:
            assert self.file is not None
            try:
                self.file.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(
                    f"store folder {self.file.parent} cannot be made: {error.strerror}; "
                    "choose another with --store or --out"
                ) from None
            self._engine = self._open()
        try:
            with self._engine.begin() as connection:
                if self.file:
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            with self._engine.begin() as connection:
                schema.metadata.create_all(connection)
                if connection.scalar(select(func.count()).select_from(schema.schema)) == 0:
                    connection.execute(insert(schema.schema).values(version=schema.VERSION))
        except DatabaseError as error:
            raise StoreError(f"store {self.url.render_as_string()} cannot be written: {_reason(error)}") from None
        return self._engine

    @contextmanager
    def _reading(self) -> Iterator[Connection | None]:
        """A connection, or None when there is no database yet."""
        if self._engine is None and self.file and self.file.exists():
            self._engine = self._open()
        if self._engine is None or not inspect(self._engine).has_table("runs"):
            yield None
            return
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        assert self._engine is not None, "begin or resume a run first"
        try:
            with self._engine.begin() as connection:
                yield connection
        except DatabaseError as error:
            raise StoreError(f"store {self.url.render_as_string()} cannot be written: {_reason(error)}") from None

    # ------------------------------------------------------------------------------------------------------- runs

    def begin(self, *, identity: str, **values: Any) -> str:
        """A new run in state `running`; returns its id. `values` are columns of the table `runs`."""
        run = uuid.uuid4().hex[:8]
        now = time.time()
        row = {"run": run, "identity": identity, "state": "running", "created": now, **_alive(now), **values}
        engine = self._writable()
        with engine.begin() as connection:
            connection.execute(insert(schema.runs).values(row))
        return run

    def resume(self, identity: str) -> RunRecord | None:
        """The latest run of that identity, marked as running here, if it is neither complete nor alive."""
        with self._reading() as connection:
            if connection is None:
                return None
            query = select(schema.runs).where(schema.runs.c.identity == identity).order_by(schema.runs.c.created.desc())
            row = connection.execute(query.limit(1)).mappings().first()
        if row is None or row["state"] == "complete" or _is_alive(dict(row)):
            return None
        self._writable()
        self._update(row["run"], state="running", **_alive(time.time()))
        return RunRecord(**row)

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
        """All runs, the latest first."""
        with self._reading() as connection:
            if connection is None:
                return []
            rows = connection.execute(select(schema.runs).order_by(schema.runs.c.created.desc())).mappings().all()
        return [RunRecord(**row) for row in rows]

    def find(self, name: str) -> RunRecord:
        """The run of an id, its unique beginning, `latest` or `latest~1`; raises UsageError otherwise."""
        records = self.runs()
        place = self.url.render_as_string()
        if not records:
            raise UsageError(f"there are no runs in {place}; make one with `gdbench run`")
        base, _, back = name.partition("~")
        if base == "latest" and (back.isdigit() or "~" not in name):
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
            for table in (schema.timings, schema.curves, schema.trials, schema.runs):
                connection.execute(delete(table).where(table.c.run == run))

    def is_alive(self, record: RunRecord) -> bool:
        """Whether the process of a running run still lives."""
        return record.state == "running" and _is_alive(vars(record))

    # ------------------------------------------------------------------------------------------------------- trials

    def add(self, run: str, code: str, backend: str, record: TrialRecord) -> None:
        """Store one finished trial with its curve, in one transaction; a failed one of before gives way."""
        final = dict(zip(record.columns, record.curve[-1], strict=True)) if len(record.curve) else {}
        row = {
            **{k: v for k, v in vars(record).items() if k not in ("columns", "curve")},
            **{name: float(final[name]) for name in schema.METRICS if name in final},
            "run": run,
            "code": code,
            "backend": backend,
            "digest": digest(record.curve) if len(record.curve) else None,
        }
        curve = {"run": run, "trial": record.trial, "columns": list(record.columns), "data": curve_bytes(record.curve)}
        with self._writing() as connection:
            for table in (schema.curves, schema.trials):
                connection.execute(delete(table).where(table.c.run == run, table.c.trial == record.trial))
            connection.execute(insert(schema.trials).values(row))
            connection.execute(insert(schema.curves).values(curve))

    def done(self, run: str) -> dict[int, str]:
        """The key of every trial of a run that need not be trained again, by its number."""
        columns = schema.trials.c
        query = select(columns.trial, columns.key).where(columns.run == run, columns.status.in_(DONE))
        with self._reading() as connection:
            return {} if connection is None else {row.trial: row.key for row in connection.execute(query)}

    def rows(self, table: str, run: str) -> Sequence[Mapping[str, Any]]:
        """All rows of `trials`, `curves` or `timings` that belong to a run, in order of their primary key."""
        chosen = schema.metadata.tables[table]
        with self._reading() as connection:
            if connection is None:
                return []
            query = select(chosen).where(chosen.c.run == run).order_by(*chosen.primary_key.columns)
            return [dict(row) for row in connection.execute(query).mappings()]


def _url(location: str | Path) -> URL:
    text = str(location)
    if "://" not in text:
        return URL.create("sqlite", database=str(Path(text).expanduser()))
    try:
        return make_url(text)
    except ArgumentError:
        raise UsageError(
            f"store {text!r} is no database URL; write sqlite:///path/to/gdbench.db or a file's path"
        ) from None


def _check_sqlite_file(path: Path) -> None:
    """Refuse what is no SQLite database before anything opens it for writing."""
    if path.is_dir():
        raise StoreError(f"store {path} is a folder; give a file's path, such as {path / 'gdbench.db'}")
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise StoreError(f"store {path} cannot be read: {error.strerror}") from None
    if head and head != b"SQLite format 3\0":
        raise StoreError(f"store {path} is not an SQLite database; it was left as it is; choose another with --store")


def _check_schema(engine: Engine, place: str) -> None:
    """Refuse a database that is not ours, or newer than we know."""
    tables = inspect(engine).get_table_names()
    if not tables:
        return
    if schema.schema.name not in tables:
        raise StoreError(
            f"store {place} holds another program's tables ({', '.join(tables[:3])}); it was left as it is; "
            "choose another with --store"
        )
    with engine.connect() as connection:
        version = connection.scalar(select(func.max(schema.schema.c.version)))
    if version is None or version > schema.VERSION:
        raise StoreError(
            f"store {place} has schema version {version} and this gdbench knows {schema.VERSION}; it was left "
            "as it is; update gdbench or choose another with --store"
        )


def _set_foreign_keys(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA busy_timeout=30000")
    connection.execute("PRAGMA synchronous=NORMAL")


def _reason(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]


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
    return time.time() - float(row["heartbeat"]) < ALIVE_SECONDS
