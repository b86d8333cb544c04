"""Paths as users write them."""

from pathlib import Path

from gdbench.errors import UsageError


def user_path(text: str | Path) -> Path:
    """The path that a user wrote, `~` for the home folder."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise UsageError(f"path {text} begins with the home folder of a user who is not known here") from None
