"""Contours of a surface. Their heights above the lowest point grow by equal factors, to show both floor and walls.

draw_contours(ax, xs, ys, values)
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

LEVELS = 30


def draw_contours(ax: Axes, xs: np.ndarray, ys: np.ndarray, values: np.ndarray, count: int = LEVELS) -> None:
    """Draw `count` grey contours. values: len(ys) x len(xs); those that are not finite are left out."""
    low = np.nanmin(values[np.isfinite(values)])
    heights = np.where(np.isfinite(values), values - low, np.nan)
    positive = heights[heights > 0]
    levels = np.geomspace(np.quantile(positive, 0.002), positive.max(), count) if positive.size else [1.0]
    ax.contour(
        xs,
        ys,
        np.maximum(heights, 0.5 * levels[0]),
        levels=levels,
        cmap="Greys_r",
        linewidths=0.7,
        norm=LogNorm(levels[0], 100 * levels[-1]),
    )
