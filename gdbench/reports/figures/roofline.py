"""Timed steps and kernels under the roofs of this machine: arithmetic under its peak, updates beside its triad.

from gdbench.reports.figures import roofline
roofline.figure(run), roofline.table(run)

Samuel Williams, Andrew Waterman, David Patterson: Roofline: an insightful visual performance model for multicore
architectures, Communications of the ACM 52(4), 2009.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D

from gdbench.reports import text, timing_table
from gdbench.reports.figure import Figure
from gdbench.reports.lines import plain_ticks
from gdbench.reports.marks import mark
from gdbench.reports.names import KEY, inches, legend, short, write
from gdbench.reports.results import Results, once
from gdbench.reports.style import PAPER, looks, order, style
from gdbench.stats.timings import MOVED, REFERENCES, roofline, spreads

MARKERS = {"step": "o", "forward": "^", "backward": "v", "forward product": ">", "weight product": "D"}
MARKERS |= {"input product": "<", "update": "s"}
PLAIN, ROOF = "0.35", "0.55"
NAMED = 4  # groups of steps for whose names there is room
WIDTH, HEIGHT = 6.8, 4.2


def caption(results: Results) -> str:
    """Explains points and lines, and says whether the machine's speed changed."""
    frame = _of_one_job(results)
    words = [
        "Lines: what one core can do, measured in the same rounds; the peak of fused multiply-adds, and the triad "
        "a = a + s b at each level of memory.",
        "FLOPs are the useful ones. A whole step’s bytes are those that its update must move",
    ]
    if frame["part"].str.endswith("product").any():
        words[-1] += ", a product’s are its three matrices once, wherever they lie: so it may rise above a slanted line"
    if (frame["part"] == "update").any():
        words.append("Below: updates by the bytes that they move, beside the triad.")
    words[1] += "."
    return " ".join([*words, *timing_table.moved(spreads(results.timings, results.subjects), MOVED)])


def figure(results: Results) -> Drawing | None:
    """GFLOP/s against FLOPs a byte, and GB/s of updates against bytes; None if nothing timed has known FLOPs."""
    frame = _of_one_job(results)
    points, updates = _points(frame), frame[frame["part"] == "update"]
    if points.empty or not set(REFERENCES) <= set(frame["part"]):
        return None
    rules = order(frame["rule"].dropna())
    palette = looks(rules)["palette"]
    with style():
        rows = 1 + (not updates.empty)
        drawing = Drawing(figsize=(WIDTH, HEIGHT * rows), layout="constrained")
        axes = drawing.subplots(rows, 1, squeeze=False)[:, 0]
        _draw_roofs(axes[0], points, frame)
        _scatter(axes[0], points, "intensity", "speed", palette)
        _name_steps(axes[0], points)
        if not updates.empty:
            _draw_updates(axes[1], updates, frame, palette)
        beside = max(1, min(4, int(WIDTH / (inches(rules) + KEY))))
        legend(drawing, _legend(frame, rules), loc="outside lower center", ncols=beside, frameon=False)
    return drawing


def table(results: Results) -> list[dict[str, str]]:
    """A row for each point."""
    frame = _of_one_job(results)
    points = pd.concat([_points(frame), frame[frame["part"] == "update"]])
    return [
        {
            "what": _called(row.drop("rule")),
            "rule": row["rule"] if isinstance(row["rule"], str) else "–",
            "problem": row["problem"],
            "batch": text.whole(row["batch_size"]),
            "dtype": row["dtype"],
            "cost": timing_table.cost(row),
            "FLOPs a byte": text.number(row.get("intensity", np.nan)),
            "speed": timing_table.speed(row),
            "floor / cost": timing_table.share(row["ratio"]),
        }
        for _, row in points.iterrows()
    ]


def data(results: Results) -> pd.DataFrame:
    """The points in full: seconds a step or kernel (`median, low, high`), its work, and its floor."""
    frame = _of_one_job(results)
    points = pd.concat([_points(frame), frame[frame["part"] == "update"]])
    names = ["part", "problem", "rule", "batch_size", "dtype", "layer", "median", "low", "high", "flops", "bytes"]
    return points[[*names, "intensity", "speed", "floor", "ratio"]]


@once
def _of_one_job(results: Results) -> pd.DataFrame:
    """The rows at the smallest number of jobs."""
    if results.timings.empty:
        return results.subjects.iloc[:0].assign(median=np.nan, ratio=np.nan)
    frame = roofline(results.timings, results.subjects)
    return frame[frame["jobs"] == frame["jobs"].min()]


def _points(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with FLOPs and bytes, with `intensity` (FLOPs a byte) and `speed` (GFLOP/s)."""
    counted = frame[frame["flops"].notna() & frame["bytes"].notna()]
    return counted.assign(
        intensity=counted["flops"] / counted["bytes"], speed=counted["flops"] / counted["median"] / 1e9
    )


def _draw_roofs(ax: Axes, points: pd.DataFrame, frame: pd.DataFrame) -> None:
    """Draw the peak of each dtype, and the line of each level of memory up to the highest peak."""
    peaks, triads = (frame[frame["part"] == part] for part in REFERENCES)
    highest = (peaks["flops"] / peaks["median"]).max() / 1e9
    fastest = (triads["bytes"] / triads["median"]).max() / 1e9
    low, high = min(points["intensity"].min() / 2, highest / fastest / 2), points["intensity"].max() * 2
    bottom, top = min(points["speed"].min() / 2, highest / 20), max(points["speed"].max(), highest) * 1.8
    for _, peak in peaks.iterrows():
        speed = peak["flops"] / peak["median"] / 1e9
        ax.plot([low, high], [speed, speed], color=ROOF, lw=1.2, zorder=1)
        _label(ax, low, speed, f"FMA peak {peak['dtype']}, {timing_table.speed(peak)}", "left")
    for place, (_, triad) in enumerate(triads.iterrows()):
        bandwidth = triad["bytes"] / triad["median"] / 1e9
        ridge = min(highest / bandwidth, high)
        ax.plot([low, ridge], [low * bandwidth, ridge * bandwidth], color=ROOF, lw=1.2, zorder=1)
        beside = max(low, 0.75 * highest * 0.65**place / bandwidth)  # each name is lower than the one before
        _label(ax, beside, beside * bandwidth, f"{triad['memory']}, {timing_table.speed(triad)}", "left", "center")
    ax.set(xscale="log", yscale="log", xlim=(low, high), ylim=(bottom, top))
    ax.set(xlabel="FLOPs a byte", ylabel="GFLOP/s")
    for axis in (ax.xaxis, ax.yaxis):
        plain_ticks(axis)


def _draw_updates(ax: Axes, updates: pd.DataFrame, frame: pd.DataFrame, palette: dict[str, object]) -> None:
    """Draw GB/s against bytes: the triads as a line, and each update."""
    triads = frame[frame["part"] == "triad"].sort_values("bytes")
    speeds = triads["bytes"] / triads["median"] / 1e9
    ax.plot(triads["bytes"], speeds, color=ROOF, lw=1.2, marker=".", zorder=1)
    for (_, triad), speed in zip(triads.iterrows(), speeds, strict=True):
        _label(ax, triad["bytes"], speed, f"{triad['memory']}, {timing_table.speed(triad)}", "center")
    _scatter(ax, updates.assign(speed=updates["bytes"] / updates["median"] / 1e9), "bytes", "speed", palette)
    ax.set(xscale="log", yscale="log", xlabel="bytes that are moved", ylabel="GB/s")
    ax.margins(x=0.14, y=0.15)
    for axis in (ax.xaxis, ax.yaxis):
        plain_ticks(axis)


def _scatter(ax: Axes, points: pd.DataFrame, x: str, y: str, palette: dict[str, object]) -> None:
    for _, point in points.iterrows():
        colour = palette.get(point["rule"], PLAIN)
        (dot,) = ax.plot(point[x], point[y], MARKERS[point["part"]], color=colour, ms=6, mec="white", mew=0.5, zorder=3)
        batch = text.whole(point["batch_size"])
        rule = point["rule"] if isinstance(point["rule"], str) else None
        words = f"{timing_table.cost(point)}, {timing_table.speed(point)}"
        name = f"{_called(point)}, {point['problem']}, batch size {batch}"
        mark(dot, rule=rule, batch=batch, problem=point["problem"], name=name, points=[(point[x], point[y], words)])


def _name_steps(ax: Axes, points: pd.DataFrame) -> None:
    """Name the problem and batch size of each group of whole steps if nothing else is drawn and there is room."""
    groups = points.groupby(["problem", "batch_size", "dtype"], sort=False)
    if (points["part"] != "step").any() or len(groups) > NAMED:
        return
    for (problem, batch, _), group in groups:
        several = points["problem"].nunique() > 1
        known = short([problem])[problem]
        name = f"{known}, batch {batch:.0f}" if several else f"batch {batch:.0f}"
        middle = np.sqrt(group["intensity"].min() * group["intensity"].max())
        place = (middle, group["speed"].min())
        words = ax.annotate("", place, xytext=(0, -8), textcoords="offset points", ha="center", va="top", size=8)
        write(words, name, name)


def _label(ax: Axes, x: float, y: float, words: str, side: str, height: str = "bottom") -> None:
    """Write words just above a line, or beside one that slants."""
    shift = 5 if side == "left" else 0, 4 if height == "bottom" else 0
    box = {"facecolor": PAPER, "edgecolor": "none", "alpha": 0.85, "pad": 1}
    ax.annotate(
        words, (x, y), xytext=shift, textcoords="offset points", ha=side, va=height, size=8, color=PLAIN,
        bbox=box, zorder=2,
    )  # fmt: skip


def _legend(frame: pd.DataFrame, rules: list[str]) -> list[tuple[Line2D, str, str | None, str]]:
    """Draw a legend of the rules' colours, and of the parts' marks if there are others than whole steps."""
    palette = looks(rules)["palette"]
    parts = [part for part in MARKERS if (frame["part"] == part).any()]
    handles: list[tuple[Line2D, str, str | None, str]] = [
        (Line2D([], [], marker="o", ls="", color=palette[rule]), rule, rule, "") for rule in rules
    ]
    if parts != ["step"]:
        marks = {part: Line2D([], [], marker=MARKERS[part], ls="", color=PLAIN) for part in parts}
        handles += [(drawn, _words(part), None, "") for part, drawn in marks.items()]
    return handles


def _words(part: str) -> str:
    return "whole step" if part == "step" else part


def _called(row: pd.Series) -> str:
    """The name of a point."""
    layer = f", layer {row['layer']:.0f}" if pd.notna(row["layer"]) else ""
    rule = f", {row['rule']}" if isinstance(row.get("rule"), str) else ""
    return f"{_words(row['part'])}{layer}{rule}"


FIGURE: Figure[Results] = Figure(
    name="roofline",
    title="Under this machine’s roofs",
    alt=(
        "Scatter plot of GFLOP/s against FLOPs a byte under the roofs of the machine, both axes logarithmic; where "
        "updates were timed, another of GB/s against bytes beside the triad."
    ),
    spans="run",
    draw=figure,
    caption=caption,
    table=table,
    data=data,
)
