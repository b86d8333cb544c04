"""Lines with bands, one a rule, on a row of axes that share a legend."""

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gdbench.reports.style import looks
from gdbench.stats import summarise


def draw_lines(ax: Axes, points: pd.DataFrame, x: str, y: str, rules: list[str], *, markers: bool = False) -> None:
    """Median of y over the seeds at each x for each rule, with the 95 % bootstrap interval as a band.

    points: columns rule, x and y, a row a seed. Logarithmic axes; values that are not finite leave a gap.
    """
    look = looks(rules)
    lines = summarise(points, ["rule", x], y).replace([np.inf, -np.inf], np.nan)
    sns.lineplot(
        lines, x=x, y="median", hue="rule", style="rule", hue_order=rules, style_order=rules, errorbar=None, ax=ax,
        palette=look["palette"], dashes=look["dashes"], markers=look["markers"] if markers else False, markersize=5,
    )  # fmt: skip
    for rule, line in lines.groupby("rule"):
        ax.fill_between(line[x], line["low"], line["high"], color=look["palette"][rule], alpha=0.15, linewidth=0)
    ax.set(xscale="log", yscale="log")


def share_legend(figure: Figure, axes: Any) -> None:
    """One legend beside the figure in place of one in each of its axes."""
    handles, labels = axes.flat[0].get_legend_handles_labels()
    for ax in axes.flat:
        if ax.get_legend() is not None:
            ax.get_legend().remove()
    figure.legend(handles, labels, loc="outside right upper", frameon=False)
