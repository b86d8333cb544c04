"""Line searches: how far to go along a direction that leads downhill.

All of them start from a first guess of the step and count what they evaluate in the objective that they are given.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gdbench.kernels.arithmetic.linear import dot
from gdbench.kernels.directions.objective import Objective

MOST = 60  # halvings or doublings, after which a step is too short to move anything

# Of `exact`; its docstring says what follows from them.
CLOSE = 1e-10  # share of the first slope that may be left in float64: a hundredth of what is promised
STRAIGHT = 1e-3  # share of the first slope that a line may be off and still count as a quadratic's
FIRST = 0.125  # share of a quadratic's step that is walked first, where the line is no quadratic's
LOOKS, TRIES = 100, 8  # stretches in all, and quarterings of one
MUCH = 2.0**60

Line = Callable[[float], float]


def sufficient(value: float, start: float, least: float, dtype: np.dtype[Any]) -> bool:
    """Whether the value fell by `least` at least, but for the last bits of what it fell from: they are rounding."""
    return -math.inf < value <= start - least + 2.0 * float(np.finfo(dtype).eps) * abs(start)  # a NaN is not


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

    The steps are step, step shrink, step shrink^2, ..., 60 of them. None, too, where the slope is not negative.

    Armijo, "Minimization of functions having Lipschitz continuous first partial derivatives", Pacific Journal of
    Mathematics 16 (1966).
    """
    if not slope < 0.0:  # nothing is promised
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
    """A point that satisfies the weak Wolfe conditions, and the gradient there; None when 60 steps find none.

    f(there) <= f(x) + decrease s slope and slope(there) >= curvature slope, both finite. None, too, where the slope is
    not negative.

    Bisection of Lewis and Overton, "Nonsmooth optimization via quasi-Newton methods", Mathematical Programming 141
    (2013), algorithm 2.6.
    """
    if not slope < 0.0:  # nothing is promised
        return None
    low, high = 0.0, math.inf
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
    """The step to the first minimiser along the direction: where the slope first turns from negative to positive.

    In float64 the slope there is at most 1e-10 of `slope`, the one at x. Where that cannot be had (at a kink, in
    float32, where rounding drowns the slope) the slope changes sign between this step and one of its two neighbours
    among the numbers of x's dtype. A slope that is not finite counts as uphill, so no such point is returned. Where the
    slope stays negative: `longest`, or else the first step past 2^60 |slope / curvature| (2^60 where the line is
    straight) at which it was looked at. 0 when the direction does not lead down, or the slope is not finite.

    The search goes along the line from x, stretch by stretch. It takes a stretch for free of other minimisers when the
    slopes at both ends and the curvatures at both ends (a product with the Hessian each) agree on how the slope ran
    between them. So it can miss a minimiser that is narrower than 4^-8 of the first stretch tried from a point, such
    as a dip between two kinks; any that lies beyond 100 stretches; and a wave whose slopes and curvatures at both ends
    look like a straight line's.
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
    low, below, high, above = _first_turn(slope_at, curvature_at, slope, enough, number, longest)
    if above < 0.0 or abs(above) <= enough:
        return high
    return _turn(slope_at, low, below, high, above, enough, number)


def _first_turn(
    slope_at: Line, curvature_at: Line, slope: float, enough: float, number: Any, longest: float
) -> tuple[float, float, float, float]:
    """Two steps and their slopes, between which the slope first turns; the last ones tried where it does not.

    It chooses stretches as a solver of differential equations does: it shortens one whose ends disagree, and makes the
    next one longer the better they agree.
    """
    curvature = curvature_at(0.0)
    scale = abs(slope / curvature) if math.isfinite(curvature) and curvature != 0.0 else 1.0
    scale = max(scale, float(np.finfo(number).tiny))  # no less, or steps of it would be 0
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
        if high <= low:  # less than the least step
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
        # As long as would just agree if the slope is a parabola; twice where nothing is known.
        width *= min(4.0, max(1.0, 0.8 / math.sqrt(max(wrong, 0.04)))) if 0.0 < wrong <= 1.0 else 2.0


def _disagreement(
    curvature_at: Line, low: float, below: float, curvature: float, high: float, above: float
) -> tuple[float, float]:
    """By how much slopes differ from what the curvatures say, 1 being what is allowed; and the curvature at `high`.

    Allowed is what leaves no room for another minimiser: half of the change of the slope, or the flatter end's slope.
    """
    width, after = high - low, curvature_at(high)
    wrong = max(abs(above - below - width * curvature), abs(above - below - 0.5 * width * (curvature + after)))
    return wrong / max(0.5 * abs(above - below), -max(below, above)), after


def _turn(slope_at: Line, low: float, below: float, high: float, above: float, enough: float, number: Any) -> float:
    """The step between `low` (slope `below` < 0) and `high` (`above` >= 0) at which the slope turns.

    Regula falsi in its Illinois form (Dowell and Jarratt, BIT 11, 1971), which halves the bracket where three steps did
    not. It ends at a slope of at most `enough`, or at two neighbours, of which it takes the flatter one.
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
        if here < 0.0:
            right = 0.5 * right if moved < 0 else above
            low, below, left, moved = middle, here, here, -1
        else:
            left = 0.5 * left if moved > 0 else below
            high, above, right, moved = middle, here, here, 1
