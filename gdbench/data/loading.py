"""From what a suite says of a data set to the arrays."""

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from gdbench.data.dataset import Dataset
from gdbench.data.files import load_npz
from gdbench.data.paths import user_path
from gdbench.data.shipped import SHIPPED, load_shipped
from gdbench.data.synthetic import SYNTHETIC, load_teacher, teacher_options
from gdbench.errors import UsageError, nearest


def resolve(given: str | Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """What `load` takes, in full: a shipped name, a file with the hash of its content, or a teacher with its options.

    A relative path is taken from `folder`, the suite's. Raises UsageError for a name, file or option that is not there.
    """
    if isinstance(given, Mapping):
        options = dict(given)
        name = options.pop("name", None)
        if not isinstance(name, str) or name not in SYNTHETIC:
            raise UsageError(f"dataset name {name!r} takes no options{nearest(name, SYNTHETIC)}")
        return {"name": name, **teacher_options(options)}
    if given in SHIPPED:
        return {"name": given}
    if given in SYNTHETIC:
        return {"name": given, **teacher_options({})}
    path = Path(given)
    if not path.suffix and len(path.parts) == 1:
        raise UsageError(f"unknown dataset {given!r}{nearest(given, [*SHIPPED, *SYNTHETIC])}")
    path = (folder / user_path(path)).absolute()
    if path.suffix.lower() != ".npz":
        raise UsageError(f"dataset {given!r} is not an NPZ file; save X and y with numpy.savez(path, X=..., y=...)")
    if not path.is_file():
        raise UsageError(f"dataset file {path} does not exist")
    return {"file": str(path), "sha256": _content_hash(path)}


def load(resolved: Mapping[str, Any]) -> Dataset:
    """The data set that `resolve` described, read once a process; raises UsageError for a file that is wrong."""
    return _load(json.dumps(resolved, sort_keys=True))


def _content_hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"dataset file {path} cannot be read ({error.strerror})") from None


@lru_cache(maxsize=16)
def _load(text: str) -> Dataset:
    resolved = json.loads(text)
    if "file" in resolved:
        path = Path(resolved["file"])
        if _content_hash(path) != resolved["sha256"]:
            raise UsageError(f"dataset file {path} changed while it was in use; run the suite again")
        return load_npz(path)
    if resolved["name"] in SHIPPED:
        return load_shipped(resolved["name"])
    return load_teacher(resolved)
