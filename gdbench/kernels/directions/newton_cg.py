"""Newton's method without its matrix: conjugate gradients on products with the Hessian.

descent = gdbench.minimize("rosenbrock", [-1.2, 1.0], "newton-cg", steps=100)
"""

import math

from gdbench.kernels.arithmetic.linear import dot
from gdbench.kernels.directions import search
from gdbench.kernels.directions.contract import direction


@direction("newton-cg", lr=1.0, decrease=1e-4)
def newton_cg(objective, x, c, memory):
    """Line-search Newton-CG (Dembo and Steihaug, Mathematical Programming 26, 1983).

    d solves H d = -g by conjugate gradients until |H d + g| <= min(1/2, sqrt |g|) |g|, or until a direction of negative
    curvature is met (Nocedal and Wright, "Numerical optimization", 2006, algorithm 7.1)
    x = x + s d, s from lr by halving until f falls by at least `decrease` s |g^T d|

    Each inner iteration takes one product with the Hessian; no matrix is built. Stalls where no step decreases the
    objective.
    """
    g = objective.gradient(x)
    if dot(g, g) == 0.0:
        return None
    d = _conjugate_gradients(objective, x, g)
    found = search.backtrack(objective, x, d, objective.value(x), dot(g, d), step=c.lr, decrease=c.decrease, shrink=0.5)
    return found


def _conjugate_gradients(objective, x, g):
    """The direction d; steepest descent if the curvature along it is not positive."""
    size = math.sqrt(dot(g, g))
    tolerance = min(0.5, math.sqrt(size)) * size
    z, r, d = 0.0 * g, g.copy(), -g
    for i in range(2 * x.size):  # without rounding x.size iterations would do
        hd = objective.product(x, d)
        curvature = dot(d, hd)
        if not curvature > 0.0:
            return z if i else d
        before = dot(r, r)
        alpha = before / curvature
        z = z + alpha * d
        r = r + alpha * hd
        after = dot(r, r)
        if math.sqrt(after) <= tolerance:
            break
        d = -r + (after / before) * d
    return z
