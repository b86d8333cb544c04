"""When each trial first reached a level of a metric, according to its curve.

first_steps(run.curves, run.trials, "val_accuracy", [0.9, 0.95])
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from gdbench.results.curves import LOST
from gdbench.results.metrics import rises


def first_steps(curves: pd.DataFrame, trials: pd.DataFrame, metric: str, levels: Iterable[float]) -> pd.DataFrame:
    """`trial, metric, level, step`, a row per trial and level; step is the first evaluated one that reaches the level.

    curves, trials: as in `Run`. An accuracy must rise to the level, any other metric must fall to it. step is infinite
    if the level was not reached. It is also infinite for lost trials, whatever they reached on the way.
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
