"""Loss, or a function's value, against step: each rule at the setting that the tuning seeds chose for it.

from gdbench.reports import loss_curves
loss_curves.figure(run)
"""

import itertools

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from gdbench.reports.heights import Heights
from gdbench.reports.lines import draw_lines, share_legend
from gdbench.reports.results import Results, has_batches
from gdbench.reports.style import order, panels, style
from gdbench.reports.text import metric_title
from gdbench.stats import reported

ALT = "Line plots of loss, or of a function's value, against the step, one line a rule."
METRICS = ("train_loss", "val_loss", "value")


def title(results: Results) -> str:
    """What the figure is called."""
    return "Loss by step" if has_batches(results.trials) else "Value by step"


def caption(results: Results) -> str:
    """What the lines are."""
    words = (
        "Each rule at its chosen setting. Lines are medians over the reporting seeds, bands their 95 % bootstrap "
        "intervals. A diverged trial counts as infinite from there on, one that stalled stays where it is; a line ends "
        "where the first of its other trials stopped. Both axes are logarithmic; step 0 stands at 1."
    )
    return words if has_batches(results.trials) else f"{words} {Heights.of(results).caption}"


def figure(results: Results) -> Figure | None:
    """Training and validation loss, or the value, by step, a panel for each batch size; None without chosen trials."""
    final = reported(results.trials)
    if final.empty:
        return None
    seen = results.curves.merge(final[["trial", "rule", "batch_size", "status"]], on="trial")
    if seen.empty:  # every one has failed
        return None
    points = _complete(seen)
    points = points.assign(step=points["step"].clip(lower=1))
    metrics = [name for name in METRICS if name in points and points[name].notna().any()]
    titles = {name: metric_title(name) for name in metrics}
    if "value" in metrics:
        heights = Heights.of(results)
        points, titles["value"] = points.assign(value=heights.above(points["value"])), heights.label
    batches = sorted(points["batch_size"].unique())
    rules = order(points["rule"])
    with style():
        drawing, axes = panels(len(batches), len(metrics))
        for ax, (metric, batch) in zip(axes, itertools.product(metrics, batches), strict=True):
            draw_lines(ax, points[points["batch_size"] == batch], "step", metric, rules)
            ax.set(xlabel="step", ylabel=titles[metric])
            ax.set_title(f"batch size {batch}" if has_batches(results.trials) else "")
        share_legend(drawing, axes)
    return drawing


def _complete(points: pd.DataFrame) -> pd.DataFrame:
    """The steps at which every seed of a rule and batch size has a loss, a diverged one an infinite one.

    A median over those that are still there would praise a rule for losing its bad trials.
    """
    metrics = [name for name in METRICS if name in points]
    parts = []
    for (rule, batch), group in points.groupby(["rule", "batch_size"]):
        steps = sorted(group["step"].unique())
        whole = []
        for _, trial in group.groupby("trial"):
            losses = trial.set_index("step")[metrics]
            if trial["status"].iloc[0] == "diverged":
                losses = losses.iloc[:-1].reindex(steps, fill_value=np.inf)
            elif trial["status"].iloc[0] == "stalled":
                losses = losses.reindex(steps, method="ffill")
            whole.append(losses)
        common = set.intersection(*(set(losses.index) for losses in whole))
        together = pd.concat(losses.loc[sorted(common)] for losses in whole)
        parts.append(together.rename_axis("step").reset_index().assign(rule=rule, batch_size=batch))
    return pd.concat(parts, ignore_index=True)
