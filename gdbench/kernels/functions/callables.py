"""Functions of a point as first-class functions of fixed signature, so that one compiled descent serves all of them.

A missing gradient or Hessian is computed by central differences, (f(x + h) - f(x - h)) / 2h. The h balances rounding
against truncation: about eps^(1/3). A gradient is computed from values, a Hessian from gradients and made symmetric.
"""

from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from types import FunctionType
from typing import Any

import numpy as np
from numba.core import types
from numba.core.errors import NumbaError

from gdbench.kernels.arithmetic.intrinsics import fixed_tuple
from gdbench.kernels.compile.complaints import explained
from gdbench.kernels.compile.jit import first_class, inlined, kernel

_vector, _matrix = types.float64[::1], types.float64[:, ::1]
VALUE = types.float64(_vector, _vector)  # x, options
GRADIENT = types.void(_vector, types.int64, _vector, _vector)  # x, step, options, out
HESSIAN = types.void(_vector, types.int64, _vector, _matrix)
STEP = 2.0**-17  # near the cube root of 2^-52


@dataclass(eq=False)
class Compiled:
    """Value and gradient of the signatures above; the Hessian is compiled when it is first used."""

    value: Any
    gradient: Any
    compile_hessian: Callable[[], Any]
    source: str | None

    @cached_property
    def first_class(self) -> tuple[Any, Any]:
        """Value and gradient, for kernels that take them as arguments."""
        return first_class(self.value, self.source), first_class(self.gradient, self.source)

    @cached_property
    def hessian(self) -> Any:
        """The Hessian, of signature HESSIAN."""
        return self.compile_hessian()


def compiled(
    what: str,
    value: Callable[..., Any],
    gradient: Callable[..., Any] | None,
    hessian: Callable[..., Any] | None,
    takes: tuple[str, str, str],
    options: tuple[str, ...] = (),
    source: str | None = None,
) -> Compiled:
    """Compile an author's functions for the kernels; a gradient or Hessian of None is computed by differences.

    takes: for each of the three, the letters of its parameters: x the point, c the options by name, t the step, o the
    array for the result.
    source: as for `kernel` (compile/jit.py); functions that are not ours raise IndexError outside a vector.
    Raises UsageError, with the line, for what Numba cannot compile.
    """
    checked = source != ""  # a user's function may index outside its vectors
    variant = what.replace("'", "").replace(" ", "-")

    def machine_code(function: Callable[..., Any], signature: Any, written: Callable[..., Any]) -> Any:
        try:
            return kernel(function, signature=signature, variant=variant, source=source, checked=checked)
        except NumbaError as error:
            raise explained(what, written, error, "callables.py") from None

    f = _adapted(value, takes[0], options, checked)
    g = _by_differences(inlined(f)) if gradient is None else _adapted(gradient, takes[1], options, checked)
    h = _hessian_differences(inlined(g)) if hessian is None else _adapted(hessian, takes[2], options, checked)
    differentiated = gradient or value
    return Compiled(
        machine_code(f, VALUE, value),
        machine_code(g, GRADIENT, differentiated),
        partial(machine_code, h, HESSIAN, hessian or differentiated),
        source,
    )


def _adapted(written: Any, takes: str, options: tuple[str, ...], checked: bool) -> Callable[..., Any]:
    """`written` with the parameters of VALUE, or of GRADIENT and HESSIAN if it writes to an array."""
    # Its author may have compiled it already.
    inner = written if hasattr(written, "py_func") else inlined(_copy(written), checked=checked)
    names: Any = namedtuple("Options", options)  # type: ignore[misc]
    width = len(options)

    def value(x, o):
        return inner(x)

    def value_of_options(x, o):
        return inner(x, names(*fixed_tuple(o, width)))

    def derivative(x, t, o, out):
        inner(x, out)

    def derivative_of_options(x, t, o, out):
        inner(x, names(*fixed_tuple(o, width)), out)

    def derivative_at_step(x, t, o, out):
        inner(x, t, out)

    forms: dict[str, Callable[..., Any]] = {
        "x": value,
        "xc": value_of_options,
        "xo": derivative,
        "xco": derivative_of_options,
        "xto": derivative_at_step,
    }
    return forms[takes]


def _copy(function: Any) -> Any:
    """A copy of a function, since Numba freezes a function's globals when it first sees it."""
    copied = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    copied.__module__, copied.__qualname__ = function.__module__, function.__qualname__
    return copied


def _by_differences(f: Any) -> Callable[..., Any]:
    def gradient_by_differences(x, t, o, out):
        for i in range(x.size):
            here = x[i]
            h = STEP * max(1.0, abs(here))
            x[i] = here + h
            above, high = f(x, o), x[i]
            x[i] = here - h
            out[i] = (above - f(x, o)) / (high - x[i])  # by the step after rounding, not by 2 h
            x[i] = here

    return gradient_by_differences


def _hessian_differences(g: Any) -> Callable[..., Any]:
    def hessian_by_differences(x, t, o, out):
        above, below = np.empty(x.size), np.empty(x.size)
        for i in range(x.size):
            here = x[i]
            h = STEP * max(1.0, abs(here))
            x[i] = here + h
            high = x[i]
            g(x, t, o, above)
            x[i] = here - h
            g(x, t, o, below)
            for j in range(x.size):
                out[i, j] = (above[j] - below[j]) / (high - x[i])
            x[i] = here
        for i in range(x.size):
            for j in range(i):
                out[i, j] = out[j, i] = 0.5 * (out[i, j] + out[j, i])

    return hessian_by_differences
