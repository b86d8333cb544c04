"""A rule's update on a GPU: `contract.update_loop` over numbers in registers, four parameters at a time.

Parameters, gradient and slots lie in one array, `stride` numbers apart, each from a multiple of four on
(kernels/gpu/layout.py), so that every load and store moves 16 bytes or more.
"""

from collections.abc import Callable, Sequence
from functools import update_wrapper
from types import FunctionType
from typing import Any

from gdbench.kernels.arithmetic.intrinsics import matrix
from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.gpu.quads import QUAD, load_quad, registers, store_quad
from gdbench.kernels.rules.contract import Rule, update_loop


@inlined
def _max(x, y):
    """Python's max of two numbers: the first, unless the second is greater. A GPU's own max drops a NaN."""
    return y if y > x else x


@inlined
def _min(x, y):
    """Python's min of two numbers."""
    return y if y < x else x


_EXTREMES = {"max": _max, "min": _min}


def _with_our_extremes(function: Callable[..., Any]) -> Callable[..., Any]:
    """A rule's function with Python's max and min, where it calls them by these names."""
    wanted = {name: ours for name, ours in _EXTREMES.items() if name in function.__code__.co_names}
    if not wanted:
        return function
    known = {**wanted, **function.__globals__}  # a user's own max stays
    copy = FunctionType(function.__code__, known, function.__name__, function.__defaults__, function.__closure__)
    return update_wrapper(copy, function)


def _quad_step_of(rule: Rule) -> Callable[..., Any]:
    """One step of the parameters first, ..., first + 3, with the rule's coefficients in registers."""
    loop, slots = inlined(update_loop(rule, _with_our_extremes(rule.function)), always=True), len(rule.slots)
    held = max(1, slots) * QUAD

    def step(home, theta, stride, c, first):
        zero = home.dtype.type(0)
        p, g, quad, state = registers(zero, QUAD), registers(zero, QUAD), registers(zero, QUAD), registers(zero, held)
        load_quad(home, theta + first, p)
        load_quad(home, theta + stride + first, g)
        for slot in range(slots):
            load_quad(home, theta + (2 + slot) * stride + first, quad)
            for i in range(QUAD):
                state[slot * QUAD + i] = quad[i]
        loop(p, g, matrix(state, 0, max(1, slots), QUAD), c, 0)
        store_quad(p, home, theta + first)
        for slot in range(slots):
            for i in range(QUAD):
                quad[i] = state[slot * QUAD + i]
            store_quad(quad, home, theta + (2 + slot) * stride + first)

    return inlined(step, always=True)


def step_of(rule: Rule) -> Callable[..., Any]:
    """One step of all parameters of a trial, by a row of coefficients: thread `lane` of `lanes` takes its share."""
    quad_step, width = _quad_step_of(rule), len(rule.coefficient_names)

    def step(home, theta, stride, row, lane, lanes):
        c = registers(home.dtype.type(0), width)  # loaded once for all quads
        for i in range(width):
            c[i] = row[i]
        for first in range(lane * QUAD, stride, lanes * QUAD):
            quad_step(home, theta, stride, c, first)

    return inlined(step, always=True)


def quad_step_of(rule: Rule) -> Callable[..., Any]:
    """One step of the parameters first, ..., first + 3, by a row of the rule's coefficients."""
    quad_step, width = _quad_step_of(rule), len(rule.coefficient_names)

    def step(home, theta, stride, row, first):
        c = registers(home.dtype.type(0), width)
        for i in range(width):
            c[i] = row[i]
        quad_step(home, theta, stride, c, first)

    return inlined(step, always=True)


def source_of_all(rules: Sequence[Rule]) -> str | None:
    """The joint `source` of the rules for `Kernel`; None if that of one is unknown."""
    sources = [rule.source for rule in rules]
    if any(source is None for source in sources):
        return None
    return "|".join(source for source in sources if source)
