"""How sensitive a rule is to its learning rate: over how many decades it does nearly as well as at the best one.

tolerance(run.trials)
"""

import numpy as np
import pandas as pd

from gdbench.stats.choice import GROUP, censored_steps, tuning

FACTOR = 2.0
TRIED = 3  # learning rates; with fewer, a width says nothing


def tolerance(trials: pd.DataFrame) -> pd.DataFrame:
    """`low`, `high`, `decades`, `best`, `at_edge`, `within` and `tried` of each problem, rule and batch size.

    A learning rate is good if its median trial reaches the target within twice the steps of the best one. `low` to
    `high` are the good ones around the best, without a worse one between them. `decades` is log10(high / low), the
    width. It can be compared between different grids; `within` / `tried`, the share of good learning rates, cannot.
    `at_edge`: the first or the last one tried is among them, so the width may be greater. The grid's spacing limits how
    finely the width is known.

    trials: `Run.trials`; the trials that choose settings count (`tuning`). The median is over seeds, with the best
    other hyperparameters at that learning rate. `best`: the least median steps. Groups with fewer than three learning
    rates, or none that reaches the target, have no row.
    """
    tuned = tuning(trials)
    steps = tuned.assign(_steps=censored_steps(tuned)).groupby([*GROUP, "setting", "lr"], sort=False)["_steps"].median()
    by_rate = steps.groupby([*GROUP, "lr"]).min()
    rows = []
    for key, own in by_rate.groupby(GROUP, sort=False):
        rates, medians = own.index.get_level_values("lr").to_numpy(), own.to_numpy()
        if len(rates) < TRIED or not np.isfinite(medians).any():
            continue
        near = medians <= FACTOR * medians.min()
        first, last = _around(near, int(medians.argmin()))
        rows.append(
            {
                **dict(zip(GROUP, key, strict=True)),
                "low": rates[first],
                "high": rates[last],
                "decades": float(np.log10(rates[last] / rates[first])),
                "best": float(medians.min()),
                "at_edge": first == 0 or last == len(rates) - 1,
                "within": int(near.sum()),
                "tried": len(rates),
            }
        )
    columns = [*GROUP, "low", "high", "decades", "best", "at_edge", "within", "tried"]
    return pd.DataFrame(rows, columns=columns)


def _around(near: np.ndarray, place: int) -> tuple[int, int]:
    """The first and the last of the places around `place` that are near without a gap."""
    first = last = place
    while first > 0 and near[first - 1]:
        first -= 1
    while last < len(near) - 1 and near[last + 1]:
        last += 1
    return first, last
