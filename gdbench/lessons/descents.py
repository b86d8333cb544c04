"""Descents and surfaces as frames, for reports to draw.

descents("rosenbrock", [-1.2, 1.0], {"newton": {}, "sgd": {"lr": 1e-3}}, steps=100)
surface(gdbench.problem("rosenbrock").loss, (-2.0, 2.0), (-1.0, 3.0))
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from gdbench.kernels.functions.contract import find
from gdbench.runner.descent import minimize

Frames = dict[str, pd.DataFrame]
GRID = 81  # points along each axis of a surface


def descents(function: Any, x0: Any, settings: Mapping[str, Mapping[str, Any]], *, steps: int) -> pd.DataFrame:
    """The paths of several descents from x0, one below the other.

    settings: by label, the keywords of `minimize`; the label is the rule unless the keywords have `rule`. Columns:
    label, rule, status, then those of `Descent.path`.
    """
    parts = []
    for label, given in settings.items():
        keywords = {"rule": label, "steps": steps, **given}
        descent = minimize(function, x0, **keywords)
        parts.append(descent.path.assign(label=label, rule=keywords["rule"], status=descent.status))
    frame = pd.concat(parts, ignore_index=True)
    return frame[["label", "rule", "status", *parts[0].columns.drop(["label", "rule", "status"])]]


def surface(
    loss: Callable[..., float], x: tuple[float, float], y: tuple[float, float], grid: int = GRID
) -> pd.DataFrame:
    """The values of a loss of two parameters on a grid over x and y (each low, high): columns x0, x1, value."""
    points = [np.array([a, b]) for b in np.linspace(*y, grid) for a in np.linspace(*x, grid)]
    return pd.DataFrame(points, columns=["x0", "x1"]).assign(value=[loss(point) for point in points])


def minimisers(function: str) -> pd.DataFrame:
    """The known global minimisers of a shipped function of two parameters: columns x0, x1."""
    return pd.DataFrame(find(function).minimisers(2), columns=["x0", "x1"])
