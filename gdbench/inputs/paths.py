"""Paths as users write them."""

from pathlib import Path

from gdbench.errors import UsageError, shown
from gdbench.inputs.limits import NAME_BYTES, PATH_BYTES


def user_path(text: str | Path) -> Path:
    """The path that a user wrote, with `~` for the home folder; raises UsageError for an impossible one."""
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise UsageError(
            f"path {shown(str(text))} begins with the home folder of a user who is not known here"
        ) from None
    if "\0" in str(path):
        raise UsageError(f"path {shown(str(text))} holds a character that no file's name may have")
    if (size := _bytes(str(path))) > PATH_BYTES:
        raise UsageError(f"path {shown(str(text))} has {size:,} bytes; use at most {PATH_BYTES:,}")
    for name in path.parts:
        if (size := _bytes(name)) > NAME_BYTES:
            raise UsageError(f"path {shown(str(text))} has a name of {size} bytes; use at most {NAME_BYTES}")
    return path


def _bytes(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))
