"""Axes: a scalar, a list, or a grid that stands for a list.

{log = [low, high, count]}       from low to high by equal factors
{linear = [low, high, count]}    from low to high by equal steps
{values = [a, b, c]}             these
{random = [low, high, count], scale = "log"}   drawn uniformly (on that scale), the same draws everywhere
"""

import math
from collections.abc import Mapping
from typing import Any

from gdbench.errors import nearest, shown
from gdbench.inputs import limits
from gdbench.kernels.arithmetic.random import Stream, uniforms

KINDS = ("log", "linear", "values", "random")
MAX_BOUND = 1e300


def expand(value: Any) -> list[Any]:
    """The values of an axis; raises ValueError for a grid that makes no sense or has a value twice.

    >>> expand({"log": [1e-3, 1.0, 4]})
    [0.001, 0.01, 0.1, 1.0]
    >>> expand(0.1)
    [0.1]
    """
    if isinstance(value, Mapping):
        value = _grid(value)
    values = list(value) if isinstance(value, list | tuple) else [value]
    return check_axis(values)


def check_axis(values: list[Any]) -> list[Any]:
    """The values themselves; raises ValueError if there are none, or one is there twice."""
    if not values:
        raise ValueError("is an empty grid; give at least one value")
    seen = set()
    for value in values:
        # 1 and 1.0 are one value, true is another one; lists and tables are compared as text.
        each = (isinstance(value, bool), value if isinstance(value, str | int | float) else repr(value))
        if each in seen:
            raise ValueError(f"has {shown(value)} twice; give each value once")
        seen.add(each)
    return values


def _grid(grid: Mapping[str, Any]) -> list[Any]:
    kinds = [kind for kind in KINDS if kind in grid]
    if len(kinds) != 1:
        unknown = next(iter(grid), "")
        raise ValueError(
            f"is not a grid; it needs exactly one of {', '.join(KINDS)}" + ("" if kinds else nearest(unknown, KINDS))
        )
    kind = kinds[0]
    extra = set(grid) - {kind} - ({"scale"} if kind == "random" else set())
    if extra:
        raise ValueError(f"has {shown(sorted(extra)[0])}, which a {kind} grid does not take")
    if kind == "values":
        return list(grid["values"]) if isinstance(grid["values"], list) else [grid["values"]]
    low, high, count = _bounds(kind, grid[kind])
    scale = grid.get("scale", "linear") if kind == "random" else kind
    if scale not in ("log", "linear"):
        raise ValueError(f'has scale {shown(scale)}; use "log" or "linear"')
    if scale == "log" and low <= 0:
        raise ValueError(f"is a log grid through {low:g}; both ends must be greater than 0")
    if kind == "random":
        places = [float(u) for u in uniforms(0, Stream.GRID, count)]
    else:
        places = [i / (count - 1) for i in range(count)] if count > 1 else [0.0]
    values = [_between(scale, low, high, place) for place in places]
    whole = isinstance(low, int) and isinstance(high, int) and all(value.is_integer() for value in values)
    return [int(value) for value in values] if whole else values


def _bounds(kind: str, given: Any) -> tuple[float, float, int]:
    numbers = isinstance(given, list) and len(given) == 3 and all(type(v) in (int, float) for v in given)
    if not numbers or not all(abs(v) <= MAX_BOUND for v in given):
        raise ValueError(f"is not a {kind} grid; write {{{kind} = [low, high, count]}} with three numbers")
    low, high, count = given
    if not isinstance(count, int) or not 1 <= count <= limits.TRIALS:
        raise ValueError(f"has a count of {shown(count)}; it must be a whole number from 1 to {limits.TRIALS:,}")
    if low > high or (low == high and count > 1):
        raise ValueError(f"goes from {low:g} to {high:g}; the first must be less than the second")
    return low, high, count


def _between(scale: str, low: float, high: float, place: float) -> float:
    """The value at `place` (0 to 1) of the way, rounded to 12 digits so that it is the same on every machine."""
    if scale == "log":
        value = 10.0 ** (math.log10(low) + place * (math.log10(high) - math.log10(low)))
    else:
        value = low + place * (high - low)
    return float(f"{value:.12g}")
