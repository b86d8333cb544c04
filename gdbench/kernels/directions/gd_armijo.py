"""Gradient descent that finds its own learning rate at every step.

descent = gdbench.minimize("rosenbrock", [-1.2, 1.0], "gd-armijo", steps=500)
"""

from gdbench.kernels.arithmetic.linear import dot
from gdbench.kernels.directions import search
from gdbench.kernels.directions.contract import direction


@direction(lr=1.0, decrease=1e-4, shrink=0.5)
def gd_armijo(objective, x, c, memory):
    """Gradient descent with backtracking (Armijo, Pacific Journal of Mathematics 16, 1966).

    s = lr, lr shrink, lr shrink^2, ... until f(x - s g) <= f(x) - decrease s |g|^2
    x = x - s g

    Defaults: decrease 1e-4 is the usual value (Nocedal and Wright, "Numerical optimization", 2006, section 3.1), lr and
    shrink are Armijo's 1 and 1/2.
    """
    g = objective.gradient(x)
    slope = -dot(g, g)
    found = search.backtrack(
        objective, x, -g, objective.value(x), slope, step=c.lr, decrease=c.decrease, shrink=c.shrink
    )
    return found
