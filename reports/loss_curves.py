"""Loss against step: each rule at the setting that the tuning seeds chose for it.

from gdbench.reports import loss_curves
loss_curves.figure(run)
"""

import itertools

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from gdbench.reports.lines import draw_lines, share_legend
from gdbench.reports.results import Results, reported
from gdbench.reports.style import order, panels, style
from gdbench.reports.text import metric_title

TITLE = "Loss by step"
ALT = "Line plots of loss against the step, one line a rule, one panel a split and a batch size."
CAPTION = (
    "Each rule at its chosen setting. Lines are medians over the reporting seeds, bands their 95 % bootstrap "
    "intervals. A diverged trial counts as infinite from there on; a line ends where the first of its trials stopped. "
    "Both axes are logarithmic; step 0 stands at 1."
)


def figure(results: Results) -> Figure | None:
    """Training and validation loss by step, a panel for each batch size; None when no chosen setting was reported."""
    final = reported(results.trials)
    if final.empty:
        return None
    points = _complete(results.curves.merge(final[["trial", "rule", "batch_size", "status"]], on="trial"))
    points = points.assign(step=points["step"].clip(lower=1))
    metrics = [name for name in ("train_loss", "val_loss") if points[name].notna().any()]
    batches = sorted(points["batch_size"].unique())
    rules = order(points["rule"])
    with style():
        drawing, axes = panels(len(batches), len(metrics))
        for ax, (metric, batch) in zip(axes, itertools.product(metrics, batches), strict=True):
            draw_lines(ax, points[points["batch_size"] == batch], "step", metric, rules)
            ax.set(xlabel="step", ylabel=metric_title(metric), title=f"batch size {batch}")
        share_legend(drawing, axes)
    return drawing


def _complete(points: pd.DataFrame) -> pd.DataFrame:
    """The steps at which every seed of a rule and batch size has a loss, a diverged one an infinite one.

    A median over those that are still there would praise a rule for losing its bad trials.
    """
    parts = []
    for (rule, batch), group in points.groupby(["rule", "batch_size"]):
        steps = sorted(group["step"].unique())
        whole = []
        for _, trial in group.groupby("trial"):
            losses = trial.set_index("step")[["train_loss", "val_loss"]]
            if trial["status"].iloc[0] == "diverged":
                losses = losses.iloc[:-1].reindex(steps, fill_value=np.inf)
            whole.append(losses)
        common = set.intersection(*(set(losses.index) for losses in whole))
        together = pd.concat(losses.loc[sorted(common)] for losses in whole)
        parts.append(together.rename_axis("step").reset_index().assign(rule=rule, batch_size=batch))
    return pd.concat(parts, ignore_index=True)
