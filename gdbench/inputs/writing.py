"""Write files so that they are complete or not there: under a temporary name, renamed at the end.

    with replacing(Path("report.html")) as temporary:
        temporary.write_text(page)
    write_text(Path("report.html"), page)   # the same

Everything that gdbench writes goes through `temporary_in`, machine code and databases too.
"""

import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gdbench.errors import GdbenchError, UsageError
from gdbench.inputs.paths import user_path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

BESIDE = ("", "-wal", "-shm", "-journal")  # endings of a database and of the files that SQLite puts beside it
OLD = 86400.0  # seconds after which a temporary file counts as a leftover, on systems without locks

_TEMPORARY = re.compile(r"(\.gdbench-[a-z0-9_]{8})(-wal|-shm|-journal)?")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`. It is renamed to `path` if the block succeeds, and removed if it fails.

    Raises UsageError if `path` is a folder or lies below a file, and GdbenchError if it cannot be written.
    """
    path = user_path(path)
    if os.path.isdir(path):
        raise UsageError(f"{path} is a folder; give a file's path")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_in(path.parent) as temporary:
            yield temporary
            temporary.replace(path)
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"{path} cannot be written, since a part of this path is a file; give another path") from None
    except OSError as error:
        raise GdbenchError(f"{path} cannot be written: {error.strerror or error}") from None


@contextmanager
def temporary_in(folder: Path, *, private: bool = False) -> Iterator[Path]:
    """An empty file in a folder, which is removed after the block.

    Its lock shows other commands that it is in use; the system releases the lock of a killed process. private: only
    this user may read or write it, whatever the umask allows.
    """
    remove_leftovers(folder)
    handle, path = _locked(folder)
    try:
        if not private:  # mkstemp makes it private
            path.chmod(0o666 & ~_umask())
        yield path
    finally:
        with suppress(OSError):
            os.close(handle)
        for ending in BESIDE:
            with suppress(OSError):  # Windows does not remove an open file, and the block may not have closed it
                Path(f"{path}{ending}").unlink(missing_ok=True)


def _locked(folder: Path) -> tuple[int, Path]:
    while True:
        handle, name = tempfile.mkstemp(prefix=".gdbench-", dir=folder)
        if fcntl is None:  # Windows cannot rename an open file
            os.close(handle)
            return -1, Path(name)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another command takes it for a leftover, and is about to remove it
            os.close(handle)
            continue
        except OSError:  # a file system without locks
            pass
        if Path(name).exists():  # otherwise another command has just removed it as a leftover
            return handle, Path(name)
        os.close(handle)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files that killed commands have left in a folder."""
    with suppress(OSError):
        for name in os.listdir(folder):
            match = _TEMPORARY.fullmatch(name)
            if match and _is_nobodys(folder / name, folder / match[1]):
                (folder / name).unlink(missing_ok=True)


def remove_all_leftovers(out: Path) -> None:
    """Remove such files from the folder for results and from the folders in it."""
    with suppress(OSError):
        for folder in (out, *(out.iterdir() if out.is_dir() else ())):
            if folder.is_dir() and not folder.is_symlink():
                remove_leftovers(folder)


def _is_nobodys(path: Path, first: Path) -> bool:
    """Whether no command uses a temporary file. first: the one that is locked, of files that belong together."""
    try:
        if not first.exists() and path != first:  # the database is gone, so nothing needs the files beside it
            return True
        if fcntl is None:
            return time.time() - first.stat().st_mtime > OLD
        handle = os.open(first, os.O_RDWR | os.O_NOFOLLOW)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(handle)
    except OSError:
        return False
    return True


def write_text(path: Path, text: str) -> None:
    """Write a whole text file, with the same bytes on every system, or leave the old one; raises like `replacing`."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
