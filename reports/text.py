"""How numbers are written, in the terminal and on the page alike."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

NONE = "–"


def number(value: float, digits: int = 3) -> str:
    """A number with that many significant digits; an en dash for none, an infinity sign for a censored one.

    >>> number(0.031623), number(2.5e-7)
    ('0.0316', '2.50e-7')
    """
    if value is None or math.isnan(value):
        return NONE
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
    return NONE if value is None or math.isnan(value) else f"{value:.0f}"


def steps(value: float) -> str:
    """A number of steps."""
    return NONE if value is None or math.isnan(value) else "∞" if math.isinf(value) else f"{value:,.0f}"


def seconds(value: float) -> str:
    """A time in the unit that fits it.

    >>> seconds(2.5e-6), seconds(0.031), seconds(math.inf), seconds(math.nan)
    ('2.5 µs', '31 ms', '∞', '–')
    """
    if value is None or math.isnan(value):
        return NONE
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
    return bounded(write, row[name], row[f"{name}_low"], row[f"{name}_high"])


def bounded(write: Callable[[float], str], estimate: float, low: float, high: float) -> str:
    """An estimate with its bounds, where it has any that differ from it as written.

    >>> bounded(percent, 0.5, 0.25, 1.0), bounded(percent, 0.5, math.nan, math.nan)
    ('50.0 % [25.0 %, 100.0 %]', '50.0 %')
    """
    words, ends = write(estimate), (write(low), write(high))
    return words if math.isnan(low) or ends == (words, words) else f"{words} [{ends[0]}, {ends[1]}]"


def percent(value: float, digits: int = 1) -> str:
    """A share as a percentage."""
    return NONE if value is None or math.isnan(value) else f"{100 * value:.{digits}f} %"


_UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}
_LEADING = re.compile(r"(-?)(∞|[0-9][0-9,]*\.?[0-9]*(?:e[-+]?[0-9]+)?)(?: (s|ms|µs|ns)\b)?")


def sort_key(words: str) -> float | None:
    """The number that a cell of a table begins with, in its unit, for sorting; NaN for an en dash, None for words.

    >>> sort_key("0.18 s [0.17 s, 0.2 s]"), sort_key("395 µs"), sort_key("1,024"), sort_key("∞"), sort_key("adam")
    (0.18, 0.000395, 1024.0, inf, None)
    """
    if words in (NONE, ""):
        return math.nan
    found = _LEADING.match(words)
    if not found:
        return None
    size = math.inf if found[2] == "∞" else float(found[2].replace(",", ""))
    return (-size if found[1] else size) * _UNITS.get(found[3], 1.0)


def metric(name: str, value: float) -> str:
    """A value of a metric, in its unit."""
    return percent(value) if name.endswith("accuracy") else number(value)


def metric_title(name: str) -> str:
    """`val_accuracy` -> `validation accuracy`."""
    split, _, kind = name.partition("_")
    splits = {"train": "training", "val": "validation", "test": "test"}
    return f"{splits[split]} {kind.replace('mse', 'mean squared error')}" if split in splits else name
