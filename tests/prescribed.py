"""A rule along a prescribed sequence of gradients, so that rounding is not fed back through a loss."""

import numpy as np

from gdbench.kernels.rules import schedules
from gdbench.kernels.rules.registry import find


def run(name, gradients, start, dtype="float64", state=None, **given):
    """The parameters after the gradients (steps x parameters), from `start`, at a constant lr; `state` is changed."""
    rule = find(name)
    settings = rule.with_defaults(given)
    p = np.array(start, dtype)
    state = np.zeros((len(rule.slots), len(start)), dtype) if state is None else state
    lrs = schedules.learning_rates(
        schedules.with_defaults("constant"), settings["lr"], 1, len(gradients), len(gradients)
    )
    table = rule.table(settings, 1, lrs, dtype)
    update = rule.update(dtype)
    for g, row in zip(np.array(gradients, dtype), table, strict=True):
        update(p, np.ascontiguousarray(g), state, row, 0)
    return p
