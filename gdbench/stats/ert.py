"""Expected running time: what reaching a target costs when a trial that fails is followed by another one.

    ERT = steps of all trials, up to the target or to their end / number of trials that reached it

Hansen, Auger, Ros, Mersmann, Tusar and Brockhoff, COCO: a platform for comparing continuous optimizers in a black-box
setting, Optimization Methods and Software 36, 2021. The failed trials' steps count, so that a rule which is fast when
it gets there, but seldom does, is not praised; the median over seeds knows nothing of them until half of them fail.

    ert(spent=np.array([10.0, 30.0, 100.0]), reached=np.array([True, True, False])).estimate  # 140 / 2
"""

import numpy as np
import pandas as pd

from gdbench.stats.choice import censored_steps
from gdbench.stats.intervals import Interval, bootstrap


def ert(spent: np.ndarray, reached: np.ndarray) -> Interval:
    """Steps to expect, with the 95 % bootstrap interval over trials; infinite where none reached the target.

    spent: float, a number a trial: the steps to the target, or all that it made. reached: bool, whether it got there.
    Without trials all three are NaN; a single trial has no interval.
    """
    spent, reached = np.asarray(spent, np.float64), np.asarray(reached, bool)
    return bootstrap(lambda draws: _ratio(spent[draws].sum(axis=-1), reached[draws].sum(axis=-1)), spent.size)


def running_times(trials: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """`ert`, `low`, `high`, `reached` (trials that did) and `trials` of each group of `keys`, a row a group.

    trials: `Run.trials`, with `steps`, `steps_to_target` and `status`; a diverged or failed trial reaches nothing.
    """
    to_target = censored_steps(trials)
    reached = np.isfinite(to_target)
    frame = trials.assign(_spent=to_target.where(reached, trials["steps"].fillna(0)), _reached=reached)
    rows = [
        (*key, *ert(own["_spent"].to_numpy(), own["_reached"].to_numpy()), int(own["_reached"].sum()), len(own))
        for key, own in frame.groupby(keys, sort=True)
    ]
    return pd.DataFrame(rows, columns=[*keys, "ert", "low", "high", "reached", "trials"])


def _ratio(spent: np.ndarray, reached: np.ndarray) -> np.ndarray:
    return np.where(reached > 0, spent / np.maximum(reached, 1), np.inf)
