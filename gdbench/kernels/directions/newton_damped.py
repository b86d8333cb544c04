"""Newton's method that only goes downhill.

descent = gdbench.minimize("rosenbrock", [-1.2, 1.0], "newton-damped", steps=50)
"""

import math

import numpy as np

from gdbench.kernels.arithmetic.linear import Cholesky, dot, length, product
from gdbench.kernels.arithmetic.random import Stream, normals
from gdbench.kernels.directions.contract import direction

TRIES = 60
ITERATIONS = 20  # of inverse iteration: enough to find a direction of negative curvature


@direction(lr=1.0, dense=True)
def newton_damped(objective, x, c, memory):
    """Newton's method with a damping that is found by trial.

    x = x - lr (H + mu I)^-1 g

    mu is 0 while H is positive definite and steps succeed. It grows until both hold, and falls again after steps that
    the quadratic model predicted well (Levenberg, Quarterly of Applied Mathematics 2, 1944; Marquardt, SIAM Journal 11,
    1963). The ratio of actual to predicted decrease controls mu as in Nocedal and Wright, "Numerical optimization",
    2006, algorithm 4.1. H may have a direction v of negative curvature k = v^T H v with a larger predicted decrease
    than the damped step. The step then goes along it: x = x -+ |k| v, shortened until the objective falls (Royer and
    Wright, SIAM Journal on Optimization 28, 2018). So it leaves saddles. Stalls where no step decreases the objective.
    """
    value, g, h = objective.value(x), objective.gradient(x), objective.hessian(x)
    # The least damping that changes H's largest diagonal element.
    least = float(np.finfo(x.dtype).eps) * max(float(np.abs(np.diagonal(h)).max()), 1e-300)
    mu = memory.get("mu", 0.0)
    factor = Cholesky(h)
    if not factor.positive:
        mu, factor = _regularised(h, max(mu, least))
        if factor is None:
            return None
        along = _down(objective, x, g, h, value, factor)
        if along is not None:
            return along
    elif mu > 0.0:
        factor = Cholesky(h, mu)
    for _ in range(TRIES):
        if factor.positive:
            step = factor.solve(g)
            there = x - c.lr * step
            if np.array_equal(there, x):  # more damping makes the step only shorter
                return None
            reached = objective.value(there)
            # The quadratic model's decrease, with step^T H step = g^T step - mu |step|^2.
            predicted = c.lr * (1.0 - 0.5 * c.lr) * dot(g, step) + 0.5 * c.lr * c.lr * mu * dot(step, step)
            if _succeeds(objective, value, g, there, reached):
                ratio = (value - reached) / predicted if predicted > 0.0 else 1.0
                memory["mu"] = _next(mu, ratio, least)
                return there
        mu = max(4.0 * mu, least)
        factor = Cholesky(h, mu)
    return None


def _next(mu, ratio, least):
    """The damping that the next step starts with."""
    if ratio < 0.25:
        return max(4.0 * mu, least)
    if ratio > 0.75:
        mu *= 0.25
    return mu if mu > least else 0.0


def _succeeds(objective, value, g, there, reached):
    """Whether the objective fell or, if rounding hides that, the gradient's norm did."""
    rounding = 16.0 * float(np.finfo(there.dtype).eps) * abs(value)
    if -math.inf < reached < value - rounding:
        return True
    return -math.inf < reached <= value + rounding and length(objective.gradient(there)) < length(g)


def _regularised(h, mu):
    """The first of mu, 4 mu, ... that makes H + mu I positive definite, and the factor; None if H is not finite."""
    for _ in range(TRIES):
        factor = Cholesky(h, mu)
        if factor.positive:
            return mu, factor
        mu *= 4.0
    return mu, None


def _down(objective, x, g, h, value, factor):
    """A lower point along a direction of negative curvature, if its predicted decrease beats the damped step's."""
    # Inverse iteration on H + mu I, from the same start in every trial.
    v = normals(0, Stream.INITIAL, x.size).astype(x.dtype)
    for _ in range(ITERATIONS):
        v = factor.solve(v)
        v /= x.dtype.type(length(v))
    k = dot(v, product(h, v))
    if k >= 0.0 or abs(k) * k * k <= dot(g, factor.solve(g)):
        return None
    v = -v if dot(g, v) > 0.0 else v  # downhill
    size = abs(k)
    for _ in range(TRIES):
        there = x + size * v
        if -math.inf < objective.value(there) < value:
            return there
        size *= 0.5
    return None
