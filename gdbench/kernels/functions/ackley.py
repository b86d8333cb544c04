"""Ackley's function: ripples on a nearly flat plain around a deep hole.

descent = gdbench.minimize("ackley", [2.5, 1.5], "adam", lr=0.1, steps=500)
"""

import math

import numpy as np

from gdbench.kernels.arithmetic.elementary import exp64
from gdbench.kernels.arithmetic.trigonometry import cos, sin
from gdbench.kernels.functions.contract import function

_TURN = 2.0 * math.pi


@function(least=1, domain=(-5.0, 5.0), start=(2.5, 1.5), minimisers=((0.0,),), a=20.0, b=0.2)
def ackley(x, c):
    """f(x) = a (1 - exp(-b r)) + e - exp(m), r = sqrt(mean of x_i^2), m = mean of cos(2 pi x_i).

    Ackley, "A connectionist machine for genetic hillclimbing" (1987), with his a = 20 and b = 0.2. f has a cusp at the
    minimum; gradient and Hessian are taken as 0 there.
    """
    square, waves = 0.0, 0.0
    for i in range(x.size):
        square += x[i] * x[i]
        waves += cos(_TURN * x[i])
    # Written so that f(0) is 0 to the bit.
    return c.a * (1.0 - exp64(-c.b * math.sqrt(square / x.size))) + (exp64(1.0) - exp64(waves / x.size))


@ackley.gradient
def _(x, c, out):
    n, square, waves = x.size, 0.0, 0.0
    for i in range(n):
        square += x[i] * x[i]
        waves += cos(_TURN * x[i])
    r = math.sqrt(square / n)
    hole = c.a * c.b * exp64(-c.b * r) / (n * r) if r > 0.0 else 0.0
    ripple = exp64(waves / n) * _TURN / n
    for i in range(n):
        out[i] = hole * x[i] + ripple * sin(_TURN * x[i])


@ackley.hessian
def _(x, c, out):
    n, square, waves = x.size, 0.0, 0.0
    for i in range(n):
        square += x[i] * x[i]
        waves += cos(_TURN * x[i])
    r = math.sqrt(square / n)
    out[:] = 0.0
    if r == 0.0:
        return
    hole = c.a * c.b * exp64(-c.b * r) / (n * r)
    radial = -hole * (c.b / r + 1.0 / (r * r)) / n
    ripple = exp64(waves / n) * _TURN / n
    sines = np.empty(n)
    for i in range(n):
        sines[i] = sin(_TURN * x[i])
    for i in range(n):
        for j in range(n):
            out[i, j] = radial * (x[i] * x[j]) - ripple * (_TURN / n) * (sines[i] * sines[j])
        out[i, i] += hole + ripple * _TURN * cos(_TURN * x[i])
