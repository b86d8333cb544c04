"""How numbers are written, in the terminal and on the page alike."""

import math
from collections.abc import Callable, Mapping
from typing import Any


def number(value: float, digits: int = 3) -> str:
    """A number with that many significant digits; an en dash for none, an infinity sign for a censored one.

    >>> number(0.031623), number(2.5e-7)
    ('0.0316', '2.50e-7')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.{digits - 1}e}".replace("e-0", "e-").replace("e+0", "e")
    text = f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.0f}"
    return text


def whole(value: float) -> str:
    """A whole number with all its digits; an en dash for none.

    >>> whole(999999.0)
    '999999'
    """
    return "–" if value is None or math.isnan(value) else f"{value:.0f}"


def steps(value: float) -> str:
    """A number of steps."""
    return "–" if value is None or math.isnan(value) else "∞" if math.isinf(value) else f"{value:,.0f}"


def seconds(value: float) -> str:
    """A time in the unit that fits it.

    >>> seconds(2.5e-6), seconds(0.031), seconds(math.inf), seconds(math.nan)
    ('2.5 µs', '31 ms', '∞', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{number(value / size)} {unit}"
    return f"{number(value / 1e-9)} ns"


def interval(write: Callable[[float], str], row: Mapping[str, Any], name: str) -> str:
    """`row[name]` with its bounds `_low` and `_high`, where it has any that differ from it as written.

    >>> interval(seconds, {"t": 2e-3, "t_low": 1.9e-3, "t_high": 2.2e-3}, "t")
    '2 ms [1.9 ms, 2.2 ms]'
    """
    estimate = write(row[name])
    low, high = write(row[f"{name}_low"]), write(row[f"{name}_high"])
    return estimate if low == high == estimate or math.isnan(row[f"{name}_low"]) else f"{estimate} [{low}, {high}]"


def percent(value: float, digits: int = 1) -> str:
    """A share as a percentage."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.{digits}f} %"


def metric(name: str, value: float) -> str:
    """A value of a metric, in its unit."""
    return percent(value) if name.endswith("accuracy") else number(value)


def metric_title(name: str) -> str:
    """`val_accuracy` -> `validation accuracy`."""
    split, _, kind = name.partition("_")
    splits = {"train": "training", "val": "validation", "test": "test"}
    return f"{splits[split]} {kind.replace('mse', 'mean squared error')}" if split in splits else name
