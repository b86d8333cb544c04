"""The cost to the target by rule: each rule at its best setting with its interval, and its other batch sizes."""

from collections.abc import Iterator
from typing import Any

import matplotlib.ticker as ticks
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from gdbench.reports import text
from gdbench.reports.figure import Figure, Words
from gdbench.reports.judgement import Judgement, cost, judgement, units
from gdbench.reports.lines import line_name
from gdbench.reports.marks import mark
from gdbench.reports.names import laid_out, short, write
from gdbench.reports.results import Results, has_batches, target
from gdbench.reports.style import looks, style

AXIS = {"time": "seconds", "epochs": "epochs", "steps": "steps", "loss": "final loss"}
SHOWN = 21  # rules that are drawn; the table has them all


def figure(results: Results) -> Drawing | None:
    """The picture in the run's own unit; None if no rule has a cost."""
    return _drawn(results, judgement(results))


def variants(results: Results) -> Iterator[tuple[Words, Drawing]]:
    """The same in each unit."""
    for unit in units(results):
        drawing = _drawn(results, judgement(results, unit))
        if drawing is not None:
            yield (unit,), drawing


def data(results: Results) -> pd.DataFrame:
    """`problem, rule, lr, batch_size, to_target, low, high, ratio, ..., chosen`: the dots, in the run's own unit."""
    return judgement(results).judged.batches.drop(columns=["setting", "sign"])


def caption(results: Results) -> str:
    """What the dots are."""
    others = "Hollow: its other batch sizes, by their number. " if has_batches(results.trials) else ""
    return (
        "Filled: each rule at its chosen setting, the median over the reporting seeds with its 95 % interval. "
        f"{others}Shaded: the interval of the rule that the others are compared with. A rule whose median seed never "
        "gets there has no filled dot."
    )


def _drawn(results: Results, found: Judgement) -> Drawing | None:
    rules, batches = found.rules.head(SHOWN), found.judged.batches
    shown = batches[batches["rule"].isin(rules["rule"])]
    values = shown[["to_target", "low", "high"]].to_numpy(float)
    positive = values[np.isfinite(values) & (values > 0)]
    if not positive.size:
        return None
    names, palette = short(rules["rule"]), looks(rules["rule"])["palette"]
    with style():
        drawing = Drawing(figsize=(6.2, 1.1 + 0.46 * len(rules)), layout="constrained")
        ax = drawing.subplots()
        if (positive.max() / positive.min()) > 1.0 and (values[np.isfinite(values)] > 0).all():
            ax.set_xscale("log")
            ax.xaxis.set_major_locator(ticks.LogLocator(subs=(1.0, 2.0, 5.0)))
            ax.xaxis.set_major_formatter(ticks.FuncFormatter(lambda value, _: text.number(value, 2)))
            ax.xaxis.set_minor_formatter(ticks.NullFormatter())
        for place, row in enumerate(rules.itertuples()):
            others = shown[(shown["rule"] == row.rule) & ~shown["chosen"]]
            unit = found.unit if found.unit in ("time", "loss") else row.unit
            _row(ax, place, row, others, unit, palette[row.rule], batched=has_batches(results.trials))
        first = rules[rules["rule"] == rules["reference"]]
        if len(first) and np.isfinite(first[["low", "high"]].to_numpy(float)).all():
            ax.axvspan(float(first["low"].iloc[0]), float(first["high"].iloc[0]), alpha=0.12, linewidth=0, zorder=0)
        ax.set(ylim=(len(rules) - 0.4, -0.6), xlabel=_label(results, found), ylabel="")
        ax.set_yticks(range(len(rules)), list(map(laid_out, names.values())))
        for artist, (rule, cut) in zip(ax.get_yticklabels(), names.items(), strict=True):
            write(artist, rule, cut)
        ax.grid(visible=False, axis="y")
    return drawing


def _row(ax: Axes, place: int, row: Any, others: pd.DataFrame, unit: str, colour: Any, *, batched: bool) -> None:
    rule, value, low, high = row.rule, row.to_target, row.low, row.high
    if np.isfinite([low, high]).all():
        mark(ax.plot([low, high], [place, place], color=colour, linewidth=2.5, zorder=2)[0], rule=rule)
    for other in others[np.isfinite(others["to_target"])].itertuples():
        dot = ax.plot([other.to_target], [place], "o", markersize=5, markerfacecolor="none", color=colour, zorder=3)[0]
        words = f"lr {text.number(other.lr)}: {cost(other.to_target, unit)}"
        points = [(other.to_target, place, words)]
        mark(dot, rule=rule, batch=other.batch_size, name=line_name(rule, other.batch_size), points=points)
        at = (other.to_target, place)
        label = ax.annotate(str(other.batch_size), at, (0, 5), textcoords="offset points", ha="center", size=7)
        mark(label, rule=rule, batch=other.batch_size)
    if np.isfinite(value):
        dot = ax.plot([value], [place], "o", markersize=9, color=colour, zorder=4)[0]
        points = [(value, place, f"lr {text.number(row.lr)}: {cost(value, unit)}")]
        batch = row.batch_size if batched else None
        mark(dot, rule=rule, batch=batch, name=line_name(rule, batch), points=points)


def _label(results: Results, found: Judgement) -> str:
    goal = target(results)
    unit = AXIS[found.unit] if found.unit != "epochs" or (found.rules["unit"] == "epochs").all() else "steps"
    if goal is None:
        return "final loss (left is lower)"
    return f"{unit} to {text.level(*goal)} {text.metric_title(goal[0])} (left is sooner)"


FIGURE: Figure[Results] = Figure(
    name="standing",
    title="Cost to the target by rule",
    alt="Dot plot: a row for each rule, with its cost to the target and its interval; left is sooner.",
    spans="problem",
    draw=figure,
    caption=caption,
    data=data,
    variants=variants,
    varies=("unit",),
)
