"""Where results go, and files that are either whole or not there."""

import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import Any

from gdbench.errors import GdbenchError, UsageError, shown
from gdbench.inputs.paths import user_path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

RESULTS = Path("gdbench-results")  # in the current folder
DATABASE = "gdbench.db"
BESIDE = ("", "-wal", "-shm", "-journal")  # what SQLite puts beside a database, after its name
OLD = 86400.0  # seconds after which a file of no known command is nobody's

_TEMPORARY = re.compile(r"(\.gdbench-[a-z0-9_]{8})(-wal|-shm|-journal)?")
_ID = re.compile(r"[A-Za-z0-9_]{1,32}")
_GIVEN = re.compile(r"[0-9a-f]{8}")  # what `Store.begin` gives; no other folder of --out is called so


def is_id(text: Any) -> bool:
    """Whether a text may be the id of a run, which names a folder."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def is_given(run: str) -> bool:
    """Whether gdbench gave this id: only then the folder of that name is the run's, and may be deleted with it."""
    return _GIVEN.fullmatch(run) is not None


def run_folder(out: Path, run: str) -> Path:
    """The folder of a run (or of several, `+` between their ids); raises UsageError for any other."""
    folder = out / run
    if not all(map(is_id, run.split("+"))) or folder.resolve().parent != out.resolve():
        raise UsageError(f"run {shown(run)} names no folder of a run in {out}, so nothing is written or deleted for it")
    return folder


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it when the block ends well and removed when it does not."""
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
def temporary_in(folder: Path) -> Iterator[Path]:
    """An empty file in a folder, removed when the block ends. It is locked until then: who is killed, lets go of it."""
    remove_leftovers(folder)
    handle, path = _locked(folder)
    try:
        path.chmod(0o666 & ~_umask())
        yield path
    finally:
        with suppress(OSError):
            os.close(handle)
        for ending in BESIDE:
            with suppress(OSError):  # Windows removes no file that is open, and the block may have left it so
                Path(f"{path}{ending}").unlink(missing_ok=True)


def _locked(folder: Path) -> tuple[int, Path]:
    while True:
        handle, name = tempfile.mkstemp(prefix=".gdbench-", dir=folder)
        if fcntl is None:  # an open file could not be renamed
            os.close(handle)
            return -1, Path(name)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if Path(name).exists():  # else another command has just taken it for a leftover
            return handle, Path(name)
        os.close(handle)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files that commands left in a folder when they were killed."""
    with suppress(OSError):
        for path in list(folder.iterdir()):
            match = _TEMPORARY.fullmatch(path.name)
            if match and _is_nobodys(path, path.with_name(match[1])):
                path.unlink(missing_ok=True)


def remove_all_leftovers(out: Path) -> None:
    """Remove them from the folder for results and the folders in it."""
    with suppress(OSError):
        for folder in (out, *(out.iterdir() if out.is_dir() else ())):
            if folder.is_dir() and not folder.is_symlink():
                remove_leftovers(folder)


def _is_nobodys(path: Path, first: Path) -> bool:
    """Whether no command holds a temporary file; first: the one that is locked, of those that belong together."""
    try:
        if not first.exists() and path != first:
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
    """Write a whole text file, with the same bytes on every system, or leave what is there."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def sqlite_uri(path: PurePath) -> str:
    """The URI by which SQLite opens an absolute path. It takes no host: a share of Windows begins with two slashes."""
    uri = path.as_uri()  # file:///path, or file://host/share/path
    return uri if uri.startswith("file:///") else f"file:////{uri.removeprefix('file://')}"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def without_places(value: Any) -> Any:
    """A definition but for the places of its data files and how they are written: what they hold is part of it."""
    if isinstance(value, Mapping):
        return {key: without_places(each) for key, each in value.items() if key not in ("file", "sha256")}
    return [without_places(each) for each in value] if isinstance(value, list) else value
