"""Steepest descent: gradient descent that goes to the lowest point along every gradient.

descent = gdbench.minimize(("quadratic", {"condition": 10.0}), [10.0, 1.0], "gd-exact", steps=20)
"""

import numpy as np

from gdbench.kernels import search
from gdbench.kernels.direction import direction
from gdbench.kernels.linear import dot


@direction(lr=1.0)
def gd_exact(objective, x, c, memory):
    """Steepest descent with exact line search (Cauchy, Comptes rendus 25, 1847).

    s = a step at which d/ds f(x - s g) = 0, the first to be found that does not go up
    x = x - lr s g

    lr 1 is the method itself; below 1 it is relaxed. On 1/2 (x^2 + kappa y^2) from (kappa, 1) every step contracts by
    (kappa - 1) / (kappa + 1), the worst there is (Akaike, Annals of the Institute of Statistical Mathematics 11, 1959).
    """
    g, value = objective.gradient(x), objective.value(x)
    slope = -dot(g, g)
    guess = memory.get("step", 1.0)
    for _ in range(search.MOST):
        if not -slope >= float(np.finfo(x.dtype).tiny):  # too small to divide by
            return None
        step = search.exact(objective, x, -g, slope, step=guess)
        if step is None:
            return None
        if search.sufficient(objective.value(x - step * g), value, 0.0, x.dtype):
            memory["step"] = step
            return x - c.lr * step * g
        guess = 0.25 * min(guess, step)  # it went over a hill: look nearer
    return None
