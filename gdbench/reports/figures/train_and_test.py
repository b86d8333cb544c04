"""Learning is not optimisation: the final training loss against the metric on test data, and the curves of both.

from gdbench.reports.figures import train_and_test
train_and_test.figure(run), train_and_test.table(run)
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from gdbench.reports import text
from gdbench.reports.common_steps import complete
from gdbench.reports.figure import Figure
from gdbench.reports.hardness import Hardness
from gdbench.reports.lines import draw_lines, line_name, plain_ticks, share_legend
from gdbench.reports.marks import mark
from gdbench.reports.results import Results, part_of_training
from gdbench.reports.style import INK, looks, order, panels, style
from gdbench.stats import choose, ending, final_score, reported, score_name, summarise, tuning

SETTING = ["rule", "batch_size", "setting"]
DRAWN = 1500  # a scatter of more points is drawn as one image, not as shapes


def caption(results: Results) -> str:
    """Explains the points and lines."""
    score = text.metric_title(score_name(results.trials))
    return (
        "Left: a point for each setting of the grid, medians over its seeds; ringed: the settings that were chosen, by "
        f"validation data, on the reporting seeds. The least training loss need not have the best {score}, which "
        "chooses nothing here. Settings whose median trial was lost are not shown. Right: both by step, each rule at "
        "its best batch size; medians over the reporting seeds, bands are 95 % bootstrap intervals. Accuracies are "
        f"drawn by their error, on a logarithmic axis.{part_of_training(results)}"
    )


def figure(results: Results) -> Drawing | None:
    """A scatter and curves; None without test data, or if no trial of a chosen setting ended with a finite loss."""
    score = score_name(results.trials)
    if not score or "train_loss" not in results.trials:
        return None
    grid, chosen, final = _grid(results, score), _medians(reported(results.trials), score), _best_batch(results)
    curves = results.curves.merge(
        final.assign(status=ending(final))[["trial", "rule", "batch_size", "status"]], on="trial"
    )
    if chosen.empty or curves.empty:
        return None
    points = complete(curves, ["train_loss", score])
    hardness = Hardness(results, score)
    points = points.assign(step=points["step"].clip(lower=1), **{score: hardness.of(points[score])})
    grid, chosen = (frame.assign(**{score: hardness.of(frame[score])}) for frame in (grid, chosen))
    rules = order([*grid["rule"], *chosen["rule"]])
    with style():
        drawing, axes = panels(3, share=False, height=3.4)
        _scatter(axes[0], grid, chosen, hardness, rules)
        for ax, name in zip(axes[1:], ("train_loss", score), strict=True):
            draw_lines(ax, points, "step", name, rules, write_y=hardness.words if name == score else text.number)
            ax.set(xlabel="step", ylabel=text.metric_title(name))
        for ax in (axes[0], axes[2]):
            ax.set_yscale("log")
            hardness.label(ax.yaxis)
            if hardness.rises:
                ax.invert_yaxis()
        share_legend(drawing, axes[1:])
    return drawing


def table(results: Results) -> list[dict[str, str]]:
    """A row for each chosen setting: its last training loss and test metric on the reporting seeds."""
    score = score_name(results.trials)
    final = _valued(reported(results.trials), score)
    loss, tested = (summarise(final, ["rule", "batch_size", "lr"], name) for name in ("train_loss", score))
    both = loss.merge(tested, on=["rule", "batch_size", "lr"], suffixes=("", "_tested"))
    return [
        {
            "rule": row["rule"],
            "batch": str(row["batch_size"]),
            "lr": text.number(row["lr"]),
            text.metric_title("train_loss"): _written("train_loss", row, ""),
            text.metric_title(score): _written(score, row, "_tested"),
        }
        for row in both.to_dict("records")
    ]


def data(results: Results) -> pd.DataFrame:
    """The points of the scatter, medians over seeds: the grid's, and the chosen settings' on the reporting seeds."""
    score = score_name(results.trials)
    chosen = _medians(reported(results.trials), score).assign(seeds="reporting")
    return pd.concat([_grid(results, score).assign(seeds="tuning"), chosen], ignore_index=True)


def _written(metric: str, row: Mapping[Any, Any], suffix: str) -> str:
    estimate, low, high = (row[f"{name}{suffix}"] for name in ("median", "low", "high"))
    return text.bounded(partial(text.metric, metric), estimate, low, high)


def _valued(trials: pd.DataFrame, score: str) -> pd.DataFrame:
    """The trials with the worst training loss and test metric for those that were lost."""
    return trials.assign(**{name: final_score(trials, name) for name in ("train_loss", score)})


def _medians(trials: pd.DataFrame, score: str) -> pd.DataFrame:
    """One row a setting, without those whose median trial was lost."""
    groups = _valued(trials, score).groupby(SETTING, sort=False)
    medians = groups.agg({"lr": "first", "train_loss": "median", score: "median"}).reset_index()
    return medians[np.isfinite(medians["train_loss"])]


def _grid(results: Results, score: str) -> pd.DataFrame:
    return _medians(tuning(results.trials), score)


def _best_batch(results: Results) -> pd.DataFrame:
    """The reporting trials of each rule at its best batch size."""
    best = choose(results.trials).drop_duplicates(["problem", "rule"])
    return reported(results.trials).merge(best[["problem", "rule", "batch_size"]], on=["problem", "rule", "batch_size"])


def _scatter(ax: Axes, grid: pd.DataFrame, chosen: pd.DataFrame, hardness: Hardness, rules: list[str]) -> None:
    palette, score = looks(rules)["palette"], hardness.metric
    losses = pd.concat([grid["train_loss"], chosen["train_loss"]])
    floor = losses[losses > 0].min() / 2  # where a loss of 0 is drawn, since a logarithmic axis has no 0
    for points, size, edge, z in ((grid, 14, "none", 2), (chosen, 34, INK, 3)):
        many = len(points) > DRAWN
        for (rule, batch), own in points.groupby(["rule", "batch_size"], sort=False):
            dots = ax.scatter(
                own["train_loss"].clip(lower=floor), own[score], s=size, color=palette[rule], edgecolors=edge,
                linewidths=0.8, alpha=0.8, zorder=z, rasterized=many,
            )  # fmt: skip
            places = zip(own["train_loss"].clip(lower=floor), own[score], _words(own, hardness), strict=True)
            mark(dots, rule=rule, batch=batch, name=line_name(rule, batch), points=() if many else places)
    ax.set_xscale("log")
    ax.set_yscale("log")
    plain_ticks(ax.xaxis)
    ax.set(xlabel=f"final {text.metric_title('train_loss')}", ylabel=f"final {text.metric_title(score)}")


def _words(points: pd.DataFrame, hardness: Hardness) -> list[str]:
    """The text of each point: `lr 0.01: training loss 0.02, test accuracy: error 3.1 %`."""
    return [
        f"lr {text.number(row['lr'])}: {text.metric_title('train_loss')} {text.number(row['train_loss'])}, "
        f"{hardness.title} {hardness.words(row[hardness.metric])}"
        for row in points.to_dict("records")
    ]


FIGURE: Figure[Results] = Figure(
    name="train_and_test",
    title="Training against test",
    alt="A scatter plot of final training loss and test metric by setting, and line plots of both by step.",
    spans="problem",
    draw=figure,
    caption=caption,
    table=table,
    data=data,
)
