"""Lines with bands, one a rule, on a row of axes that share a legend."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from gdbench.reports import text
from gdbench.reports.marks import mark, marked_rule
from gdbench.reports.names import KEY, inches, legend
from gdbench.reports.style import looks, order
from gdbench.stats import summarise

LINE_HEIGHT = 0.22  # inches of a line in a legend
ROOM = 2.0  # inches that a legend takes from the axes beside it


def draw_lines(ax: Axes, points: pd.DataFrame, x: str, y: str, rules: list[str], **options: Any) -> None:
    """Draw the median of y over the seeds at each x for each rule, with the 95 % bootstrap interval as a band.

    points: columns rule, x and y, a row a seed. options: those of `draw_medians`.
    """
    draw_medians(ax, summarise(points, ["rule", x], y), x, rules, **options)


def draw_medians(
    ax: Axes,
    lines: pd.DataFrame,
    x: str,
    rules: list[str],
    *,
    markers: bool = False,
    linear: str = "",
    batch: Any = None,
    write_x: Callable[[float], str] = text.number,
    write_y: Callable[[float], str] = text.number,
) -> None:
    """Draw a line with its band for each rule, on logarithmic axes except those in `linear`, such as "y" or "xy".

    lines: columns rule, x, `median` (or another estimate), `low` and `high`. An infinite estimate leaves a gap; a band
    with an infinite upper end goes to the upper edge. batch: the batch size of the lines. write_x, write_y: functions
    that write the values that the page shows on hover.
    """
    lines = lines[np.isfinite(lines[x].astype(float))]  # an export may hold anything
    shown = np.isfinite(lines["median"]) & ((lines["median"] > 0) | ("y" in linear))
    drawn = lines.assign(median=lines["median"].where(shown)).sort_values(x, kind="stable")
    highest = 10 * drawn["median"].max()
    for rule in (rule for rule in rules if (drawn["rule"] == rule).any()):
        line = drawn[drawn["rule"] == rule]
        options = line_options(rule, rules, markers)
        (path,) = ax.plot(line[x].to_numpy(), line["median"].to_numpy(), **options)
        labels = [_label(x, row, write_x, write_y) for row in line.to_dict("records")]
        points = zip(line[x], line["median"], labels, strict=True)
        mark(path, rule=rule, batch=batch, name=line_name(rule, batch), points=points)
        edges = (line["low"].clip(lower=0), line["high"].clip(upper=highest))
        area = ax.fill_between(
            line[x], *(edge.where(line["median"].notna()) for edge in edges), color=options["color"], alpha=0.15, lw=0
        )
        mark(area, rule=rule, batch=batch)
    low, high = (lines[x].min(), lines[x].max()) if len(lines) else (1.0, 1.0)
    if "x" in linear:
        ax.set_xlim(low - 0.02 * (high - low), high + 0.02 * (high - low) or 1.0)
    else:
        ax.set_xscale("log")
        margin = high**0.05 / low**0.05 if high > low else 2.0
        ax.set_xlim(low / margin, high * margin)
        plain_ticks(ax.xaxis)
    if "y" not in linear:
        if drawn["median"].notna().any():
            ax.set_yscale("log")
        plain_ticks(ax.yaxis)


def batch_panel(ax: Axes, batch: Any) -> None:
    """Let the page hide this panel by its batch size, and label its y axis, since the page may hide its neighbours."""
    mark(ax, batch=batch)
    ax.tick_params(axis="y", labelleft=True)


def line_options(rule: str, rules: list[str], markers: bool = False) -> dict[str, Any]:
    """The options with which `Axes.plot` draws a rule's line; seaborn does not say which line is which rule's."""
    look = looks(rules)
    marked = {"marker": look["markers"][rule], "markersize": 5, "markeredgecolor": "white", "markeredgewidth": 0.75}
    dashes = (0, look["dashes"][rule]) if look["dashes"][rule] else "-"
    return {"color": look["palette"][rule], "linestyle": dashes, "label": rule, **(marked if markers else {})}


def line_name(rule: str, batch: Any) -> str:
    """A line's name: its rule, and its batch size if there is one."""
    return rule if batch is None else f"{rule}, batch size {batch}"


def _label(x: str, row: Mapping[Any, Any], write_x: Callable[[float], str], write_y: Callable[[float], str]) -> str:
    """`step 40: 0.31 [0.28, 0.36]`."""
    return f"{x.replace('_', ' ')} {write_x(row[x])}: {text.bounded(write_y, row['median'], row['low'], row['high'])}"


def mark_lost(ax: Axes, lost: pd.DataFrame, x: str, rules: list[str], fate: str, batch: Any = None) -> None:
    """Draw a cross near the upper edge for each row (rule, x); crosses at the same x stand one below the other.

    fate: what happened to the median trial, as the end of a sentence. batch: as in `draw_medians`.
    """
    palette, edge = looks(rules)["palette"], ax.get_xaxis_transform()
    for _, crosses in lost.groupby(x):
        apart = min(0.05, 0.3 / len(crosses))
        for place, cross in enumerate(sorted(crosses.to_dict("records"), key=lambda row: rules.index(row["rule"]))):
            rule, at = cross["rule"], (cross[x], 0.97 - apart * place)
            drawn = ax.scatter(*at, marker="x", color=palette[rule], transform=edge, zorder=5)
            words = f"{x.replace('_', ' ')} {text.number(cross[x])}: the median trial {fate}"
            mark(drawn, rule=rule, batch=batch, name=line_name(rule, batch), points=[(*at, words)], transform=edge)


def plain_ticks(axis: Axis) -> None:
    """Label 1, 2 and 5 of each decade of a logarithmic axis, or the decades alone if there are two or more."""
    low, high = sorted(axis.get_view_interval())
    if axis.get_scale() != "log":
        return
    if 0 < high / low < 100:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())  # the style shows no ticks, and a hundred of them take time


def share_legend(figure: Figure, axes: list[Axes]) -> None:
    """Put one legend beside the figure, with the rules whose lines its axes have. Long names widen the figure."""
    lines = [(marked_rule(line), line) for ax in axes for line in ax.lines]
    handles = {rule: line for rule, line in reversed(lines) if rule is not None}
    rules = order(handles)
    columns = -(-len(rules) // max(int(figure.get_figheight() / LINE_HEIGHT), 1))
    figure.set_figwidth(figure.get_figwidth() + max(0.0, columns * (inches(rules) + KEY) - ROOM))
    entries = [(handles[rule], rule, rule, "") for rule in rules]
    legend(figure, entries, loc="outside right upper", frameon=False, ncols=columns)
