"""How a database is opened. One that is not a store of ours is refused before anything can write to it.

    engine = open_engine(url, file)      # `file`: of an SQLite database, else None

A database in WAL mode on a read-only mount is read as a file that nobody changes, unless a log lies beside it.
"""

import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, inspect, make_url, select
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError

from gdbench.errors import StoreError, UsageError
from gdbench.inputs.paths import user_path
from gdbench.inputs.visible import visible
from gdbench.results.files import sqlite_uri
from gdbench.store import schema
from gdbench.store.migration import make_tables

WRITE = "gdbench_write"  # the option of a connection whose transactions write
READ_ONLY = "gdbench_read_only"  # the option of an engine that cannot write
PATIENCE = 30  # seconds for another writer
# What an unusable database raises. UnicodeDecodeError: SQLite may quote a damaged file in its message.
FAULTS = (DatabaseError, sqlite3.Error, UnicodeDecodeError)
REASON = 200  # characters of a database's error that are shown


def parse_url(location: str | Path) -> URL:
    """The URL of a database, or of a file's path; raises UsageError if it is neither."""
    text = str(location)
    if "://" not in text:
        return URL.create("sqlite", database=str(user_path(text)))
    try:
        url: URL | None = make_url(text)
    except ArgumentError:
        url = None
    if url is None or url.drivername == "file":
        raise UsageError(f"store {text!r} is not a database URL; write sqlite:///path/to/gdbench.db or a file's path")
    if url.get_backend_name() == "sqlite" and (url.host or (url.database or "").startswith("file:")):
        raise UsageError(f"store {text!r} is not an SQLite URL, which has neither host nor file:; give the file's path")
    if url.get_backend_name() == "sqlite":
        _check_sqlite(url)
    return url


def _check_sqlite(url: URL) -> None:
    """Raise UsageError for another driver than Python's own, and for options with a wrong value."""
    place = url.render_as_string()
    if url.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise UsageError(
            f"store {place} asks for a driver that gdbench does not use; write sqlite:///path/to/gdbench.db"
        )
    try:
        url.get_dialect()().create_connect_args(url)
    except ValueError as error:
        raise UsageError(f"store {place} has an option with a wrong value ({reason(error)}); leave it out") from None


def open_engine(url: URL, file: Path | None) -> Engine:
    """An engine for a database that is ours or empty; raises StoreError for any other."""
    place = str(file) if file else url.render_as_string()
    if file is None or not file.exists():
        return sqlite_engine(url) if url.drivername.startswith("sqlite") else _other_engine(url, place)
    connect = _reader(file)
    try:
        with closing(connect()) as connection:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            version = None
            if schema.schema.name in tables:
                (version,) = connection.execute(f"SELECT max(version) FROM {schema.schema.name}").fetchone()
    except FAULTS as error:
        why = "is not an SQLite database" if "not a database" in str(error) else f"cannot be read ({reason(error)})"
        raise StoreError(f"store {file} {why}; it was left as it is; choose another with --store") from None
    check_schema(tables, version, place)
    if "immutable" not in connect.keywords:
        # mode=rw: a file that is removed while it is open is not created again. SQLAlchemy reads a URL's options.
        return sqlite_engine(url, None if url.query else partial(_connect, file, mode="rw"))
    if version is not None and version < schema.VERSION:
        raise StoreError(
            f"store {file} has schema version {version} and cannot be written to, so it cannot become version "
            f"{schema.VERSION}; copy it to a writable folder"
        )
    return sqlite_engine(url, connect).execution_options(**{READ_ONLY: True})


def _reader(file: Path) -> "partial[sqlite3.Connection]":
    """A function that connects to a file without writing anything to it, not even a checkpoint.

    Only SQLite itself may open the file: closing any other handle of it would drop the locks that this process holds.
    """
    if file.is_dir():
        raise StoreError(f"store {file} is a folder; give a file's path, such as {file / 'gdbench.db'}")
    if not file.is_file():  # SQLite would wait until something writes to the pipe
        raise StoreError(f"store {file} is a device or a pipe, not a file; give a file's path")
    connect = partial(_connect, file, mode="ro")
    try:
        with closing(connect()) as connection:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        # SQLite cannot make its files beside a database in WAL mode.
        if "unable to open" not in str(error) and "readonly" not in str(error):
            return connect  # its first use reports the error
        log = file.with_name(f"{file.name}-wal")
        if log.exists() and log.stat().st_size:
            raise StoreError(
                f"store {file} cannot be read: a run that was stopped left {log.name} beside it, and the folder cannot "
                "be written to; copy both to a writable one"
            ) from None
        return partial(_connect, file, mode="ro", immutable=1)
    except (sqlite3.Error, UnicodeDecodeError):
        return connect
    return connect


def _connect(file: Path, **options: object) -> sqlite3.Connection:
    uri = f"{sqlite_uri(file.absolute())}?" + "&".join(f"{name}={value}" for name, value in options.items())
    return sqlite3.connect(uri, uri=True, timeout=PATIENCE, check_same_thread=False)


def check_schema(tables: list[str], version: int | None, place: str) -> None:
    """Raise StoreError for a database that is not ours, or newer than this gdbench."""
    if tables and schema.schema.name not in tables:
        raise StoreError(
            f"store {place} holds another program's tables ({', '.join(tables[:3])}); it was left as it is; "
            "choose another with --store"
        )
    if schema.runs.name in tables and version is None:
        raise StoreError(
            f"store {place} has lost its schema version, so it is damaged; it was left as it is; choose another with "
            "--store"
        )
    if version is not None and version > schema.VERSION:
        raise StoreError(
            f"store {place} has schema version {version} and this gdbench knows {schema.VERSION}; it was left "
            "as it is; update gdbench or choose another with --store"
        )


def stored_version(connection: Connection) -> int | None:
    """The version of the tables; None if there are none."""
    if not inspect(connection).has_table(schema.schema.name):
        return None
    version: int | None = connection.scalar(select(func.max(schema.schema.c.version)))
    return version


def sqlite_engine(url: URL, connect: Callable[[], sqlite3.Connection] | None = None) -> Engine:
    """An engine whose transactions begin where the code says so."""
    engine = create_engine(url) if connect is None else create_engine(url, creator=connect)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, not where the driver guesses
    connection.execute(f"PRAGMA busy_timeout={PATIENCE * 1000}")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=NORMAL")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITE)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _other_engine(url: URL, place: str) -> Engine:
    """An engine for a database that is not SQLite."""
    try:
        engine = create_engine(url)
        with engine.connect() as connection:
            check_schema(inspect(connection).get_table_names(), stored_version(connection), place)
    except (DatabaseError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise StoreError(f"store {place} cannot be opened: {reason(error)}") from None
    return engine


def reason(error: Exception) -> str:
    """The first line of a database's error, made visible since it may quote a damaged file."""
    lines = str(getattr(error, "orig", None) or error).splitlines()
    return visible(lines[0][:REASON]) if lines else type(error).__name__


def make_file(path: Path) -> None:
    """Make an empty store at `path`. If a full disk keeps any of it from being written, that is an error here.

    The tables are committed with a rollback journal, which writes the file at once. A WAL log would be written into it
    when the last connection closes, and SQLite reports no error there. Raises DatabaseError or sqlite3.Error.
    """
    connect = partial(_connect, path, mode="rw")
    engine = sqlite_engine(parse_url(path), connect)
    try:
        with engine.execution_options(**{WRITE: True}).begin() as connection:
            make_tables(connection)
    finally:
        engine.dispose()
    with closing(connect()) as raw:
        raw.execute(f"PRAGMA user_version={secrets.randbelow(2**31 - 1) + 1}")  # which store it is (watching.py)
        raw.execute("PRAGMA journal_mode=WAL")
