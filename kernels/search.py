"""Line searches: how far to go along a direction that leads downhill.

All of them start from a first guess of the step and count what they evaluate in the objective that they are given.
"""

import math
from typing import Any

import numpy as np

from gdbench.kernels.linear import dot
from gdbench.kernels.objective import Objective

MOST = 60  # halvings or doublings: 2^-60 of the first guess is nowhere


def sufficient(value: float, start: float, least: float, dtype: np.dtype[Any]) -> bool:
    """Whether the value fell by `least` at least, but for the last bits of what it fell from: they are rounding."""
    return value <= start - least + 2.0 * float(np.finfo(dtype).eps) * abs(start)  # a NaN is not


def backtrack(
    objective: Objective,
    x: np.ndarray,
    direction: np.ndarray,
    value: float,
    slope: float,
    *,
    step: float,
    decrease: float,
    shrink: float,
) -> np.ndarray | None:
    """The first point, of ever shorter steps, whose value fell by `decrease` of what the slope promises; or None.

    Armijo, "Minimization of functions having Lipschitz continuous first partial derivatives", Pacific Journal of
    Mathematics 16 (1966).
    """
    for _ in range(MOST):
        there = x + step * direction
        reached = objective.value(there)
        if sufficient(reached, value, -decrease * step * slope, x.dtype) and not np.array_equal(there, x):
            return there
        step *= shrink
    return None


def wolfe(
    objective: Objective,
    x: np.ndarray,
    direction: np.ndarray,
    value: float,
    slope: float,
    *,
    step: float,
    decrease: float,
    curvature: float,
) -> tuple[np.ndarray, np.ndarray] | None:
    """A point that satisfies the weak Wolfe conditions, and the gradient there; None when there is none.

    Bisection of Lewis and Overton, "Nonsmooth optimization via quasi-Newton methods", Mathematical Programming 141
    (2013), algorithm 2.6.
    """
    low, high = 0.0, math.inf
    for _ in range(MOST):
        there = x + step * direction
        reached = objective.value(there)
        if not sufficient(reached, value, -decrease * step * slope, x.dtype):
            high = step
        else:
            gradient = objective.gradient(there)
            if dot(gradient, direction) >= curvature * slope:
                return None if np.array_equal(there, x) else (there, gradient)
            low = step
        step = 2.0 * low if math.isinf(high) else 0.5 * (low + high)
    return None


def exact(objective: Objective, x: np.ndarray, direction: np.ndarray, slope: float, *, step: float) -> float | None:
    """A step at which the slope along the direction vanishes, to rounding; else the farthest tried, or None at a NaN.

    Doubles the step until the slope has turned, then regula falsi in its Illinois form (Dowell and Jarratt, BIT 11,
    1971), which finds it at once where the objective is quadratic.
    """

    def along(step: float) -> float:
        return dot(objective.gradient(x + step * direction), direction)

    low, below, high = 0.0, slope, step
    above = along(high)
    for _ in range(MOST):
        if not above < 0.0:
            break
        low, below, high = high, above, 2.0 * high
        above = along(high)
    if not above >= 0.0:  # downhill as far as one can see, or a NaN
        return high if above < 0.0 else None
    eps = float(np.finfo(x.dtype).eps)
    for _ in range(MOST):
        if above == 0.0 or high - low <= 2.0 * eps * high:
            break
        middle = high - above * ((high - low) / (above - below))
        here = along(middle)
        if abs(here) <= eps * abs(slope):
            return middle
        if (here < 0.0) != (above < 0.0):
            low, below = high, above
        else:
            below *= 0.5
        high, above = middle, here
    return high
