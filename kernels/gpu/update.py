"""A rule's update on a GPU: `contract.update_loop` over numbers in registers, four parameters at a time.

Parameters, gradient and slots lie in one array, `stride` numbers apart, each from a multiple of four on
(kernels/gpu/layout.py), so that every load and store moves 16 bytes or more.
"""

from collections.abc import Callable, Sequence
from typing import Any

from gdbench.kernels.contract import Rule, update_loop
from gdbench.kernels.gpu.quads import QUAD, load_quad, registers, store_quad
from gdbench.kernels.intrinsics import matrix
from gdbench.kernels.jit import inlined


def _quad_step_of(rule: Rule) -> Callable[..., Any]:
    """One step of the parameters first, ..., first + 3, with the rule's coefficients in registers."""
    loop, slots, held = inlined(update_loop(rule), always=True), len(rule.slots), max(1, len(rule.slots)) * QUAD

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
        c = registers(home.dtype.type(0), width)
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
    """What is compiled in beside the kernels, as `Kernel` takes it."""
    sources = [rule.source for rule in rules]
    if any(source is None for source in sources):
        return None
    return "|".join(source for source in sources if source)
