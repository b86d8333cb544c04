"""The metrics of one machine's runs, in order of time, and where they changed.

records = runs_of(store.runs(), machine)
frame = history(read_points(store, records), notes)  # gdbench/api/run_metrics.py
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gdbench.api.run_metrics import POINT
from gdbench.stats.changes import MAGNITUDE, MINIMUM, change_points, levels

COLUMNS = (*POINT, "level", "change", "p", "accepted")


def history(
    points: pd.DataFrame,
    notes: Mapping[str, str],
    *,
    minimum: int = MINIMUM,
    magnitude: float = MAGNITUDE,
) -> pd.DataFrame:
    """The points (`read_points`) with their levels and changes: `level, change, p, accepted`.

    points: a row per metric and run. notes: by run, why its change is intended. minimum: points on either side of a
    change. magnitude: the smallest relative change.
    level: the median of the points between two changes. change: at the first point of a new level, its ratio to the old
    level; NaN elsewhere, as is p (gdbench/stats/changes.py). accepted: at a change, the note on the run, if any. A
    metric that is not positive everywhere has one level.
    """
    parts = [_with_changes(group, notes, minimum, magnitude) for _, group in points.groupby("metric", sort=False)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


def _with_changes(points: pd.DataFrame, notes: Mapping[str, str], minimum: int, magnitude: float) -> pd.DataFrame:
    values = points["value"].to_numpy(np.float64)
    found = change_points(values if (values > 0).all() else values[:0], minimum=minimum, magnitude=magnitude)
    first = found["first"].to_numpy()
    change, p = np.full(len(values), np.nan), np.full(len(values), np.nan)
    change[first], p[first] = found["ratio"], found["p"]
    accepted = points["run"].map(notes).astype(object).where(~np.isnan(change), np.nan)
    return points.assign(level=levels(values, first), change=change, p=p, accepted=accepted)
