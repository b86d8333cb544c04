"""Metrics over stored runs as text for a terminal: their levels, and where they changed.

Takes the frame of `gdbench.api.history.history`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from gdbench.reports import text

DIGITS = 8  # digits of a commit
COST = "step"  # the first word of a cost's name; costs are multiples of the reference


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A row a metric, those with changes first; `changes` has a line for each change."""
    groups = [group for _, group in frame.groupby("metric", sort=False)]
    return [_row(group) for group in sorted(groups, key=lambda group: group["change"].isna().all())]


def _row(points: pd.DataFrame) -> dict[str, Any]:
    last = points.iloc[-1]
    changes = points[points["change"].notna()].to_dict("records")
    write = writer(last["metric"])
    latest = f"{text.seconds(last['raw'])}, {write(last['value'])}" if is_cost(last["metric"]) else write(last["value"])
    found: str | list[str] = [*map(change_text, changes)] or "–"
    return {
        "metric": last["metric"],
        "runs": str(len(points)),
        "latest": latest,
        "level": write(last["level"]),
        "changes": found if (points["value"] > 0).all() else "not looked for: not all positive",
    }


def change_text(point: Mapping[Any, Any]) -> str:
    """A change in one line: its ratio, its run, and whether it is accepted."""
    p = "p < 0.0001" if point["p"] < 1e-4 else f"p = {text.number(point['p'], 1)}"
    accepted = f"accepted: {point['accepted']}" if isinstance(point["accepted"], str) else "not accepted"
    return f"{ratio_text(point['change'])} at {run_text(point)}, {p}, {accepted}"


def ratio_text(ratio: float) -> str:
    """A factor after a multiplication sign.

    >>> ratio_text(1.0834)
    '× 1.083'
    """
    return f"× {text.number(ratio, 4)}"


def run_text(point: Mapping[Any, Any]) -> str:
    """A run by its id, its date and its commit."""
    commit = f", commit {point['commit'][:DIGITS]}" if isinstance(point["commit"], str) else ""
    return f"run {point['run']} ({date(point['created'])}{commit})"


def date(created: float) -> str:
    """The local date of a time in seconds since 1970."""
    return datetime.fromtimestamp(created).date().isoformat()


def is_cost(metric: str) -> bool:
    """Whether a metric is a cost: seconds divided by those of the reference."""
    return metric.partition(":")[0] == COST


def writer(metric: str) -> Any:
    """A function that writes a metric's values."""
    if is_cost(metric):
        return lambda value: f"{text.number(value, 4)} peaks"
    return text.steps if metric.startswith("steps_to_target") else lambda value: text.number(value, 4)
