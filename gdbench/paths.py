"""Paths as users write them."""

from pathlib import Path

from gdbench.errors import UsageError, shown
from gdbench.limits import NAME_BYTES


def user_path(text: str | Path) -> Path:
    """The path that a user wrote, `~` for the home folder; raises UsageError for one that no system could have."""
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise UsageError(
            f"path {shown(str(text))} begins with the home folder of a user who is not known here"
        ) from None
    if "\0" in str(path):
        raise UsageError(f"path {shown(str(text))} holds a character that no file's name may have")
    for name in path.parts:
        size = len(name.encode(errors="surrogatepass"))
        if size > NAME_BYTES:
            raise UsageError(f"path {shown(str(text))} has a name of {size} bytes; use at most {NAME_BYTES}")
    return path
