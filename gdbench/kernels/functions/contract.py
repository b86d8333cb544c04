"""The contract of a test function: its value, and beside it gradient and Hessian, written for a point x.

    @function(dimension=2, least=2, domain=(-2.0, 2.0), start=(-1.5, 2.0), minimisers=((1.0, 1.0),), b=100.0)
    def rosenbrock(x, c):
        \"\"\"Source, formula.\"\"\"
        return c.b * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2

    @rosenbrock.gradient
    def _(x, c, out):
        out[0] = ...

    @rosenbrock.hessian
    def _(x, c, out):
        out[0, 0] = ...

`x` is a float64 vector and everything is computed in float64, whatever the dtype of the parameters: a test function is
too small for its cost to matter. `c` holds the options by name; a function without options does not take it. A missing
gradient is computed by central differences of values, a missing Hessian by differences of gradients.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gdbench.errors import UsageError, nearest
from gdbench.kernels.functions.callables import Compiled, compiled
from gdbench.kernels.rules import hyperparameters
from gdbench.kernels.rules.registry import RESERVED, Written, check_parameters, chosen_name, source_of

MAX_DIMENSION = 10**6
_NOT_OPTIONS = {"dimension", "start", "noise", "kind", "function", *RESERVED}


@dataclass(eq=False)
class Function(Written):
    """A test function: its domain, its usual start, and its known minima and saddles.

    least: the smallest dimension that it allows; None if `dimension` is the only one.
    domain: the lower and upper bound of every coordinate, for pictures and random starts.
    positive: options that must be greater than 0.
    start_point, global_minimisers, local_minimisers, saddles: points; in more dimensions their coordinates repeat.
    """

    dimension: int
    least: int | None
    domain: tuple[float, float]
    start_point: tuple[float, ...]
    global_minimisers: tuple[tuple[float, ...], ...]
    local_minimisers: tuple[tuple[float, ...], ...]
    saddles: tuple[tuple[float, ...], ...]
    options: dict[str, float]
    positive: tuple[str, ...] = ()
    written_gradient: Callable[..., Any] | None = None
    written_hessian: Callable[..., Any] | None = None

    def functions(self) -> list[Callable[..., Any]]:
        """The value, and the gradient and Hessian if they are written."""
        return [self.function, *(part for part in (self.written_gradient, self.written_hessian) if part is not None)]

    def gradient(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Declare the gradient, which writes to a vector."""
        check_parameters(f"gradient of function {self.name!r}", function, *self._arguments, "out")
        self.written_gradient = function
        return function

    def hessian(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Declare the Hessian, which writes to a matrix, all of it."""
        check_parameters(f"Hessian of function {self.name!r}", function, *self._arguments, "out")
        self.written_hessian = function
        return function

    @property
    def _arguments(self) -> tuple[str, ...]:
        return ("x", "c") if self.options else ("x",)

    def with_defaults(self, given: Mapping[str, Any]) -> dict[str, float]:
        """All options, `dimension` first; raises UsageError for an unknown name or a value that is not allowed."""
        known = {"dimension": self.dimension, **self.options}
        for name in given:
            if name not in known:
                raise UsageError(f"function {self.name!r} has no option {name!r}{nearest(name, known)}")
        dimension = given.get("dimension", self.dimension)
        low = self.dimension if self.least is None else self.least
        high = self.dimension if self.least is None else MAX_DIMENSION
        if isinstance(dimension, bool) or not isinstance(dimension, int) or not low <= dimension <= high:
            allowed = str(low) if low == high else f"a whole number from {low} to {high}"
            raise UsageError(f"function {self.name!r}: dimension = {dimension!r} must be {allowed}")
        options = {name: given.get(name, default) for name, default in self.options.items()}
        checked = {key: hyperparameters.OTHER.check(key, value) for key, value in options.items()}
        for key in self.positive:
            if checked[key] <= 0.0:
                raise UsageError(f"function {self.name!r}: {key} = {checked[key]!r} must be greater than 0")
        return {"dimension": dimension, **checked}

    def start(self, dimension: int) -> np.ndarray:
        """The default start of a descent: float64 (dimension)."""
        return np.resize(np.array(self.start_point), dimension)

    def minimisers(self, dimension: int | None = None) -> np.ndarray:
        """The known global minimisers, one per row."""
        return _rows(self.global_minimisers, dimension or self.dimension)

    @cached_property
    def compiled(self) -> Compiled:
        """The function as the kernels call it; raises UsageError, with the line, when it cannot be compiled."""
        what = f"function {self.name!r}"
        takes, options = ("xc", tuple(self.options)) if self.options else ("x", ())
        parts = self.function, self.written_gradient, self.written_hessian
        return compiled(what, *parts, (takes, f"{takes}o", f"{takes}o"), options, self.source)


FUNCTIONS: dict[str, Function] = {}


def function(
    name: str | None = None,
    *,
    dimension: int = 2,
    least: int | None = None,
    domain: tuple[float, float] = (-5.0, 5.0),
    start: Sequence[float] = (1.0,),
    minimisers: Sequence[Sequence[float]] = (),
    local_minimisers: Sequence[Sequence[float]] = (),
    saddles: Sequence[Sequence[float]] = (),
    positive: Sequence[str] = (),
    **options: float,
) -> Callable[[Callable[..., Any]], Function]:
    """Register the decorated function, `f(x)` or with options `f(x, c)`, as a test function.

    name: what users write; by default the function's name with '-' for '_'.
    The other arguments are the fields of `Function`; further keywords are options with their defaults.
    Raises UsageError for a name already taken, a wrong signature, a dimension or points that make no sense.
    """
    if callable(name):
        raise UsageError(f"write @function(dimension=2) above {name.__name__}")

    def register(written: Callable[..., Any]) -> Function:
        written = getattr(written, "py_func", written)
        chosen = chosen_name("function", name, written, FUNCTIONS)
        what = f"function {chosen!r}"
        check_parameters(what, written, *(("x", "c") if options else ("x",)))
        for option in options:
            if option in _NOT_OPTIONS or not option.isidentifier() or option.startswith("_"):
                raise UsageError(f"{what}: {option!r} cannot name an option; choose another name")
        if not isinstance(domain, tuple | list) or len(domain) != 2 or not domain[0] < domain[1]:
            raise UsageError(f"{what}: domain = {domain!r} must be two numbers, the lower one first")
        low, high = (float(bound) for bound in domain)
        for key, size in (("dimension", dimension), ("least", 1 if least is None else least)):
            if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= dimension:
                raise UsageError(
                    f"{what}: {key} = {size!r} must be a whole number from 1 to its dimension {dimension!r}"
                )
        lowest, others, stationary = _points(minimisers), _points(local_minimisers), _points(saddles)
        for point in (tuple(start), *lowest, *others, *stationary):
            if not point or not all(low <= x <= high for x in point):
                raise UsageError(f"{what}: {point!r} lies outside its domain {domain!r}")
        made = Function(
            chosen,
            written,
            dimension,
            least,
            (low, high),
            tuple(float(x) for x in start),
            lowest,
            others,
            stationary,
            {key: float(value) for key, value in options.items()},
            tuple(positive),
            source=source_of(written),
        )
        made.with_defaults({})
        FUNCTIONS[chosen] = made
        return made

    return register


def find(name: object) -> Function:
    """The test function of that name; raises UsageError with the nearest name otherwise."""
    if isinstance(name, str) and name in FUNCTIONS:
        return FUNCTIONS[name]
    raise UsageError(f"unknown function {name!r}{nearest(name, FUNCTIONS)}")


def _points(points: Sequence[Sequence[float]]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(x) for x in point) for point in points)


def _rows(points: tuple[tuple[float, ...], ...], dimension: int) -> np.ndarray:
    return np.array([np.resize(np.array(point), dimension) for point in points]).reshape(-1, dimension)
