"""A check: a name, a source and its rows. A row holds a known number and the number measured here.

    @check("newton-one-step", "Newton on any quadratic")
    def _():
        yield compare("booth from (0, 0): distance to the minimum", expected=0.0, measured=..., tolerance=1e-12)

A row is `ok` if measured and expected differ by at most the tolerance. A check whose code raises has failed.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gdbench.errors import UsageError, nearest

OK, FAILED, SKIPPED = "ok", "failed", "skipped"


@dataclass(frozen=True)
class Row:
    """A known number, and the number measured here. reason: why the row was skipped, or the exception."""

    check: str
    source: str
    what: str
    expected: float | None = None
    measured: float | None = None
    tolerance: float | None = None
    verdict: str = OK
    reason: str = ""


Rows = Iterator[Row]


@dataclass(frozen=True)
class Check:
    """A named function that computes rows. family: the module that defines it. backend: the backend that it checks."""

    name: str
    source: str
    family: str
    function: Callable[[], Rows]
    backend: str = "cpu"

    def rows(self) -> Rows:
        """The check's rows. An exception becomes a failed row, so that the other checks still run."""
        try:
            for row in self.function():
                yield replace(row, check=self.name, source=self.source)
        except Exception as error:
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            yield Row(self.name, self.source, "the check itself", verdict=FAILED, reason=reason)


CHECKS: dict[str, Check] = {}


def check(name: str, source: str, backend: str = "cpu") -> Callable[[Callable[[], Rows]], Callable[[], Rows]]:
    """Register a generator of rows. name: lower-case letters and '-'. source: where the expected numbers come from."""

    def register(function: Callable[[], Rows]) -> Callable[[], Rows]:
        assert name not in CHECKS, f"two checks are called {name}"
        family = function.__module__.rpartition(".")[2].replace("_", "-")
        CHECKS[name] = Check(name, source, family, function, backend)
        return function

    return register


def chosen(names: Sequence[str] = (), backends: Sequence[str] = ("cpu",)) -> list[Check]:
    """The checks of these backends with these names or families, in their own order; all if there are no names.

    Raises UsageError for an unknown name, and for a check of another backend.
    """
    families = {item.family for item in CHECKS.values()}
    for name in names:
        if name not in CHECKS and name not in families:
            raise UsageError(f"unknown check {name!r}{nearest(name, [*CHECKS, *sorted(families)])}")
    named = [item for item in CHECKS.values() if not names or item.name in names or item.family in names]
    for item in named if names else ():
        if item.backend not in backends:
            raise UsageError(f"check {item.name!r} is of another backend; use --backend {item.backend}")
    return [item for item in named if item.backend in backends]


def compare(what: str, *, expected: float, measured: float, tolerance: float) -> Row:
    """A row that is ok if |measured - expected| <= tolerance; a NaN never is."""
    near = abs(measured - expected) <= tolerance or measured == expected
    return Row("", "", what, float(expected), float(measured), float(tolerance), OK if near else FAILED)


def skip(what: str, reason: str) -> Row:
    """A row for something that cannot be measured here."""
    return Row("", "", what, verdict=SKIPPED, reason=reason)


def farthest(values: Iterable[float], expected: float) -> float:
    """The value farthest from `expected`; a NaN counts as the farthest."""
    given = np.asarray(list(values), np.float64)
    return float(given[np.argmax(np.abs(given - expected))])


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """The largest |a - b| relative to the largest |b|; absolute where b is 0."""
    apart, size = float(np.abs(a - b).max()), float(np.abs(b).max())
    return apart / size if size > 0 else apart
