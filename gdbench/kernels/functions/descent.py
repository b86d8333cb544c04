"""The descent over a function of a point, compiled once per dtype for all rules and functions.

Rule and function are passed as first-class functions of fixed signature. The gradient is computed in float64 and
rounded to the parameters' dtype, in which the rule runs.
"""

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numba.core import types

from gdbench.kernels.arithmetic.clipping import clip
from gdbench.kernels.arithmetic.random import Stream, normal
from gdbench.kernels.arithmetic.sums import norm
from gdbench.kernels.compile.jit import inlined, kernel
from gdbench.kernels.functions.callables import GRADIENT, VALUE
from gdbench.kernels.loop.clock import now
from gdbench.kernels.loop.evaluations import evaluations_at, made, wanted
from gdbench.kernels.loop.looks import crossed, due, looks_of
from gdbench.kernels.rules.contract import update_type

_NOISE = int(Stream.NOISE)
WIDTH = 2  # numbers of an evaluation: the value, and the norm of the gradient


class Workspace(NamedTuple):
    """What a descent needs besides function and rule, allocated once."""

    options: np.ndarray  # float64: the function's options
    seed: int
    noise: float  # standard deviation of what is added to every element of the gradient
    low: np.ndarray  # float64: bounds of each parameter, or empty
    high: np.ndarray
    clip_norm: np.floating  # 0: not clipped
    clip_value: np.floating
    point: np.ndarray  # float64: the parameters, widened
    exact: np.ndarray  # float64: the gradient
    gradient: np.ndarray  # the same with its noise, in the parameters' dtype


@inlined
def _evaluate(value, gradient, theta, work, evaluations, step):
    """Evaluate the function after `step` steps; one that depends on the step, as the last step saw it."""
    started, row = now(), evaluations.values[evaluations.filled[0]]
    for j in range(theta.size):
        work.point[j] = theta[j]
    gradient(work.point, max(step, 1), work.options, work.exact)
    row[0], row[1] = value(work.point, work.options), norm(work.exact)
    made(evaluations, step, now() - started)


def _descend(update, value, gradient, theta, state, table, first, work, limit, looks, evaluations, every, path):
    """Take steps first + 1, first + 2, ..., one per row of the table.

    Returns how many were taken, and whether the last one diverged: a parameter, or a value on the path, is not finite,
    or the value before the step was not or exceeded `limit` (infinite: any value will do). It also ends where the trial
    is to stop at its target. After every `every` steps and after the last, it writes a row of `path`: the point, its
    value and the norm of its gradient without noise. path has a row for each of these, or none at all.
    """
    n, row = theta.size, 0
    if first == 0 and wanted(evaluations, 0):
        _evaluate(value, gradient, theta, work, evaluations, 0)
    for i in range(table.shape[0]):
        t = first + i + 1
        for j in range(n):
            work.point[j] = theta[j]
        exploded = False
        if limit < math.inf:
            before = value(work.point, work.options)
            exploded = not before <= limit
            if due(looks, t - 1) and crossed(looks, t - 1, before):
                return i, False
        gradient(work.point, t, work.options, work.exact)
        for j in range(n):
            g = work.exact[j]
            if work.noise > 0.0:  # drawn by seed, step and parameter: chunks do not matter
                g += work.noise * normal(work.seed, _NOISE, t, j)
            work.gradient[j] = g
        clip(work.gradient, work)
        update(theta, work.gradient, state, table[i], 0)
        finite = True
        for j in range(n):
            if work.low.size > 0:
                theta[j] = min(max(theta[j], work.low[j]), work.high[j])
            finite = finite and math.isfinite(theta[j])
        last = i == table.shape[0] - 1 or not finite
        if row < path.shape[0] and (last or t % every == 0):
            for j in range(n):
                work.point[j] = path[row, j] = theta[j]
            path[row, n] = value(work.point, work.options)
            finite = finite and math.isfinite(path[row, n])
            gradient(work.point, t, work.options, work.exact)
            path[row, n + 1] = norm(work.exact)
            row += 1
        if exploded or not finite:
            return i + 1, True
        if wanted(evaluations, t):
            _evaluate(value, gradient, theta, work, evaluations, t)
    last = first + table.shape[0]
    if due(looks, last):
        for j in range(n):
            work.point[j] = theta[j]
        crossed(looks, last, value(work.point, work.options))
    return table.shape[0], False


@lru_cache(maxsize=2)
def descend(dtype: str) -> Any:
    """The compiled descent for parameters of `dtype`; its arguments are those of `_descend`."""
    number = np.dtype(dtype).type
    vector, matrix = numba.typeof(np.zeros(1, dtype)), numba.typeof(np.zeros((1, 1), dtype))
    functions = [types.FunctionType(signature) for signature in (update_type(dtype), VALUE, GRADIENT)]
    work = Workspace(
        *(np.zeros(1), 0, 0.0, np.zeros(1), np.zeros(1), number(0), number(0)),
        *(np.zeros(1), np.zeros(1), np.zeros(1, dtype)),
    )
    watched = numba.typeof(looks_of(None)), numba.typeof(evaluations_at([], WIDTH))
    guarded = (numba.typeof(work), types.float64, *watched)
    rest = (vector, matrix, matrix, types.int64, *guarded, types.int64, types.float64[:, ::1])
    return kernel(_descend, signature=types.Tuple((types.int64, types.boolean))(*functions, *rest), variant=dtype)
