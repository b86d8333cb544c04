"""Whether the database at its path is still the one that a run writes to.

SQLite continues to write into a file that was removed, renamed or replaced. A log that it leaves beside another file is
read as that file's log. So a run checks before each commit which files are there. It also checks the number in the
database's header that identifies the store, since a copy may have been laid over the same file.
"""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from gdbench.results.files import sqlite_uri

Files = tuple[tuple[int, int] | None, ...]


class Watch:
    """Watches a database from the first transaction that writes; `engine` has opened the file by then."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.log = file.with_name(f"{file.name}-wal")
        self._files = self._look()
        self._numbers = {_number(file)}
        self._touched = _touched(file)

    def allow(self, number: int) -> None:
        """Accept this number of the database too: a migration has just set it."""
        self._numbers.add(number)

    def moved(self) -> str | None:
        """What happened to the file, in words; None if it is the same."""
        files = self._look()
        if files[0] is None:
            return "was removed or renamed"
        if files[0] != self._files[0]:
            return "was replaced by another file"
        if self._files[1] is not None and files[1] != self._files[1]:
            return f"lost {self.log.name}, which belongs to it,"
        self._files = files
        touched = _touched(self.file)
        if touched != self._touched:
            if _number(self.file) not in self._numbers:
                return "was overwritten with another store"
            self._touched = touched
        return None

    def abandon(self, connection: sqlite3.Connection) -> None:
        """Keep the log from being read into the file that now lies at the path, if there is one.

        connection: to the former file. If that was only moved, the log is written into it first.
        """
        database, log = self._look()
        overwritten = database == self._files[0]
        if overwritten and _number(self.file) in self._numbers:
            return  # only the log is another one
        if log is None or log != self._files[1]:
            return
        with suppress(sqlite3.Error, OSError):
            if overwritten:
                os.truncate(self.log, 0)
            else:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for ending in ("-wal", "-shm"):
            self.file.with_name(f"{self.file.name}{ending}").unlink(missing_ok=True)

    def _look(self) -> Files:
        return tuple(_identity(path) for path in (self.file, self.log))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _touched(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _number(file: Path) -> int | None:
    """The number in the file itself, not in its log. Read by SQLite alone, or this process would lose its locks."""
    uri = f"{sqlite_uri(file.absolute())}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error:
        return None
