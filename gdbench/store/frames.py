"""A run as pandas frames, long form: what reports, statistics and exports read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gdbench.curves import curve_from_bytes
from gdbench.store.database import Store
from gdbench.store.records import RunRecord
from gdbench.store.schema import METRICS
from gdbench.targets import first_steps

TIMING_COLUMNS = ("subject", "backend", "round", "sample", "seconds", "steps")
SUBJECT_COLUMNS = (
    *("subject", "part", "problem", "rule", "batch_size", "dtype", "jobs", "layer", "flops", "bytes", "memory"),
)
CURVE_COLUMNS = ("step", "epoch", *METRICS, "grad_norm", "lr")


@dataclass(frozen=True, eq=False)
class Frames:
    """The frames of one run. `about` says what was run, the definition of each problem too; `environment` where."""

    about: dict[str, Any]
    environment: dict[str, Any]
    trials: pd.DataFrame
    curves: pd.DataFrame
    targets: pd.DataFrame
    timings: pd.DataFrame
    subjects: pd.DataFrame


def read_frames(store: Store, record: RunRecord) -> Frames:
    """The frames of a stored run."""
    curves, rows = _curves(store.rows("curves", record.run)), store.rows("trials", record.run)
    timings, subjects = read_timings(store, record.run)
    trials = _trials(rows)
    return Frames(
        about={
            **_about(record),
            "problems": {row["problem"]: row["definition"]["problem"] for row in rows},
            "hyperparameters": list(trials.columns[trials.columns.get_loc("lr") : trials.columns.get_loc("schedule")]),
        },
        environment=record.environment,
        trials=trials.drop(columns=[name for name in METRICS if name not in curves]),
        curves=curves,
        targets=_targets(curves, trials, record.target or {}),
        timings=timings,
        subjects=subjects,
    )


def _table(store: Store, name: str, run: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """A table's rows of one run; a number that a row lacks is NaN."""
    frame = pd.DataFrame(store.rows(name, run), columns=list(columns))
    return frame.astype(
        {column: "float64" for column in columns if column in ("flops", "bytes", "batch_size", "layer")}
    )


def _about(record: RunRecord) -> dict[str, Any]:
    names = (
        "run",
        "suite",
        "title",
        "description",
        "state",
        "created",
        "finished",
        "code",
        "backend",
        "git_commit",
        "git_dirty",
    )
    return {**{name: getattr(record, name) for name in names}, "target": record.target or {}, "table": record.table}


def read_timings(store: Store, run: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A run's timings and their subjects, as `Frames` has them."""
    return _table(store, "timings", run, TIMING_COLUMNS), _table(store, "subjects", run, SUBJECT_COLUMNS)


def read_trials(store: Store, run: str) -> pd.DataFrame:
    """One row a trial; a hyperparameter that a trial's rule lacks is missing there."""
    return _trials(store.rows("trials", run))


def _trials(rows: Sequence[Any]) -> pd.DataFrame:
    records = []
    for row in rows:
        definition = row["definition"]
        records.append(
            {
                **{name: row[name] for name in ("run", "trial", "key", "code", "problem", "rule")},
                **definition["hyperparameters"],
                "schedule": schedule_name(definition["schedule"]),
                **{name: row[name] for name in _AFTER},
                **{name: row[name] for name in METRICS},
                "clip_norm": definition["clip_norm"],
                "clip_value": definition["clip_value"],
                **{name: row[name] for name in _LAST},
            }
        )
    hyperparameters = list(
        dict.fromkeys(name for row in rows for name in row["definition"]["hyperparameters"] if name != "lr")
    )
    columns = [
        *("run", "trial", "key", "code", "problem", "rule", "lr"),
        *hyperparameters,
        "schedule",
        *_AFTER,
        *METRICS,
        *("clip_norm", "clip_value", *_LAST),
    ]
    frame = pd.DataFrame(records, columns=columns)
    numbers = dict.fromkeys(("steps_to_target", *METRICS, *_LAST[2:]), "float64")  # float64: NaN for what failed
    return frame.astype({"lr": "float64", **numbers})


_LAST = ("setting", "error", "parameters", "gradient_evaluations", "function_evaluations")
_AFTER = (
    "batch_size",
    "seed",
    "role",
    "dtype",
    "backend",
    "status",
    "steps",
    "epochs",
    "seconds",
    "steps_to_target",
    "digest",
)


def schedule_name(schedule: Mapping[str, Any]) -> str:
    """`constant`, or `constant(warmup=10)` where an option is not at rest."""
    options = ", ".join(f"{name}={value:g}" for name, value in schedule.items() if name != "kind" and value)
    return f"{schedule['kind']}({options})" if options else str(schedule["kind"])


def _curves(rows: Any) -> pd.DataFrame:
    """The points of every trial, one below the other."""
    present = {name for row in rows for name in row["columns"]}
    columns = [name for name in CURVE_COLUMNS if name in present] or ["step", "epoch", "grad_norm", "lr"]
    blocks: dict[tuple[str, ...], list[np.ndarray]] = {}
    trials: dict[tuple[str, ...], list[np.ndarray]] = {}
    for row in rows:
        names = tuple(row["columns"])
        if not names:
            continue
        curve = curve_from_bytes(row["data"], len(names))
        blocks.setdefault(names, []).append(curve)
        trials.setdefault(names, []).append(np.full(len(curve), row["trial"]))
    parts = [
        pd.DataFrame(np.vstack(curves), columns=list(names)).assign(trial=np.concatenate(trials[names]))
        for names, curves in blocks.items()
    ]
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["trial", *columns])
    frame = frame.reindex(columns=["trial", *columns]).astype({"trial": "int64", "step": "int64"})
    return frame.sort_values(["trial", "step"], kind="stable", ignore_index=True)


def _targets(curves: pd.DataFrame, trials: pd.DataFrame, target: Mapping[str, list[float]]) -> pd.DataFrame:
    """For every trial and level the first evaluated step at or past it; infinite for none and for lost trials."""
    parts = [first_steps(curves, trials, metric, levels) for metric, levels in target.items() if metric in curves]
    if not parts:
        return pd.DataFrame({"trial": [], "metric": [], "level": [], "step": []}).astype({"trial": "int64"})
    return pd.concat(parts, ignore_index=True).sort_values(["trial", "metric"], kind="stable", ignore_index=True)
