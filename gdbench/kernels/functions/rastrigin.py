"""Rastrigin's function: a grid of minima around the lowest.

descent = gdbench.minimize("rastrigin", [2.2, 2.2], "adam", lr=0.1, steps=500)
"""

import math

from gdbench.kernels.arithmetic.trigonometry import cos, sin
from gdbench.kernels.functions.contract import function

_TURN = 2.0 * math.pi


@function(least=1, domain=(-5.12, 5.12), start=(2.2,), minimisers=((0.0,),), amplitude=10.0)
def rastrigin(x, c):
    """f(x) = sum_i amplitude (1 - cos(2 pi x_i)) + x_i^2.

    Rastrigin, "Systems of extremal control" (1974); amplitude 10 and the domain are the usual ones.
    """
    total = 0.0
    for i in range(x.size):
        total += c.amplitude * (1.0 - cos(_TURN * x[i])) + x[i] * x[i]
    return total


@rastrigin.gradient
def _(x, c, out):
    for i in range(x.size):
        out[i] = c.amplitude * _TURN * sin(_TURN * x[i]) + 2.0 * x[i]


@rastrigin.hessian
def _(x, c, out):
    out[:] = 0.0
    for i in range(x.size):
        out[i, i] = c.amplitude * _TURN * _TURN * cos(_TURN * x[i]) + 2.0
