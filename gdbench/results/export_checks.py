"""Checks of what an export holds, since anybody may have written or edited it."""

import json
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from gdbench.results.files import is_id
from gdbench.results.frames import SUBJECT_COLUMNS

TEXT = {  # columns of text, in any table
    *("run", "key", "code", "problem", "rule", "schedule", "role", "dtype", "backend", "status", "digest", "setting"),
    *("error", "metric", "subject", "part", "memory"),
}
NULLABLE = {"error", "digest", "memory", "problem", "rule", "dtype"}  # columns of text that a row may lack
WHOLE = {"trial", "batch_size", "seed", "steps", "step", "round", "sample", "jobs"}
COLUMNS = {  # that each table must have
    "trials": (
        *("run", "trial", "key", "code", "problem", "rule", "lr", "schedule", "batch_size", "seed", "role", "dtype"),
        *("backend", "status", "steps", "epochs", "seconds", "steps_to_target", "digest", "setting", "error"),
        *("clip_norm", "clip_value"),
    ),
    "curves": ("trial", "step", "epoch", "grad_norm", "lr"),
    "targets": ("trial", "metric", "level", "step"),
    "timings": ("subject", "backend", "round", "sample", "seconds", "steps"),
    "subjects": SUBJECT_COLUMNS,
}
FACTS: dict[str, tuple[type, ...]] = {  # about what was run, with their types
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
    "problems": (dict,),
    "hyperparameters": (list,),
}
MEASURED = {"wall_seconds", "memory_gb"}  # facts of a machine that are numbers; others may be texts or lists of these
LAST_SECOND = 253402300799.0  # of the year 9999


LATER: dict[str, Any] = {"problems": {}, "hyperparameters": []}  # defaults for exports from before these were written


def check_about(about: Mapping[str, Any], environment: Mapping[str, Any]) -> None:
    """Raise ValueError or LookupError for facts that are missing or of the wrong type."""
    json.dumps([about, environment], allow_nan=False)  # JSON that others wrote may hold NaN or infinity
    if not is_id(about["run"]):  # it names a folder
        raise ValueError(f"run {about['run']!r} is not an id")
    for name, kinds in FACTS.items():
        value = about.get(name, LATER[name]) if name in LATER else about[name]
        if not isinstance(value, kinds):
            raise ValueError(f"{name} {value!r} has the wrong type")
    if not 0 <= about["created"] <= LAST_SECOND:
        raise ValueError(f"created {about['created']!r} is not a time")
    for metric, levels in about["target"].items():
        if not isinstance(levels, list) or not all(type(level) in (int, float) for level in levels):
            raise ValueError(f"target {metric} {levels!r} is not a list of numbers")
    for name in ("notices", "hyperparameters"):
        if not all(isinstance(each, str) for each in about.get(name, ())):
            raise ValueError(f"{name} must be texts")
    if not all(isinstance(problem, dict) for problem in about.get("problems", {}).values()):
        raise ValueError("problems must be tables")
    for name, fact in environment.items():
        kinds = (int, float) if name in MEASURED else (str, int, float, list, type(None))
        if not isinstance(fact, kinds) or (isinstance(fact, list) and not all(isinstance(each, str) for each in fact)):
            raise ValueError(f"{name} {fact!r} of the machine has the wrong type")


def check_tables(tables: Mapping[str, pd.DataFrame], hyperparameters: Collection[str]) -> None:
    """Raise ValueError for a column that is missing, or holds values that it cannot hold."""
    for table, columns in COLUMNS.items():
        frame = tables[table]
        missing = [name for name in (*columns, *(hyperparameters if table == "trials" else ())) if name not in frame]
        if missing:
            raise ValueError(f"{table} has no column {missing[0]!r}")
        for name in frame:
            if not len(frame) or name in hyperparameters:
                continue
            if not _fits(frame[name], str(name), table):
                raise ValueError(f"column {name!r} of {table} holds values of the wrong type")
    steps = tables["subjects"][tables["subjects"]["part"] == "step"]
    if steps[["problem", "rule", "batch_size", "dtype"]].isna().to_numpy().any():
        raise ValueError("subjects has a step without a problem, rule, batch_size or dtype")
    if not tables["trials"]["trial"].is_unique:
        raise ValueError("two trials have the same number")
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
    """Raise ValueError for curves without their trials, which somebody has removed."""
    if not set(tables["curves"]["trial"]) <= set(tables["trials"]["trial"]):
        raise ValueError("there are curves of trials that are missing")
