"""What an export must hold: anybody may have written or edited it."""

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from gdbench.results.files import is_id

TEXT = {  # columns of text, in whatever table
    *("run", "key", "code", "problem", "rule", "schedule", "role", "dtype", "backend", "status", "digest", "setting"),
    *("error", "metric", "subject", "part", "memory"),
}
NULLABLE = {"error", "digest", "memory", "problem", "rule", "dtype"}  # those that a row may lack
WHOLE = {"trial", "batch_size", "seed", "steps", "step", "round", "sample", "jobs"}
COLUMNS = {  # that each table must have
    "trials": (
        *("run", "trial", "key", "code", "problem", "rule", "lr", "schedule", "batch_size", "seed", "role", "dtype"),
        *("backend", "status", "steps", "epochs", "seconds", "steps_to_target", "digest", "setting", "error"),
    ),
    "curves": ("trial", "step", "epoch", "grad_norm", "lr"),
    "targets": ("trial", "metric", "level", "step"),
    "timings": ("subject", "backend", "round", "sample", "seconds", "steps"),
    "subjects": ("subject", "part", "problem", "rule", "batch_size", "dtype", "jobs"),
}
FACTS: dict[str, tuple[type, ...]] = {  # of what was run
    "suite": (str,),
    "title": (str,),
    "description": (str,),
    "state": (str,),
    "created": (int, float),
    "code": (str,),
    "backend": (str,),
    "git_commit": (str, type(None)),
    "git_dirty": (bool, type(None)),
    "target": (dict,),
    "table": (dict,),
}
LAST_SECOND = 253402300799.0  # of the year 9999


def check_about(about: Mapping[str, Any]) -> None:
    """Raise ValueError or LookupError for facts that are missing, or of another kind."""
    if not is_id(about["run"]):  # it names a folder
        raise ValueError(f"run {about['run']!r} is no id")
    for name, kinds in FACTS.items():
        if not isinstance(about[name], kinds):
            raise ValueError(f"{name} {about[name]!r} is of another kind")
    if not 0 <= about["created"] <= LAST_SECOND:
        raise ValueError(f"created {about['created']!r} is no time")
    for metric, levels in about["target"].items():
        if not isinstance(levels, list) or not all(type(level) in (int, float) for level in levels):
            raise ValueError(f"target {metric} {levels!r} is no list of numbers")
    if not all(isinstance(notice, str) for notice in about.get("notices", ())):
        raise ValueError("notices must be texts")


def check_tables(tables: Mapping[str, pd.DataFrame], hyperparameters: Collection[str]) -> None:
    """Raise ValueError for a column that is missing or holds what it cannot hold."""
    for table, columns in COLUMNS.items():
        frame = tables[table]
        missing = [name for name in (*columns, *(hyperparameters if table == "trials" else ())) if name not in frame]
        if missing:
            raise ValueError(f"{table} has no column {missing[0]!r}")
        for name in frame:
            if not len(frame) or name in hyperparameters:
                continue
            if not _fits(frame[name], str(name), table):
                raise ValueError(f"column {name!r} of {table} holds what it cannot hold")
    if not tables["trials"]["trial"].is_unique:
        raise ValueError("trials have not a number each")
    if tables["curves"].duplicated(["trial", "step"]).any():
        raise ValueError("a curve has two points of one step")


def _fits(values: pd.Series, name: str, table: str) -> bool:
    if name in TEXT:
        present = values.dropna()
        nullable = name in ("error", "digest") or (table == "subjects" and name in NULLABLE)
        return (nullable or len(present) == len(values)) and all(isinstance(value, str) for value in present)
    if name in WHOLE and not (table == "subjects" and name == "batch_size") and table != "targets":
        return bool(pd.api.types.is_integer_dtype(values))
    return bool(pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values))


def check_whole(tables: Mapping[str, pd.DataFrame]) -> None:
    """Raise ValueError for curves of trials that are not there: somebody removed these."""
    if not set(tables["curves"]["trial"]) <= set(tables["trials"]["trial"]):
        raise ValueError("curves of trials that are not there")
