"""Writes numbers, in the same form for the terminal and the page."""

import math
import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from gdbench.results.metrics import rises

NONE = "–"
_CONTEXT = Context(prec=800)  # digits: all that a float64 can have before and after the point


def rounded(value: float | Decimal, places: int) -> Decimal:
    """A number rounded to so many decimals (negative: to tens, hundreds), halves away from zero, as people round.

    It rounds the shortest decimal that stands for the float: 2.675 is not taken for 2.67499999999999982.
    >>> rounded(2.5, 0), rounded(-0.125, 2), rounded(2.675, 2), rounded(-0.2, 0)
    (Decimal('3'), Decimal('-0.13'), Decimal('2.68'), Decimal('0'))
    """
    found = _exact(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, _CONTEXT)
    return found if found else abs(found)


def fixed(value: float | Decimal, places: int, comma: bool = False) -> str:
    """A finite number with so many decimals; comma: whether commas separate thousands.

    >>> fixed(2.5, 0), fixed(1234.5, 0, comma=True), fixed(1.005, 2)
    ('3', '1,235', '1.01')
    """
    return f"{rounded(value, places):{',' if comma else ''}f}"


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits; an en dash for NaN, an infinity sign for a censored one.

    >>> number(0.031623), number(2.5e-7), number(0.125, 2)
    ('0.0316', '2.50e-7', '0.13')
    """
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    places = digits - 1 - _exact(value).adjusted()
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        return f"{rounded(value, places):.{digits - 1}e}".replace("e+", "e")
    text = fixed(value, max(places, 0))
    return text.rstrip("0").rstrip(".") if "." in text else text


def whole(value: float) -> str:
    """A whole number with all its digits; an en dash for NaN.

    >>> whole(999999.0)
    '999999'
    """
    return NONE if value is None or math.isnan(value) else "∞" if math.isinf(value) else fixed(value, 0)


def steps(value: float) -> str:
    """A number of steps."""
    return NONE if value is None or math.isnan(value) else "∞" if math.isinf(value) else fixed(value, 0, comma=True)


def _exact(value: float | Decimal) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(repr(float(value)))


def seconds(value: float) -> str:
    """A time, given in seconds, in the unit that fits it.

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


def about(value: float) -> str:
    """A rough time, given in seconds, in the words of people; empty for NaN.

    >>> about(8.0), about(75.0), about(5400.0), about(math.nan)
    ('about 8 s', 'about 1 min', 'about 1.5 h', '')
    """
    if value is None or math.isnan(value):
        return ""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if value >= size:
            return f"about {number(value / size, 2 if value / size < 10 and unit == 'h' else 1)} {unit}"
    return f"about {fixed(max(1.0, value), 0)} s"


def interval(write: Callable[[float], str], row: Mapping[str, Any], name: str) -> str:
    """`row[name]` with its bounds `_low` and `_high`, if there are bounds whose text differs.

    >>> interval(seconds, {"t": 2e-3, "t_low": 1.9e-3, "t_high": 2.2e-3}, "t")
    '2 ms [1.9 ms, 2.2 ms]'
    """
    return bounded(write, row[name], row[f"{name}_low"], row[f"{name}_high"])


def bounded(write: Callable[[float], str], estimate: float, low: float, high: float) -> str:
    """An estimate with its bounds, if there are bounds whose text differs.

    >>> bounded(percent, 0.5, 0.25, 1.0), bounded(percent, 0.5, math.nan, math.nan)
    ('50.0 % [25.0 %, 100.0 %]', '50.0 %')
    """
    words, ends = write(estimate), (write(low), write(high))
    return words if math.isnan(low) or ends == (words, words) else f"{words} [{ends[0]}, {ends[1]}]"


def percent(value: float, digits: int = 1) -> str:
    """A share as a percentage."""
    if value is None or not math.isfinite(value):
        return number(value)
    return f"{fixed(_exact(value).scaleb(2), digits)} %"


_UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}
_LEADING = re.compile(r"(-?)(∞|[0-9][0-9,]*\.?[0-9]*(?:e[-+]?[0-9]+)?)(?: (s|ms|µs|ns)\b)?")


def sort_key(words: str) -> float | None:
    """The number at the start of a table's cell, with its unit, for sorting; NaN for an en dash, None for words.

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
    return percent(value) if rises(name) else number(value)


def level(name: str, value: float) -> str:
    """A level of a metric, as people write it.

    >>> level("val_accuracy", 0.95), level("val_accuracy", 0.985), level("val_loss", 0.5)
    ('95 %', '98.5 %', '0.5')
    """
    return f"{number(float(_exact(value).scaleb(2)), 4)} %" if rises(name) else number(value)


def metric_title(name: str) -> str:
    """`val_accuracy` -> `validation accuracy`."""
    split, _, kind = name.partition("_")
    splits = {"train": "training", "val": "validation", "test": "test"}
    return f"{splits[split]} {kind.replace('mse', 'mean squared error')}" if split in splits else name
