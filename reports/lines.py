"""Lines with bands, one a rule, on a row of axes that share a legend."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from gdbench.reports.style import looks
from gdbench.stats import summarise


def draw_lines(ax: Axes, points: pd.DataFrame, x: str, y: str, rules: list[str], *, markers: bool = False) -> None:
    """Median of y over the seeds at each x for each rule, with the 95 % bootstrap interval as a band.

    points: columns rule, x and y, a row a seed. Logarithmic axes; where the median is infinite there is a gap, where
    the interval's upper end is, the band goes to the upper edge.
    """
    look = looks(rules)
    lines = summarise(points, ["rule", x], y)
    drawn = lines.assign(median=lines["median"].where(np.isfinite(lines["median"]) & (lines["median"] > 0)))
    sns.lineplot(
        drawn, x=x, y="median", hue="rule", style="rule", hue_order=rules, style_order=rules, errorbar=None, ax=ax,
        palette=look["palette"], dashes=look["dashes"], markers=look["markers"] if markers else False, markersize=5,
    )  # fmt: skip
    highest = 10 * drawn["median"].max()
    for rule, line in drawn.groupby("rule"):
        band = line.dropna()
        ax.fill_between(
            band[x], band["low"], band["high"].clip(upper=highest), color=look["palette"][rule], alpha=0.15, lw=0
        )
    ax.set_xscale("log")
    if drawn["median"].notna().any():
        ax.set_yscale("log")
    low, high = points[x].min(), points[x].max()
    margin = (high / low) ** 0.05 if high > low else 2.0
    ax.set_xlim(low / margin, high * margin)
    for axis in (ax.xaxis, ax.yaxis):
        plain_ticks(axis)


def plain_ticks(axis: Axis) -> None:
    """On a logarithmic axis of less than two decades, label 1, 2 and 5 of each; on a longer one, the decades alone."""
    low, high = axis.get_view_interval()
    if axis.get_scale() != "log":
        return
    if 0 < high / low < 100:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def share_legend(figure: Figure, axes: list[Axes], texts: Mapping[str, str] | None = None) -> None:
    """One legend beside the figure in place of one in each of its axes; texts: what to write for a label."""
    handles, labels = axes[0].get_legend_handles_labels()
    for ax in axes:
        legend = ax.get_legend()
        if legend is not None:
            legend.remove()
    labels = [(texts or {}).get(label, label) for label in labels]
    figure.legend(handles, labels, loc="outside right upper", frameon=False)
