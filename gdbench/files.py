"""Where results go, and files that are either whole or not there."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import Any

from gdbench.errors import GdbenchError, UsageError

RESULTS = Path("gdbench-results")  # in the current folder
DATABASE = "gdbench.db"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed to it when the block ends well and removed when it does not."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder; give a file's path")
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        raise GdbenchError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        if temporary is not None:
            with suppress(OSError):  # Windows removes no file that is open, and the block may have left it so
                temporary.unlink(missing_ok=True)


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
    """A definition but for the places of its files: their contents are part of it."""
    if isinstance(value, Mapping):
        return {key: without_places(each) for key, each in value.items() if key != "file"}
    return [without_places(each) for each in value] if isinstance(value, list) else value
