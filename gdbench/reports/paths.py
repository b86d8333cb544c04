"""Draws the path of one descent: over contours in two dimensions, over the graph with its tangents in one.

gdbench.minimize("rosenbrock", [-1.2, 1.0], "adam", lr=0.05, steps=500).plot()
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gdbench.reports.contours import draw_contours
from gdbench.reports.style import INK, PATH, style

GRID = 161  # points along each axis
TANGENTS = 6


def figure(
    path: pd.DataFrame,
    function: Callable[[np.ndarray], float],
    *,
    minimisers: np.ndarray,
    domain: tuple[float, float] | None,
    title: str,
) -> Figure:
    """A figure of the path (a frame with step, x0, x1, ..., value, grad_norm) of a descent over `function`.

    minimisers: the known ones, points x parameters. domain: the range near which an axis stays if the path starts
    there; None shows the path alone. With three or more parameters the value is drawn by step.
    """
    names = [name for name in path if name.startswith("x") and name[1:].isdigit()]
    draw = {1: _graph, 2: _contours}.get(len(names))
    with style():
        drawing = Figure(figsize=(6.4, 5.0), layout="constrained")
        ax = drawing.subplots()
        if draw is None:
            ax.plot(path["step"], path["value"], color=PATH)
            heights = path["value"].to_numpy()
            ax.set(xlabel="step", ylabel="value", xscale="symlog")
            if (heights[np.isfinite(heights)] > 0).all():
                ax.set_yscale("log")
        else:
            draw(ax, path, names, function, minimisers, domain)
        ax.set_title(title)
    return drawing


def _contours(
    ax: Axes,
    path: pd.DataFrame,
    names: list[str],
    function: Callable[[np.ndarray], float],
    minimisers: np.ndarray,
    domain: tuple[float, float] | None,
) -> None:
    points = _finite(path[names].to_numpy())
    (x_low, x_high), (y_low, y_high) = (_window(points[:, i], minimisers[:, i], domain) for i in range(2))
    xs, ys = np.linspace(x_low, x_high, GRID), np.linspace(y_low, y_high, GRID)
    values = np.array([[function(np.array([x, y])) for x in xs] for y in ys])
    draw_contours(ax, xs, ys, values)
    ax.plot(points[:, 0], points[:, 1], color=PATH, linewidth=1.2, marker="o", markersize=2.5, label="path")
    ax.plot(*points[0], color=PATH, marker="s", markersize=7, linestyle="none", label="start")
    ax.plot(*points[-1], color=PATH, marker="X", markersize=9, linestyle="none", label=f"step {path['step'].iloc[-1]}")
    if len(minimisers):
        ax.plot(*minimisers.T, color=INK, marker="*", markersize=11, linestyle="none", label="minimum")
    ax.set(xlim=(x_low, x_high), ylim=(y_low, y_high), xlabel=names[0], ylabel=names[1])
    ax.legend(framealpha=0.9)


def _graph(
    ax: Axes,
    path: pd.DataFrame,
    names: list[str],
    function: Callable[[np.ndarray], float],
    minimisers: np.ndarray,
    domain: tuple[float, float] | None,
) -> None:
    points = _finite(path[names].to_numpy())[:, 0]
    low, high = _window(points, minimisers[:, 0], domain)
    xs = np.linspace(low, high, 4 * GRID)
    curve = np.array([function(np.array([x])) for x in xs])
    ax.plot(xs, curve, color=INK, linewidth=1.2, label="f")
    heights = np.array([function(np.array([x])) for x in points])
    ax.plot(points, heights, color=PATH, linewidth=0.8, marker="o", markersize=4, label="path")
    reach = 0.06 * (high - low)
    for number, (x, y) in enumerate(zip(points[:TANGENTS], heights[:TANGENTS], strict=True)):
        h = 1e-6 * max(1.0, abs(x))
        derivative = (function(np.array([x + h])) - function(np.array([x - h]))) / (2 * h)
        ends = np.array([x - reach, x + reach])
        label = "tangents of the first steps" if number == 0 else None
        ax.plot(ends, y + derivative * (ends - x), color=PATH, linestyle="--", linewidth=1.0, label=label)
    for x in minimisers[:, 0]:
        ax.plot(x, function(np.array([x])), color=INK, marker="*", markersize=11, linestyle="none")
    shown = curve[np.isfinite(curve)]
    room = 0.08 * float(np.ptp(shown)) or 1.0
    ax.set(xlim=(low, high), ylim=(shown.min() - room, shown.max() + room), xlabel=names[0], ylabel="f")
    ax.legend(framealpha=0.9)


def _finite(points: np.ndarray) -> np.ndarray:
    """The points before the first that is not finite."""
    lost = np.flatnonzero(~np.isfinite(points).all(axis=1))
    return points[: max(1, lost[0])] if lost.size else points


def _window(coordinates: np.ndarray, known: np.ndarray, domain: tuple[float, float] | None) -> tuple[float, float]:
    """The range of an axis: the start, the part of the path that stays near it, and the minimisers nearby."""
    start = float(coordinates[0])
    width = 1.0 if domain is None else domain[1] - domain[0]
    if domain is not None and domain[0] - width <= start <= domain[1] + width:
        near = (coordinates >= domain[0] - width) & (coordinates <= domain[1] + width)
    else:  # the start is far outside the domain, so the window goes around the start
        near = np.abs(coordinates - start) <= 2.0 * max(abs(start), width)
    near[0] = True
    # All near points count, also those after the path has gone far away and come back.
    low, high = float(coordinates[near].min()), float(coordinates[near].max())
    near_known = [x for x in known if low - width <= x <= high + width]
    low, high = min([low, *near_known]), max([high, *near_known])
    if not low < high:
        low, high = low - 1.0, high + 1.0
    margin = 0.08 * (high - low)
    return low - margin, high + margin
