"""Rule x learning rate x batch size at a glance, with divergence marked.

from gdbench.reports.figures import heat_map
heat_map.figure(run)
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure as Drawing
from matplotlib.patches import Rectangle

from gdbench.reports import text
from gdbench.reports.figure import Figure
from gdbench.reports.heights import Heights
from gdbench.reports.lines import line_name
from gdbench.reports.marks import mark
from gdbench.reports.names import inches, laid_out, short, write
from gdbench.reports.results import Results, has_batches, target
from gdbench.reports.style import order, style
from gdbench.stats import censored_steps, ending, final_loss, tuning

LABEL = 1.1  # inches of room for a rule's name
LABELLED = 30  # with more learning rates, cells have no room for numbers; the page shows these on hover


def caption(results: Results) -> str:
    """Explains the cells."""
    goal = target(results)
    cell = (
        f"steps until {text.metric_title(goal[0])} reaches {text.metric(*goal)}"
        if goal
        else "final loss"
        if has_batches(results.trials)
        else "final value"
    )
    return (
        f"Each cell: median over the tuning seeds of the {cell}, at the best of the other hyperparameters; dark is "
        "good. ∞: the median trial did not get there. D: at least half of the trials diverged (d: some did). Blank: "
        "not tried."
    )


def figure(results: Results) -> Drawing | None:
    """Median steps to target (without one, final loss) for each rule and lr; None if nothing varies."""
    tuned = tuning(results.trials)
    if tuned.empty or tuned["lr"].nunique() * tuned["rule"].nunique() < 2:
        return None
    steps = target(results) is not None
    cells = _cells(tuned, steps)
    if steps or has_batches(tuned):
        cells["height"] = cells["value"].clip(lower=1) if steps else cells["value"]
    else:
        cells["height"] = Heights.of(results).above(cells["value"])
    batches, rules = sorted(cells["batch_size"].unique()), order(cells["rule"])
    rates = sorted(cells["lr"].unique())
    finite = cells["height"][np.isfinite(cells["height"]) & (cells["height"] > 0)]
    norm = LogNorm(finite.min(), max(finite.max(), finite.min() * 1.01)) if len(finite) else LogNorm(1, 10)
    width = 1.5 + max(0.0, inches(rules) - LABEL) + 0.62 * max(min(len(rates), LABELLED), 7)
    size = (width, (1.3 + 0.34 * len(rules)) * len(batches))
    with style():
        # seaborn renders the figure to see whether labels overlap; at 100 pixels to the inch that takes a gigabyte.
        figure = Drawing(figsize=size, layout="constrained", dpi=20)
        axes = figure.subplots(len(batches), 1, squeeze=False, sharex=True)[:, 0]
        for ax, batch in zip(axes, batches, strict=True):
            here = cells[cells["batch_size"] == batch].pivot(index="rule", columns="lr")
            table = here.reindex(index=rules)
            values, heights, diverged = (table[name].reindex(columns=rates) for name in ("value", "height", "diverged"))
            spell = text.steps if steps else partial(text.number, digits=2)
            _draw(ax, values, heights, diverged, norm, spell)
            shown = batch if has_batches(tuned) else None
            mark(ax, batch=shown)
            _mark_rows(ax, values, diverged, shown, "steps" if steps else "")
            ax.set(xlabel="learning rate", ylabel="")
            ax.tick_params(axis="x", labelbottom=True)  # the page may hide the panels below
            ax.set_title(f"batch size {batch}" if has_batches(tuned) else "")
    return figure


def data(results: Results) -> pd.DataFrame:
    """The cells: `batch_size, rule, lr, setting, value, diverged`."""
    return _cells(tuning(results.trials), target(results) is not None).sort_values(["batch_size", "rule", "lr"])


def _mark_rows(ax: Axes, values: pd.DataFrame, diverged: pd.DataFrame, batch: int | None, unit: str) -> None:
    """Draw a cover over each rule's row, marked with the values of its cells."""
    for place, (rule, row) in enumerate(values.iterrows()):
        cover = ax.add_patch(Rectangle((0, place), len(row), 1, facecolor="none", edgecolor="none", zorder=9))
        points = [
            (column + 0.5, place + 0.5, f"lr {text.number(rate)}: {_said(value, lost, unit)}")
            for column, (rate, value, lost) in enumerate(zip(row.index, row, diverged.loc[rule], strict=True))
            if not np.isnan(value)
        ]
        mark(cover, rule=str(rule), batch=batch, name=line_name(str(rule), batch), points=points, cover=True)


def _said(value: float, lost: float, unit: str) -> str:
    """A cell's value in words."""
    words = f"{text.steps(value)} {unit}" if unit else text.number(value)
    return f"{words}, {text.percent(lost, 0)} diverged" if lost else words


def _draw(
    ax: Axes,
    values: pd.DataFrame,
    heights: pd.DataFrame,
    diverged: pd.DataFrame,
    norm: LogNorm,
    spell: Callable[[float], str],
) -> None:
    """Draw one heat map, values as text and heights as colours; infinite cells are grey, cells not tried are empty."""
    empty = ~np.isfinite(values.to_numpy())
    labels = np.empty(values.shape, object)
    for place, value in np.ndenumerate(values.to_numpy()):
        share = diverged.to_numpy()[place]
        some = " d" if share > 0 else ""
        labels[place] = "" if np.isnan(value) else "D" if share >= 0.5 else spell(value) + some
    wide = values.shape[1] > LABELLED
    every = -(-values.shape[1] // LABELLED)
    names = short(map(str, values.index))
    sns.heatmap(
        heights.where(~empty), annot=None if wide else labels, fmt="", norm=norm, vmin=1, vmax=10, cmap="viridis",
        cbar=False, ax=ax, linewidths=0.0 if wide else 0.5, linecolor="white", annot_kws={"size": 8}, mask=empty,
        xticklabels=False, yticklabels=list(map(laid_out, names.values())), rasterized=wide,
    )  # fmt: skip
    # seaborn leaves out the masked cells with their labels, so these are drawn here.
    grey = np.where(empty & values.notna().to_numpy(), 1.0, np.nan)
    edges = {"rasterized": True} if wide else {"edgecolor": "white", "linewidth": 0.5}
    ax.pcolormesh(grey, cmap=ListedColormap(["0.88"]), **edges)
    for row, column in np.argwhere(empty) if not wide else ():
        ax.text(column + 0.5, row + 0.5, labels[row, column], ha="center", va="center", size=8, color="0.15")
    shown = range(0, values.shape[1], every)
    ax.set_xticks([place + 0.5 for place in shown], [text.number(values.columns[place], 2) for place in shown])
    ax.tick_params(axis="x", rotation=0, labelsize=8)
    ax.tick_params(axis="y", rotation=0)
    for artist, (rule, cut) in zip(ax.get_yticklabels(), names.items(), strict=True):
        write(artist, rule, cut)
    ax.grid(False)


def _cells(tuned: pd.DataFrame, steps: bool) -> pd.DataFrame:
    """One row for each rule, batch size and lr: the median value and the share diverged of its best setting."""
    value = censored_steps(tuned) if steps else final_loss(tuned)
    tuned = tuned.assign(value=value, diverged=(ending(tuned) == "diverged").astype(float))
    keys = ["rule", "batch_size", "lr"]
    settings = tuned.groupby([*keys, "setting"], sort=False, as_index=False).agg(
        value=("value", "median"), diverged=("diverged", "mean")
    )
    return settings.sort_values(["value", "diverged"], kind="stable").drop_duplicates(keys)


FIGURE: Figure[Results] = Figure(
    name="heat_map",
    title="Rule and learning rate at a glance",
    alt="Heat maps: rows are rules, columns learning rates, dark cells are good; D marks divergence.",
    spans="problem",
    draw=figure,
    caption=caption,
    data=data,
)
