"""The derivative as slope, the second derivative as curvature."""

import numpy as np
from matplotlib.figure import Figure as Drawing

from gdbench.reports.figure import Figure
from gdbench.reports.lessons.drawing import canvas
from gdbench.reports.lessons.lesson import Frames
from gdbench.reports.style import INK, PATH, style
from gdbench.reports.text import number

REACH = 0.55  # how far a tangent or parabola goes to either side of its point


def figure(frames: Frames) -> Drawing:
    """The graph with tangents, and with the parabolas of the same slope and curvature."""
    graph = frames["graph"]
    with style():
        drawing, (left, right) = canvas(2)
        for ax, points, bend in ((left, frames["slopes"], False), (right, frames["bends"], True)):
            ax.plot(graph["x"], graph["value"], color=INK, linewidth=1.6)
            for point in points.itertuples():
                away = np.linspace(-REACH, REACH, 41)
                line = point.value + point.slope * away + (0.5 * point.curvature * away**2 if bend else 0.0)
                ax.plot(point.x + away, line, color=PATH, linewidth=2.0, linestyle="--" if bend else "-")
                ax.plot(point.x, point.value, color=PATH, marker="o", markersize=7)
                words = f"f'' = {number(point.curvature)}" if bend else f"f' = {number(point.slope)}"
                # Labels go where the curve is not.
                across, up, side = (0, -20 if point.curvature > 0 else 12, "center") if bend else (
                    (10, 0, "left") if point.slope < 0 else (-6, 16, "center")
                )  # fmt: skip
                ax.annotate(
                    words, (point.x, point.value), xytext=(across, up), textcoords="offset points", ha=side, color=INK
                )
            ax.set(xlabel="x", ylabel="f(x)", ylim=(-1.45, 1.0))
        left.set_title("tangents: slope f'(x)")
        right.set_title("parabolas: curvature f''(x)")
    return drawing


def caption(frames: Frames) -> str:
    """One sentence."""
    slope = frames["slopes"].iloc[-1]
    bends = frames["bends"].sort_values("curvature")
    top, valley = bends.iloc[0], bends.iloc[-1]
    return (
        f"The derivative is the slope of the tangent (at x = {number(slope.x)} it is {number(slope.slope)}: a step of "
        f"0.01 to the right changes f by about {number(0.01 * slope.slope)}); the second derivative says how fast that "
        f"slope changes, {number(valley.curvature)} in the valley at {number(valley.x)}, where f bends up, and "
        f"{number(top.curvature)} at x = {number(top.x)}, where it bends down."
    )


def table(frames: Frames) -> list[dict[str, str]]:
    """The marked points."""
    return [
        {"x": number(p.x), "f": number(p.value), "f'": number(p.slope + 0.0), "f''": number(p.curvature)}
        for name in ("slopes", "bends")
        for p in frames[name].itertuples()
    ]


FIGURE: Figure[Frames] = Figure(
    name="derivatives",
    title="The derivative is a slope, the second derivative a curvature",
    alt=(
        "A curve with two valleys, twice: with its tangent at three points, and with a parabola in each "
        "valley and on top."
    ),
    draw=figure,
    caption=caption,
    table=table,
)
