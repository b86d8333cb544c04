"""L-BFGS: curvature from the last few steps, without a matrix.

descent = gdbench.minimize("rosenbrock", [-1.2, 1.0], "lbfgs", steps=100)
"""

import numpy as np

from gdbench.kernels.arithmetic.linear import dot, length
from gdbench.kernels.directions import search
from gdbench.kernels.directions.contract import direction


@direction(lr=1.0, history=10, decrease=1e-4, curvature=0.9)
def lbfgs(objective, x, c, memory):
    """Limited-memory BFGS (Liu and Nocedal, Mathematical Programming 45, 1989).

    d = -B g, B from the last `history` pairs (s, y) of steps and changes of the gradient, by the two-loop recursion
    x = x + s d, s from lr by bisection until the weak Wolfe conditions hold with `decrease` and `curvature`

    The first direction is -g / max(1, |g|). decrease and curvature are as Liu and Nocedal recommend, history 10 is
    SciPy's. A pair without positive curvature is not kept. Stalls where no step decreases the objective.
    """
    pairs = memory.setdefault("pairs", [])
    g = objective.gradient(x)
    value = objective.value(x)
    for attempt in range(2):
        d = _direction(g, pairs)
        slope = dot(g, d)
        found = None
        if slope < 0.0:
            found = search.wolfe(objective, x, d, value, slope, step=c.lr, decrease=c.decrease, curvature=c.curvature)
        if found is not None or not pairs or attempt:
            break
        pairs.clear()  # try again along the gradient
    if found is None:
        return None
    there, gradient = found
    s, y = there - x, gradient - g
    if dot(s, y) > float(np.finfo(x.dtype).eps) * dot(y, y):  # else B might not be positive definite
        pairs.append((s, y))
        del pairs[: -int(c.history)]
    return there


def _direction(g, pairs):
    """-B g (Nocedal and Wright, "Numerical optimization", 2006, algorithm 7.4)."""
    if not pairs:
        return -g / g.dtype.type(max(1.0, length(g)))
    q, alphas = g.copy(), []
    for s, y in reversed(pairs):
        alpha = dot(s, q) / dot(y, s)
        alphas.append(alpha)
        q = q - alpha * y
    s, y = pairs[-1]
    r = (dot(s, y) / dot(y, y)) * q
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        beta = dot(y, r) / dot(y, s)
        r = r + (alpha - beta) * s
    return -r
