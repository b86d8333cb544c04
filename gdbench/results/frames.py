"""A run as pandas frames in long form, for reports, statistics and exports."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gdbench.results.curves import ALL, Curves
from gdbench.results.metrics import METRICS
from gdbench.results.records import RunRecord, StoredRun
from gdbench.results.targets import first_steps

TIMING_COLUMNS = ("subject", "backend", "round", "sample", "seconds", "steps")
SUBJECT_COLUMNS = (
    *("subject", "part", "problem", "rule", "batch_size", "dtype", "jobs", "layer", "flops", "bytes", "memory"),
)
CURVE_COLUMNS = ("step", "epoch", *METRICS, "grad_norm", "lr")


@dataclass(frozen=True, eq=False)
class Frames:
    """The frames of one run. about: what was run, with the definition of each problem. environment: where it ran.

    `about["looks"]` says whether `targets` has the very steps of crossings, which runs of earlier versions lack.
    """

    about: dict[str, Any]
    environment: dict[str, Any]
    trials: pd.DataFrame
    curves: pd.DataFrame
    targets: pd.DataFrame
    timings: pd.DataFrame
    subjects: pd.DataFrame


def frames_of(stored: StoredRun) -> Frames:
    """The frames of a stored run. Its curves are taken out of `stored`, since there may be very many."""
    record = stored.record
    curves = _curves(stored)
    trials = trials_frame(stored)
    timings, subjects = timing_frames(stored)
    problems = dict(zip(stored.trials["problem"], stored.trials["definition"], strict=True))
    return Frames(
        about={
            **_about(record),
            "problems": {name: definition["problem"] for name, definition in problems.items()},
            "hyperparameters": list(trials.columns[trials.columns.get_loc("lr") : trials.columns.get_loc("schedule")]),
            "looks": None not in stored.trials["crossings"],
            **({"notices": stored.notices} if stored.notices else {}),
        },
        environment=record.environment,
        trials=trials.drop(columns=[name for name in METRICS if name not in curves]),
        curves=curves,
        targets=_targets(stored, curves, trials),
        timings=timings,
        subjects=subjects,
    )


def _table(rows: Sequence[Mapping[str, Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    """Rows of a table as a frame; a number that a row lacks is NaN."""
    frame = pd.DataFrame(rows, columns=list(columns))
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


def timing_frames(stored: StoredRun) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A run's timings and their subjects, as in `Frames`."""
    return _table(stored.timings, TIMING_COLUMNS), _table(stored.subjects, SUBJECT_COLUMNS)


def trials_frame(stored: StoredRun) -> pd.DataFrame:
    """One row per trial. Hyperparameters that a trial's rule does not have are missing there."""
    columns, definitions = stored.trials, stored.trials["definition"]
    hyperparameters = dict.fromkeys(
        name for definition in _once(definitions) for name in definition["hyperparameters"] if name != "lr"
    )
    schedules = {id(definition): schedule_name(definition["schedule"]) for definition in _once(definitions)}
    values = {
        **{name: columns[name] for name in ("run", "trial", "key", "code", "problem", "rule")},
        "lr": np.array([definition["hyperparameters"]["lr"] for definition in definitions], np.float64),
        **{name: [definition["hyperparameters"].get(name) for definition in definitions] for name in hyperparameters},
        "schedule": [schedules[id(definition)] for definition in definitions],
        **{name: columns[name] for name in (*_AFTER, *METRICS)},
        **{name: [definition[name] for definition in definitions] for name in ("clip_norm", "clip_value")},
        **{name: columns[name] for name in _LAST},
    }
    if definitions:
        return pd.DataFrame(values, copy=False)
    floats = dict.fromkeys(("lr", "steps_to_target", *METRICS, *_LAST[2:]), "float64")
    return pd.DataFrame(values, dtype=object).astype(floats)  # without rows, pandas would make other columns numbers


def _once(definitions: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Each definition once; trials of one setting share it."""
    return list({id(definition): definition for definition in definitions}.values())


_LAST = (
    *("setting", "error", "parameters", "gradient_evaluations", "function_evaluations"),
    *("diverged_step", "crossing_seconds"),
)
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
    """`constant`, or `constant(warmup=10)` if an option is not zero."""
    options = ", ".join(f"{name}={value:g}" for name, value in schedule.items() if name != "kind" and value)
    return f"{schedule['kind']}({options})" if options else str(schedule["kind"])


def _curves(stored: StoredRun) -> pd.DataFrame:
    """The points of all trials, one below the other. Takes them out of `stored`: there may be very many."""
    present = {name for part in stored.curves for names in set(part.names) for name in names}
    columns = [name for name in CURVE_COLUMNS if name in present] or ["step", "epoch", "grad_norm", "lr"]
    sizes = [(names, size) for part in stored.curves for names, size in zip(part.names, part.sizes, strict=True)]
    points = [size // (8 * len(names)) if names else 0 for names, size in sizes]
    starts = np.concatenate([[0], np.cumsum(points)]).astype(np.int64)
    values = {name: np.full(starts[-1], np.nan) for name in columns}
    first = 0
    while stored.curves:
        part = stored.curves.pop(0)
        of_part = slice(first, first + len(part.names))
        _place(part, starts[of_part], values)
        first = of_part.stop
    values["step"] = values["step"].astype(np.int64)
    frame = pd.DataFrame({"trial": np.repeat(stored.trials["trial"], points), **values}, copy=False)
    ordered = np.diff(values["step"]) >= 0
    ordered[starts[1:-1][(starts[1:-1] > 0) & (starts[1:-1] < starts[-1])] - 1] = True  # here another trial begins
    return frame if ordered.all() else frame.sort_values(["trial", "step"], kind="stable", ignore_index=True)


def _place(part: Curves, starts: np.ndarray, values: dict[str, np.ndarray]) -> None:
    """Write curves into the columns, each from its first row."""
    numbers = np.frombuffer(part.data, "<f8")
    offsets = np.concatenate([[0], np.cumsum(part.sizes)]).astype(np.int64) // 8
    alike: dict[tuple[tuple[str, ...], int], list[int]] = {}  # curves of the same columns and length
    for place, key in enumerate(zip(part.names, part.sizes, strict=True)):
        alike.setdefault(key, []).append(place)
    for (names, size), places in alike.items():
        if names:
            block = numbers[offsets[places][:, None] + np.arange(size // 8)].reshape(len(places), len(names), -1)
            rows = starts[places][:, None] + np.arange(block.shape[2])
            for column, name in enumerate(names):
                values[name][rows] = block[:, column]


def _targets(stored: StoredRun, curves: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """For each trial and level, the step that crosses it; infinite if none does.

    Runs of earlier versions stored no crossings; theirs are the first evaluated steps, if all points were read.
    """
    texts, parts = stored.trials["crossings"], []
    for metric, levels in (stored.record.target or {}).items():
        if None not in texts:
            steps = np.array([json.loads(text) for text in texts], np.float64).reshape(len(texts), len(levels))
            steps = np.where(np.isnan(steps), np.inf, steps)
            for level, column in zip(levels, steps.T, strict=True):
                parts.append(pd.DataFrame({"trial": trials["trial"], "metric": metric, "level": level, "step": column}))
        elif stored.points == ALL and metric in curves:
            parts.append(first_steps(curves, trials, metric, levels))
    if not parts:
        return pd.DataFrame({"trial": [], "metric": [], "level": [], "step": []}).astype({"trial": "int64"})
    return pd.concat(parts, ignore_index=True).sort_values(["trial", "metric"], kind="stable", ignore_index=True)
