"""Where results go, and what their files and folders are called."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from gdbench.errors import UsageError, shown

RESULTS = Path("gdbench-results")  # in the current folder
DATABASE = "gdbench.db"

_ID = re.compile(r"[A-Za-z0-9_]{1,32}")
_GIVEN = re.compile(r"[0-9a-f]{8}")  # what `Store.begin` gives; no other folder of --out is called so


def is_id(text: Any) -> bool:
    """Whether a text can be the id of a run, which names a folder."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def is_given(run: str) -> bool:
    """Whether gdbench gave this id. Only then is the folder of that name the run's, and may be deleted with it."""
    return _GIVEN.fullmatch(run) is not None


def run_folder(out: Path, run: str) -> Path:
    """The folder of a run, or of several with `+` between their ids; raises UsageError for any other name."""
    folder = out / run
    if not all(map(is_id, run.split("+"))) or folder.resolve().parent != out.resolve():
        raise UsageError(
            f"run {shown(run)} does not name a folder of a run in {out}, so nothing is written or deleted for it"
        )
    return folder


def sqlite_uri(path: PurePath) -> str:
    """The URI with which SQLite opens an absolute path: without a host, so two slashes begin a share of Windows."""
    uri = path.as_uri()  # file:///path, or file://host/share/path
    return uri if uri.startswith("file:///") else f"file:////{uri.removeprefix('file://')}"


def without_places(value: Any) -> Any:
    """A definition without the paths and file hashes of its data; the hash of what the files hold stays in it."""
    if isinstance(value, Mapping):
        return {key: without_places(each) for key, each in value.items() if key not in ("file", "sha256")}
    return [without_places(each) for each in value] if isinstance(value, list) else value
