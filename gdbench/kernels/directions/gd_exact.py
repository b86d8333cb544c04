"""Steepest descent: gradient descent that goes to the lowest point along every gradient.

descent = gdbench.minimize(("quadratic", {"condition": 10.0}), [10.0, 1.0], "gd-exact", steps=20)
"""

import math

import numpy as np

from gdbench.kernels.arithmetic.linear import dot
from gdbench.kernels.directions import search
from gdbench.kernels.directions.contract import direction


@direction(lr=1.0)
def gd_exact(objective, x, c, memory):
    """Steepest descent with exact line search (Cauchy, Comptes rendus 25, 1847).

    s = the first minimiser of f(x - s g), s > 0, where its slope first changes from negative to positive
    x = x - lr s g

    lr 1 is the method itself; below 1 it is relaxed. `exact` in kernels/directions/search.py says how accurate s is,
    which minimisers it can miss, and how long a step is if f falls without end. On 1/2 (x^2 + kappa y^2) from
    (kappa, 1) every step contracts by (kappa - 1) / (kappa + 1), which is the worst case (Akaike, Annals of the
    Institute of Statistical Mathematics 11, 1959). Stalls where no step leads down.
    """
    g, value = objective.gradient(x), objective.value(x)
    slope = -dot(g, g)
    if not float(np.finfo(x.dtype).tiny) <= -slope < math.inf:  # subnormal, or not finite
        return None
    longest = math.inf
    for _ in range(search.MOST):
        step = search.exact(objective, x, -g, slope, longest=longest)
        there = x - step * g
        if np.array_equal(there, x):
            return None
        reached = objective.value(there)
        # If rounding hides the decrease of the value, the slope alone decides.
        hidden = 0.5 * step * -slope <= 64.0 * float(np.finfo(x.dtype).eps) * abs(value)
        if search.sufficient(reached, value, 0.0, x.dtype) or (hidden and math.isfinite(reached)):
            return x - c.lr * step * g
        longest = 0.25 * step  # the search missed a hill, or the value overflows there: stay nearer
    return None
