"""Data sets from files: how a suite names them, and how they are read (`formats.py` has the formats).

dataset = "flowers.csv"                                              # predicts the column y
dataset = {file = "flowers.csv", target = "species", task = "classification"}
dataset = {train = "a.csv", test = "b.parquet", target = "species"}  # b.parquet is the test split
dataset = {file = "cars.csv", target = "price", encode = "onehot"}   # columns of texts become columns of 0 and 1
dataset = "mnist/"                                                   # a folder with MNIST's IDX files
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gdbench.data.dataset import Dataset
from gdbench.data.formats import Format, Parts, Target, format_of, gzipped, of_files
from gdbench.data.labels import TASKS, assemble
from gdbench.data.limits import check_file
from gdbench.errors import UsageError, nearest
from gdbench.inputs.paths import user_path


def is_place(given: str, folder: Path) -> bool:
    """Whether a text looks like the path of a file or folder, not like the name of a data set."""
    path = Path(given)
    return bool(path.suffix) or len(path.parts) > 1 or given.endswith("/") or os.path.isdir(folder / path)


def resolve_files(given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The files of a table with `file`, or `train` and `test`, each with the hash of its content, and the options.

    A relative path is taken from `folder`. Raises UsageError for a wrong key, path or option.
    """
    places = [key for key in ("file", "train", "test") if key in given]
    if places not in (["file"], ["train", "test"]):
        raise UsageError(f"a table with {' and '.join(places)} must have file alone, or train and test")
    known = [*places, "target", "task", "encode"]
    for key in given:
        if key not in known:
            raise UsageError(f"unknown option {key!r}{nearest(key, known)}")
    nodes = {place: _resolve_place(place, given[place], folder) for place in places}
    options = {}
    if any(_known(node["file"]).columns for node in nodes.values()):
        options["target"] = _target(given.get("target", "y"))
    elif "target" in given:
        file = nodes[places[0]]["file"]
        raise UsageError(f"target = {given['target']!r} names a column, and {file} has none; leave target out")
    if "encode" in given:
        if given["encode"] != "onehot":
            raise UsageError(f'encode = {given["encode"]!r} must be "onehot"')
        if "target" not in options:
            raise UsageError(f'encode = "onehot" is for columns, and {nodes[places[0]]["file"]} has none; leave it out')
        options["encode"] = "onehot"
    if "task" in given:
        if given["task"] not in TASKS:
            raise UsageError(f"task = {given['task']!r} is not known{nearest(given['task'], TASKS)}")
        options["task"] = given["task"]
    return {**nodes.get("file", nodes), **options}


def load_files(resolved: Mapping[str, Any]) -> Dataset:
    """The data set that `resolve_files` described; raises UsageError for a file that is wrong or has changed."""
    target, task, encode = resolved.get("target"), resolved.get("task"), "encode" in resolved
    if "train" in resolved:
        (train, _), (test, _) = (_read(resolved[part], target, encode) for part in ("train", "test"))
        return assemble(train, test, task)
    return assemble(*_read(resolved, target, encode), task)


def _resolve_place(key: str, given: Any, folder: Path) -> dict[str, Any]:
    """One file, or a folder of them, and the hash of its content."""
    if not isinstance(given, str) or not given:
        raise UsageError(f'{key} = {given!r} must be a path, such as {key} = "flowers.csv"')
    path = (folder / user_path(given)).absolute()
    if os.path.isdir(path):  # os.path, since pathlib raises for paths that no system could have
        if key != "file":
            raise UsageError(f"{key} = {given!r} is a folder; give a file, or the folder alone as the dataset")
    elif not os.path.isfile(path):
        what = "is a pipe or a device; save its contents to a file" if os.path.exists(path) else "does not exist"
        raise UsageError(f"dataset file {path} {what}")
    elif format_of(path) is None:
        if path.name.lower().endswith(".gz"):
            raise UsageError(f"{key} = {given!r} is gzipped, which only {gzipped()} files may be; unpack it")
        names, endings = of_files()
        raise UsageError(f"dataset {given!r} is not a {names} file; its name must end in {endings}")
    return {"file": str(path), "sha256": _content_hash(path)}


def _target(given: Any) -> str | list[str]:
    """The column or columns to predict. A list of one name becomes that name, so that both have the same key."""
    names = given if isinstance(given, list) else [given]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise UsageError(f"target = {given!r} must be a column's name, or a list of them")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UsageError(f"target = {given!r} has {twice!r} twice; name each column once")
    return names if len(names) > 1 else names[0]


def _known(path: str | Path) -> Format:
    """The format of a path that `_resolve_place` has accepted."""
    known = format_of(path)
    if known is None:
        raise UsageError(f"dataset file {path} is no longer what it was; run the suite again")
    return known


def _read(node: Mapping[str, Any], target: Target, encode: bool) -> Parts:
    path = _unchanged(node)
    return _known(path).read(path, target, encode)


def _unchanged(node: Mapping[str, Any]) -> Path:
    path = Path(node["file"])
    if _content_hash(path) != node["sha256"]:
        raise UsageError(f"dataset file {path} changed while it was in use; run the suite again")
    return path


def _content_hash(path: Path) -> str | dict[str, Any]:
    """The SHA-256 of a file, or of each file of a folder."""
    known = format_of(path)
    if known and known.files:
        return {role: _content_hash(file) for role, file in known.files(path).items()}
    try:
        check_file(path, path.stat().st_size)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"dataset file {path} cannot be read ({error.strerror})") from None
