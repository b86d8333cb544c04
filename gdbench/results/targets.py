"""When each trial first reached a level of a metric, by its curve.

first_steps(run.curves, run.trials, "val_accuracy", [0.9, 0.95])
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from gdbench.results.curves import LOST
from gdbench.results.metrics import rises


def first_steps(curves: pd.DataFrame, trials: pd.DataFrame, metric: str, levels: Iterable[float]) -> pd.DataFrame:
    """`trial`, `metric`, `level` and `step`, the first evaluated one at or past the level; a row a trial and level.

    Infinite where there is none, and for trials that were lost, whatever they passed on the way. An accuracy is to rise
    to the level, any other metric to fall to it.
    """
    numbers = trials["trial"].to_numpy()
    lost = trials.loc[trials["status"].isin(LOST), "trial"]
    parts = []
    for level in levels:
        past = curves[metric] >= level if rises(metric) else curves[metric] <= level
        first = curves[past].groupby("trial")["step"].min().reindex(numbers).astype(float).fillna(np.inf)
        first[first.index.isin(lost)] = np.inf
        parts.append(pd.DataFrame({"trial": numbers, "metric": metric, "level": level, "step": first.to_numpy()}))
    return pd.concat(parts, ignore_index=True)
