"""Drawing for several lessons: a surface's contours, paths over it, values by step."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gdbench.reports.contours import draw_contours
from gdbench.reports.style import INK, looks


def canvas(panels: int, *, width: float = 4.4, height: float = 4.0) -> tuple[Figure, list[Axes]]:
    """A figure of panels side by side."""
    figure = Figure(figsize=(max(6.4, width * panels), height), layout="constrained")
    return figure, list(figure.subplots(1, panels, squeeze=False)[0])


def colour(rule: str) -> tuple[float, float, float]:
    """The rule's colour, the same in all figures."""
    shade: tuple[float, float, float] = looks([rule])["palette"][rule]
    return shade


def draw_surface(ax: Axes, surface: pd.DataFrame, levels: int = 16) -> None:
    """Draw grey contours of a frame of x0, x1 and value on a grid, and name the axes."""
    grid = surface.pivot(index="x1", columns="x0", values="value")
    draw_contours(ax, grid.columns.to_numpy(), grid.index.to_numpy(), grid.to_numpy(), levels)
    xs, ys = surface["x0"], surface["x1"]
    ax.set(xlim=(xs.min(), xs.max()), ylim=(ys.min(), ys.max()), xlabel="x0", ylabel="x1")
    ax.grid(False)


def draw_path(ax: Axes, path: pd.DataFrame, rule: str) -> None:
    """Draw a path over a surface, with the rule's mark at every step, a square at its start and a cross at its end."""
    x, y, look = path["x0"].to_numpy(), path["x1"].to_numpy(), looks([rule])
    shade = look["palette"][rule]
    ax.plot(x, y, color=shade, linewidth=1.4, marker=look["markers"][rule], markersize=4, label=rule)
    ax.plot(x[0], y[0], color=INK, marker="s", markersize=8, linestyle="none")
    ax.plot(x[-1], y[-1], color=shade, marker="X", markersize=10, linestyle="none", markeredgecolor="white")


def draw_line(ax: Axes, x: pd.Series, y: pd.Series, rule: str) -> None:
    """Draw a rule's values by step, with its mark at a few places to distinguish lines of similar colours."""
    look = looks([rule])
    ax.plot(
        x, y, color=look["palette"][rule], linewidth=1.8, marker=look["markers"][rule], markersize=6, markevery=0.12,
        label=rule,
    )  # fmt: skip


def draw_minima(ax: Axes, points: pd.DataFrame) -> None:
    """Draw a star on each minimum."""
    ax.plot(
        points["x0"], points["x1"], color=INK, marker="*", markersize=14, linestyle="none",
        markeredgecolor="white", zorder=5,
    )  # fmt: skip
