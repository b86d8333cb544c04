"""Shows how much the learning rate matters: final validation loss, or value, against lr.

from gdbench.reports.figures import sensitivity
sensitivity.figure(run)
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Drawing

from gdbench.reports.figure import Figure
from gdbench.reports.heights import Heights
from gdbench.reports.lines import batch_panel, draw_lines, mark_lost, share_legend
from gdbench.reports.results import Results, has_batches
from gdbench.reports.style import order, panels, style
from gdbench.reports.text import metric_title
from gdbench.stats import final_loss, objective, summarise, tuning


def caption(results: Results) -> str:
    """Explains the lines."""
    words = (
        f"Median final {'loss' if has_batches(results.trials) else 'value'} over the tuning seeds at each learning "
        "rate, with its 95 % bootstrap interval; where a rule has other hyperparameters in the grid, the best of them "
        "at that learning rate. Rules with one learning rate are left out. A cross near the upper edge: the median "
        "trial diverged or failed."
    )
    return words if has_batches(results.trials) else f"{words} {Heights.of(results).caption}"


def figure(results: Results) -> Drawing | None:
    """Final loss or value against lr, one column a batch size; None if no rule has at least two learning rates."""
    tuned = _tuned(results)
    if tuned.empty:
        return None
    title = metric_title(objective(tuned))
    points = _best_of_others(tuned)
    if not has_batches(tuned):
        heights = Heights.of(results)
        points, title = points.assign(loss=heights.above(points["loss"])), heights.label
    batches = sorted(points["batch_size"].unique())
    rules = order(points["rule"])
    with style():
        drawing, axes = panels(len(batches), height=3.6)
        for ax, batch in zip(axes, batches, strict=True):
            here = points[points["batch_size"] == batch]
            shown = batch if has_batches(tuned) else None
            batch_panel(ax, shown)
            draw_lines(ax, here, "lr", "loss", rules, markers=True, batch=shown)
            ax.set(xlabel="learning rate", ylabel=f"final {title}")
            ax.set_title(f"batch size {batch}" if has_batches(tuned) else "")
            medians = here.groupby(["rule", "lr"], as_index=False)["loss"].median()
            mark_lost(ax, medians[np.isinf(medians["loss"])], "lr", rules, "was lost", shown)
        share_legend(drawing, axes)
    return drawing


def data(results: Results) -> pd.DataFrame:
    """The points: a median with its interval for each batch size, rule and learning rate."""
    return summarise(_best_of_others(_tuned(results)), ["batch_size", "rule", "lr"], "loss")


def _tuned(results: Results) -> pd.DataFrame:
    """The tuning trials of rules with several learning rates, each with its final `loss`."""
    tuned = tuning(results.trials)
    tuned = tuned[tuned.groupby("rule")["lr"].transform("nunique") > 1]
    return tuned.assign(loss=final_loss(tuned))


def _best_of_others(tuned: pd.DataFrame) -> pd.DataFrame:
    """The trials of the setting with the least median loss, for every rule, batch size and lr."""
    medians = tuned.groupby(["rule", "batch_size", "lr", "setting"], sort=False, as_index=False)["loss"].median()
    best = medians.sort_values("loss", kind="stable").drop_duplicates(["rule", "batch_size", "lr"])
    return tuned.merge(best[["rule", "batch_size", "setting"]], on=["rule", "batch_size", "setting"])


FIGURE: Figure[Results] = Figure(
    name="sensitivity",
    title="Sensitivity to the learning rate",
    alt="Line plots of final loss or value against learning rate, one line a rule; crosses mark divergence.",
    spans="problem",
    draw=figure,
    caption=caption,
    data=data,
)
