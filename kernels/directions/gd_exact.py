"""Steepest descent: gradient descent that goes to the lowest point along every gradient.

descent = gdbench.minimize(("quadratic", {"condition": 10.0}), [10.0, 1.0], "gd-exact", steps=20)
"""

from gdbench.kernels import search
from gdbench.kernels.direction import direction
from gdbench.kernels.linear import dot


@direction(lr=1.0)
def gd_exact(objective, x, c, memory):
    """Steepest descent with exact line search (Cauchy, Comptes rendus 25, 1847).

    s = the first s > 0 at which d/ds f(x - s g) = 0
    x = x - lr s g

    lr 1 is the method itself; below 1 it is relaxed. On 1/2 (x^2 + kappa y^2) from (kappa, 1) every step contracts by
    (kappa - 1) / (kappa + 1), the worst there is (Akaike, Annals of the Institute of Statistical Mathematics 11, 1959).
    """
    g = objective.gradient(x)
    slope = -dot(g, g)
    if slope == 0.0:
        return None
    step = search.exact(objective, x, -g, slope, step=memory.get("step", 1.0))
    if step is None:
        return None
    memory["step"] = step
    return x - c.lr * step * g
