"""Line searches: how far to go along a descent direction. The objective counts what they evaluate.

The slope is the derivative along the direction, g^T direction.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gdbench.kernels.arithmetic.linear import dot
from gdbench.kernels.directions.objective import Objective

MOST = 60  # steps tried: after so many halvings a step moves nothing

# Of `exact`, whose docstring says what they imply.
CLOSE = 1e-10  # share of the initial slope that may remain, in float64
STRAIGHT = 1e-3  # the same where a quadratic has its minimiser, for the line to count as quadratic
FIRST = 0.125  # share of a quadratic's step that is tried first, if the line is not quadratic
LOOKS, TRIES = 100, 8  # stretches that are checked, and how often one is quartered
MUCH = 2.0**60  # the longest step, in quadratic's steps

Line = Callable[[float], float]


def sufficient(value: float, start: float, least: float, dtype: np.dtype[Any]) -> bool:
    """Whether the value fell from `start` by at least `least`, up to 2 eps |start| for rounding; False for a NaN."""
    return -math.inf < value <= start - least + 2.0 * float(np.finfo(dtype).eps) * abs(start)


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
    """The first point x + s direction with f <= value + decrease s slope, for s = step, step shrink, step shrink^2, ...

    value, slope: at x. None if 60 steps find no such point, or if the slope is not negative.

    Armijo, "Minimization of functions having Lipschitz continuous first partial derivatives", Pacific Journal of
    Mathematics 16 (1966).
    """
    if not slope < 0.0:  # no descent direction, or a NaN
        return None
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
    """A point that satisfies the weak Wolfe conditions, and the gradient there; None if 60 steps find none.

    They are f(there) <= value + decrease s slope and slope(there) >= curvature slope, both finite. value, slope: at x.
    None, too, if the slope is not negative.

    Bisection of Lewis and Overton, "Nonsmooth optimization via quasi-Newton methods", Mathematical Programming 141
    (2013), algorithm 2.6.
    """
    if not slope < 0.0:  # no descent direction, or a NaN
        return None
    low, high = 0.0, math.inf  # a step that is too short, and one that is too long
    for _ in range(MOST):
        there = x + step * direction
        reached = objective.value(there)
        if not sufficient(reached, value, -decrease * step * slope, x.dtype):
            high = step
        else:
            gradient = objective.gradient(there)
            steepness = dot(gradient, direction)
            if not math.isfinite(steepness):
                high = step
            elif steepness >= curvature * slope:
                return None if np.array_equal(there, x) else (there, gradient)
            else:
                low = step
        step = 2.0 * low if math.isinf(high) else 0.5 * (low + high)
    return None


def exact(
    objective: Objective, x: np.ndarray, direction: np.ndarray, slope: float, *, longest: float = math.inf
) -> float:
    """The step to the first minimiser along the direction: where the slope first changes from negative to positive.

    In float64 the slope there is at most 1e-10 of `slope`, the slope at x. That may be out of reach: at a kink, in
    float32, or if rounding hides the slope. Then the slope changes sign between this step and one of its two neighbours
    among the numbers of x's dtype. A slope that is not finite counts as uphill, so no such point is returned. If the
    slope stays negative, the step is `longest`, but at most 2^60 |slope / curvature| (2^60 on a straight line). It is 0
    if the direction does not lead down or the slope is not finite.

    The search follows the line from x, stretch by stretch. It assumes that a stretch hides no minimiser if the slopes
    and the curvatures at its ends agree; each curvature is a product with the Hessian. So it can miss a minimiser that
    is narrower than 4^-8 of the first stretch tried from a point, such as a dip between two kinks. It can miss any
    beyond 100 stretches, and a wave that looks like a straight line at both ends of a stretch.
    """
    number = x.dtype.type

    def slope_at(step: float) -> float:
        here = dot(objective.gradient(x + number(step) * direction), direction)
        return here if math.isfinite(here) else math.inf

    def curvature_at(step: float) -> float:
        return dot(objective.product(x + number(step) * direction, direction), direction)

    if not (-math.inf < slope < 0.0 and longest > 0.0):
        return 0.0
    enough = CLOSE * -slope if x.dtype == np.float64 else 0.0
    low, below, high, above = _bracket(slope_at, curvature_at, slope, enough, number, longest)
    if above < 0.0 or abs(above) <= enough:
        return high
    return _root(slope_at, low, below, high, above, enough, number)


def _bracket(
    slope_at: Line, curvature_at: Line, slope: float, enough: float, number: Any, longest: float
) -> tuple[float, float, float, float]:
    """Two steps and their slopes, between which the slope first changes sign; the last ones tried if it does not.

    It chooses stretches as a solver of differential equations does. A stretch whose ends disagree is shortened; the
    better they agree, the longer is the next one.
    """
    curvature = curvature_at(0.0)
    scale = abs(slope / curvature) if math.isfinite(curvature) and curvature != 0.0 else 1.0
    scale = max(scale, float(np.finfo(number).tiny))  # or steps of that size would be 0
    longest = min(longest, MUCH * scale, float(np.finfo(number).max))
    low, below, width, looks, tries = 0.0, slope, FIRST * min(scale, longest), LOOKS, 0
    if curvature > 0.0 and scale <= longest:
        high = float(number(scale))  # where a quadratic has its minimiser
        above = slope_at(high)
        if abs(above) <= STRAIGHT * -slope:
            if above >= 0.0 or -above <= enough:
                return low, below, high, above
            low, below, width, looks = high, above, 2.0 * -above / curvature, 0
    while True:
        high = min(float(number(low + width)), longest)
        if high <= low:  # too short to change the step in this dtype
            width = max(2.0 * width, math.ulp(low))
            continue
        above, wrong = slope_at(high), 0.0
        if looks:
            looks -= 1
            wrong, after = _disagreement(curvature_at, low, below, curvature, high, above)
            if not wrong <= 1.0 and tries < TRIES:
                tries, width = tries + 1, 0.25 * width
                continue
            curvature = after
        if above >= 0.0 or high >= longest:
            return low, below, high, above
        low, below, tries = high, above, 0
        # The length that would just agree if the slope is a parabola; twice the last one if nothing is known.
        width *= min(4.0, max(1.0, 0.8 / math.sqrt(max(wrong, 0.04)))) if 0.0 < wrong <= 1.0 else 2.0


def _disagreement(
    curvature_at: Line, low: float, below: float, curvature: float, high: float, above: float
) -> tuple[float, float]:
    """How far the slopes differ from what the curvatures predict, 1 being the limit; and the curvature at `high`.

    The limit leaves no room for another minimiser: half of the change of the slope, or the flatter end's slope.
    """
    width, after = high - low, curvature_at(high)
    wrong = max(abs(above - below - width * curvature), abs(above - below - 0.5 * width * (curvature + after)))
    return wrong / max(0.5 * abs(above - below), -max(below, above)), after


def _root(slope_at: Line, low: float, below: float, high: float, above: float, enough: float, number: Any) -> float:
    """The step between `low` (slope `below` < 0) and `high` (`above` >= 0) at which the slope changes sign.

    Regula falsi in its Illinois form (Dowell and Jarratt, BIT 11, 1971), with a bisection if three steps did not halve
    the bracket. It ends at a slope of at most `enough`, or at two neighbours, of which it takes the flatter one.
    """
    left, right, moved, widths = below, above, 0, [math.inf] * 3
    while True:
        least = float(np.nextafter(number(low), number(high)))
        most = float(np.nextafter(number(high), number(low)))
        if least >= high:
            return low if -below < above else high
        middle = high - right * ((high - low) / (right - left))
        if not (low <= middle <= high and high - low <= 0.5 * widths[0]):
            middle = low + 0.5 * (high - low)
        widths = [*widths[1:], high - low]
        middle = min(max(float(number(middle)), least), most)
        here = slope_at(middle)
        if abs(here) <= enough:
            return middle
        if here < 0.0:  # Illinois: an end that stays twice counts half
            right = 0.5 * right if moved < 0 else above
            low, below, left, moved = middle, here, here, -1
        else:
            left = 0.5 * left if moved > 0 else below
            high, above, right, moved = middle, here, here, 1
