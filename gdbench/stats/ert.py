"""Expected running time: what a target costs if a failed trial is followed by another one until one succeeds.

    ERT = steps of all trials, up to the target or to their end / number of trials that reached it

Hansen, Auger, Ros, Mersmann, Tusar and Brockhoff, COCO: a platform for comparing continuous optimizers in a black-box
setting, Optimization Methods and Software 36, 2021. The steps of failed trials count, so a rule that is fast but seldom
succeeds does not look good. The median over seeds ignores failures until half of the trials fail.

    ert(spent=np.array([10.0, 30.0, 100.0]), reached=np.array([True, True, False])).estimate  # 140 / 2
"""

import numpy as np
import pandas as pd

from gdbench.stats.choice import censored_steps
from gdbench.stats.intervals import Interval, bootstrap


def ert(spent: np.ndarray, reached: np.ndarray) -> Interval:
    """The expected steps, with the 95 % bootstrap interval over trials; infinite if no trial reached the target.

    spent: float, one number per trial: its steps to the target, or all its steps. reached: bool, whether it reached the
    target. Without trials all three are NaN; a single trial has no interval.
    """
    spent, reached = np.asarray(spent, np.float64), np.asarray(reached, bool)
    return bootstrap(lambda draws: _ratio(spent[draws].sum(axis=-1), reached[draws].sum(axis=-1)), spent.size)


def running_times(trials: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """`ert`, `low`, `high`, `reached` (trials that did) and `trials` of each group of `keys`, a row per group.

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
