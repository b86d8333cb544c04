"""The cost of a step against everything that varies in a run: width, depth, batch size, samples, trials at a time.

from gdbench.reports.figures import scaling
scaling.figure(run), scaling.table(run)
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from gdbench.reports import text
from gdbench.reports.figure import Figure
from gdbench.reports.lines import plain_ticks
from gdbench.reports.marks import mark
from gdbench.reports.names import KEY, inches, legend
from gdbench.reports.results import Results
from gdbench.reports.scaling_panels import FULL, SECONDS, SPEED, STEPS, Panel, panels, words
from gdbench.reports.style import looks, order, style
from gdbench.stats import FEW, summarise
from gdbench.stats.powers import exponents

LINE = ["rule", "batch"]
WIDTH = 4.4  # inches of a panel
COLUMNS = 2  # panels in a row, so that text stays readable on a page
LABELS = 5  # up to so many sizes, each has a tick
ROOM = 8.0  # a panel's top is at least this factor above its bottom, so that a line that hardly changes looks flat


def figure(results: Results) -> Drawing | None:
    """A panel for each thing that varies; None if nothing has three sizes."""
    shown = panels(results)
    if not shown:
        return None
    columns = min(len(shown), COLUMNS)
    rows = -(-len(shown) // columns)
    with style():
        lines = max(len(panel.points[LINE].drop_duplicates()) / _beside(panel) for panel in shown)  # of a legend
        drawing = Drawing(figsize=(max(WIDTH * columns, 6.0), (3.5 + 0.2 * lines) * rows), layout="constrained")
        axes = drawing.subplots(rows, columns, squeeze=False)
        for ax, panel in zip(axes.flat, shown, strict=False):
            _draw(ax, panel)
        for unused in axes.flat[len(shown) :]:
            unused.remove()
    return drawing


def caption(results: Results) -> str:
    """Explains the points and how they were measured."""
    shown = panels(results)
    alone, together = "alone: medians over rounds", "during the sweep, while other trials ran: medians over seeds"
    how = alone if len(results.timings) else together
    sentences = [
        f"Seconds a step, measured {how}, with 95 % bootstrap intervals. Both axes are logarithmic, so that a power is "
        "a straight line; the number beside a rule is its exponent, fitted by least squares. Small sizes show what a "
        "step costs whatever its size, which lowers the exponent."
    ]
    fewest = min(panel.points.groupby([*LINE, "x"])["repetition"].nunique().min() for panel in shown)
    if fewest < FEW:
        sentences.append(f"Where there are {fewest} rounds or seeds, intervals are narrower than they should be.")
    if any(panel.points["floor"].notna().any() for panel in shown):
        sentences.append("Dotted: the floor, what the machine would need at its best.")
    if any(panel.ends for panel in shown):
        sentences.append(
            "Vertical lines: where parameters, gradient and slots of a rule together outgrow a cache; an exponent over "
            "several caches is a mixture, and the table has one for each level that holds three sizes."
        )
    if any(panel.y == STEPS for panel in shown):
        sentences.append(
            "Where a full batch costs in proportion to the samples and saves few steps, a minibatch is there sooner."
        )
    return " ".join([*sentences, *(panel.note for panel in shown if panel.note)])


def table(results: Results) -> list[dict[str, str]]:
    """A row for each line of each panel: its ends and its exponent, also within each level of memory."""
    shown = [(panel, _powers(panel), _within_levels(panel)) for panel in panels(results)]
    levels = sorted({level for _, _, within in shown for level in within["memory"]})
    return [
        {
            "what": panel.y,
            "against": panel.title,
            "rule": rule,
            "batch": batch or "–",
            "least": _point(line.iloc[0], panel),
            "greatest": _point(line.iloc[-1], panel),
            "fitted exponent": _power(powers, rule, batch),
            **{f"within {level}": _power(within[within["memory"] == level], rule, batch) for level in levels},
        }
        for panel, powers, within in shown
        for (rule, batch), line in _lines(summarise(panel.points, [*LINE, "x"], "y"))
    ]


def data(results: Results) -> pd.DataFrame:
    """The points: `panel, quantity, rule, batch, x, median, low, high`."""
    frames = [
        summarise(panel.points, [*LINE, "x"], "y").assign(panel=panel.title, quantity=panel.y)
        for panel in panels(results)
    ]
    return pd.concat(frames, ignore_index=True)[["panel", "quantity", *LINE, "x", "median", "low", "high"]]


def _draw(ax: Axes, panel: Panel) -> None:
    points = panel.points
    rules, batches = order(points["rule"]), list(dict.fromkeys(points["batch"]))
    look, powers = looks(rules), _powers(panel)
    medians = summarise(points, [*LINE, "x"], "y")
    handles: list[tuple[Artist, str, str | None, str]] = []
    for (rule, batch), line in _lines(medians):
        drawn = line[np.isfinite(line["median"])]
        arms = np.nan_to_num([drawn["median"] - drawn["low"], drawn["high"] - drawn["median"]], posinf=0.0)
        colour = look["palette"][rule]
        container = ax.errorbar(
            drawn["x"], drawn["median"], yerr=arms, color=colour, marker=look["markers"][rule], markersize=4.5,
            linestyle=(0, look["dashes"][rule] or None) if batch == FULL or len(batches) == 1 else "--",
            linewidth=1.4, capsize=2,
        )  # fmt: skip
        path, caps, bars = container.lines
        name = f"{rule}, {words(batch)}" if len(batches) > 1 else rule
        for part in (*caps, *bars):
            mark(part, rule=rule, batch=batch)
        labels = [_point(row, panel) for _, row in drawn.iterrows()]
        mark(path, rule=rule, batch=batch, name=name, points=zip(drawn["x"], drawn["median"], labels, strict=True))
        power = _power(powers, rule, batch, interval=False)
        handles.append((path, name, rule, f": {power}" if power != "–" else ""))
        floor = points[(points["rule"] == rule) & (points["batch"] == batch)].groupby("x")["floor"].median()
        if floor.notna().all():
            (dots,) = ax.plot(floor.index, floor, color=colour, linestyle=":", linewidth=1.0)
            mark(dots, rule=rule, batch=batch)
    if points["floor"].notna().any():
        handles.append((Line2D([], [], color="grey", linestyle=":", linewidth=1.0), "floor", None, ""))
    ax.set(xscale="log", yscale="log", xlabel=panel.x, ylabel=panel.y)
    _ends(ax, panel, look["palette"])
    ax.set_title(panel.title, pad=16 if panel.ends else 6)
    low, high = ax.get_ylim()
    room = max(1.0, (ROOM * low / high)) ** 0.5
    ax.set_ylim(low / room, high * room)
    for axis in (ax.xaxis, ax.yaxis):
        plain_ticks(axis)
    sizes = points["x"].unique()
    if len(sizes) <= LABELS:
        ax.set_xticks(sizes, [f"{size:,.0f}" for size in sizes])
        ax.set_xticks([], minor=True)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _value(value, panel)))
    title = "fitted exponents" if len(powers) else None
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.18), "frameon": False, "title": title}
    legend(ax, handles, ncols=_beside(panel), **below)


def _beside(panel: Panel) -> int:
    """The number of its lines' names that fit in a row below a panel."""
    names = [f"{rule}, {words(batch)}" for rule, batch in panel.points[LINE].drop_duplicates().itertuples(index=False)]
    return 2 if 2 * (inches(names) + KEY) <= WIDTH else 1


def _ends(ax: Axes, panel: Panel, palette: dict[Any, Any]) -> None:
    """Draw a line where each rule's update outgrows each cache, with the cache's name above."""
    for name, ends in panel.ends.items():
        for rule, x in ends.items():
            mark(ax.axvline(x, color=palette[rule], linewidth=0.9, linestyle=(0, (4, 2))), rule=rule)
        middle = float(np.exp(np.mean(np.log(list(ends.values())))))
        ax.text(
            middle, 1.01, f"end of {name}", transform=ax.get_xaxis_transform(), ha="center", va="bottom", fontsize=8
        )


def _lines(medians: pd.DataFrame) -> Iterator[tuple[tuple[str, str], pd.DataFrame]]:
    """The lines of a panel, in the order of rules."""
    groups = {(str(key[0]), str(key[1])): line for key, line in medians.groupby(LINE, sort=False)}
    for rule in order(rule for rule, _ in groups):
        yield from ((key, line) for key, line in groups.items() if key[0] == rule)


def _powers(panel: Panel) -> pd.DataFrame:
    """The exponents of a panel's lines; none for speed, which is no power: it stops growing where the cores end."""
    return exponents(panel.points if panel.y != SPEED else panel.points.iloc[:0], LINE, "x", "y")


def _within_levels(panel: Panel) -> pd.DataFrame:
    """The exponents within each level of memory, for the lines that span several."""
    known = panel.points.dropna(subset=["memory"])
    several = known.groupby(LINE)["memory"].transform("nunique") > 1
    return exponents(known[several], [*LINE, "memory"], "x", "y")


def _power(powers: pd.DataFrame, rule: str, batch: str, *, interval: bool = True) -> str:
    """An exponent as text, with its interval."""
    for _, row in powers[(powers["rule"] == rule) & (powers["batch"] == batch)].iterrows():
        middle, low, high = (
            text.fixed(row[name], 2) if pd.notna(row[name]) else "" for name in ("median", "low", "high")
        )
        return f"{middle} [{low}, {high}]" if interval and low else middle
    return "–"


def _point(row: pd.Series, panel: Panel) -> str:
    """A point of a line as text: `868: 3.6 µs`."""
    return f"{text.steps(row['x'])}: {_value(row['median'], panel)}"


def _value(value: float, panel: Panel) -> str:
    return text.seconds(value) if panel.y == SECONDS else text.steps(value)


FIGURE: Figure[Results] = Figure(
    name="scaling",
    title="How costs grow",
    alt="Line plots on logarithmic axes, one for each thing that varies in the run: seconds a step, or steps, by size.",
    spans="run",
    draw=figure,
    caption=caption,
    table=table,
    data=data,
)
