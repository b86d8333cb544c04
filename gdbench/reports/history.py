"""Metrics over the stored runs of a machine: points, levels, and where the levels changed.

from gdbench.reports.history import history
history(frame)
"""

import textwrap

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gdbench.inputs.visible import visible
from gdbench.reports.history_table import date, is_cost, ratio_text
from gdbench.reports.style import INK, PATH, panels, style

TICKS = 4  # the most dates below a panel
WIDTH = 34  # letters in a line of a title
NOTE = 22  # letters in a line of the reason why a change is accepted
UNITS = {"steps_to_target": "steps to the target", "final_loss": "final loss"}
COST = "step / peak kernel"
OURS, SCALED, LEVEL = "value", "seconds, to the same median", "level"
CHANGED, ACCEPTED, LOST = "change", "accepted change", "infinite"


def history(frame: pd.DataFrame) -> Figure:
    """A panel for each metric of the frame of `gdbench.api.history.history`; runs are evenly spaced, in order of time.

    The grey crosses of a cost are seconds, scaled to the median of the values. Where they differ from the values, the
    whole machine was slower or faster. Infinite values are at the upper edge.
    """
    groups = list(frame.groupby("metric", sort=False))
    with style():
        drawing, axes = panels(len(groups), height=3.0, share=False)
        for ax, (metric, points) in zip(axes, groups, strict=True):
            _panel(ax, str(metric), points.reset_index(drop=True))
        handles = {label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
        drawing.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=6, frameon=False)
    return drawing


def _panel(ax: Axes, metric: str, points: pd.DataFrame) -> None:
    blue, grey = sns.color_palette("colorblind", 8)[0], "0.55"
    finite = points[np.isfinite(points["value"])]
    if is_cost(metric):
        scaled = points["raw"] * (points["value"] / points["raw"]).median()
        sns.scatterplot(x=points.index, y=scaled, color=grey, marker="x", s=22, label=SCALED, legend=False, ax=ax)
    sns.scatterplot(x=finite.index, y=finite["value"], color=blue, s=26, label=OURS, legend=False, ax=ax)
    edge = points.index[np.isinf(points["value"])]
    ax.scatter(
        edge,
        np.full(len(edge), 0.97),
        marker="^",
        color=blue,
        transform=ax.get_xaxis_transform(),
        label=LOST if len(edge) else "_",
    )
    for number, (_, level) in enumerate(points.groupby(points["change"].notna().cumsum())):
        if np.isfinite(level["level"].iloc[0]):
            ends = [level.index[0] - 0.5, level.index[-1] + 0.5]
            label = LEVEL if number == 0 else "_"
            ax.plot(ends, [level["level"].iloc[0]] * 2, color=INK, lw=1.2, label=label)
    for number, (index, point) in enumerate(points[points["change"].notna()].iterrows()):
        _mark(ax, int(str(index)), point, top=number % 2 == 0)
    places = np.unique(np.linspace(0, len(points) - 1, min(TICKS, len(points))).round().astype(int))
    ax.set_xticks(places, [date(points["created"].iloc[place]) for place in places])
    ax.set(xlim=(-1, len(points)), xlabel="run, by its date", ylabel=_unit(metric))
    ax.set_title(textwrap.fill(visible(metric.partition(": ")[2]), WIDTH), fontsize="medium", parse_math=False)
    ax.margins(y=0.25)


def _mark(ax: Axes, index: int, point: pd.Series, *, top: bool) -> None:
    """Draw a line before the first run of a new level, with its ratio and the reason if the change is accepted.

    top: whether this text is above the points, else below.
    """
    accepted = isinstance(point["accepted"], str)
    words = ratio_text(point["change"])
    if accepted:
        words += f"\n{textwrap.fill(visible(point['accepted']), NOTE)}"
    colour, dashes, label = ("0.35", "--", ACCEPTED) if accepted else (PATH, "-", CHANGED)
    ax.axvline(index - 0.5, lw=1.4, color=colour, ls=dashes, label=label)
    left, height, side = index < ax.get_xlim()[1] / 2, 0.98 if top else 0.02, "top" if top else "bottom"
    ax.annotate(
        words, (index - 0.5, height), xycoords=ax.get_xaxis_transform(), xytext=(3 if left else -3, 0),
        textcoords="offset points", ha="left" if left else "right", va=side, fontsize="x-small", color=colour,
        parse_math=False,
    )  # fmt: skip


def _unit(metric: str) -> str:
    return COST if is_cost(metric) else UNITS.get(metric.partition(":")[0], metric)
