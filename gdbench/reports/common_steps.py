"""Curves of several seeds at the steps that all of them have, so that a median over them is fair.

complete(points, ["train_loss", "test_accuracy"])
"""

import numpy as np
import pandas as pd

from gdbench.results.metrics import worst

# POINTS of a line have equal factors, and as many equal distances. A line gets fewer points than it was evaluated at,
# and fewer still if there are many lines, so that the page stays small enough to send.
FEWEST, POINTS, TOGETHER = 6, 20, 1200


def complete(points: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    """The points at the steps that all seeds of a rule and batch size have; a selection of them if they are many.

    A diverged trial keeps an infinite loss and accuracy 0 to the end: a median over the remaining trials would praise a
    rule for losing its bad ones. A stalled trial keeps its last values. points: a row a trial and step, with `rule,
    batch_size, trial, status, step` and the metrics.
    """
    parts = []
    groups = points.groupby(["rule", "batch_size"])
    most = max(FEWEST, min(POINTS, TOGETHER // len(groups)))
    for (rule, batch), group in groups:
        # Where a trial diverged it has a point of its own, which the others lack.
        last = group["step"] == group.groupby("trial")["step"].transform("max")
        steps = sorted(group.loc[~(last & (group["status"] == "diverged")), "step"].unique())
        whole = []
        for _, trial in group.groupby("trial"):
            losses = trial.set_index("step")[metrics]
            if trial["status"].iloc[0] == "diverged":
                ended = losses.index[-1]  # it is infinite from its last point on
                losses = losses.iloc[:-1].reindex(steps)
                for name in metrics:
                    losses.loc[losses.index >= ended, name] = worst(name)
                losses = losses[losses.index.isin(trial["step"]) | (losses.index >= ended)]
            elif trial["status"].iloc[0] == "stalled":
                losses = losses.reindex(steps, method="ffill")
            whole.append(losses)
        common = _thinned(sorted(set.intersection(*(set(losses.index) for losses in whole))), most)
        together = pd.concat(losses.loc[common] for losses in whole)
        parts.append(together.rename_axis("step").reset_index().assign(rule=rule, batch_size=batch))
    return pd.concat(parts, ignore_index=True)


def _thinned(steps: list[int], most: int) -> list[int]:
    """At most 2 x `most` of the steps, including the first and the last."""
    if len(steps) <= 2 * most:
        return steps
    wanted = np.r_[np.geomspace(max(steps[0], 1), steps[-1], most), np.linspace(steps[0], steps[-1], most)]
    places = np.unique(np.searchsorted(steps, wanted.round()))
    return [steps[place] for place in places]
