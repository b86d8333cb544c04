"""One dimension, a bowl with ripples: gradient descent stops in the next minimum, momentum rolls on.

descent = gdbench.minimize("ripples", [-9.0], "momentum", lr=0.5, steps=300)
"""

from gdbench.kernels.arithmetic.trigonometry import cos, sin
from gdbench.kernels.functions.contract import function


@function(dimension=1, domain=(-15.0, 15.0), start=(-9.0,), minimisers=((0.0,),))
def ripples(x):
    """f(x) = x^2 / 40 + 1 - cos x: its minimum is 0 at 0, and local minima lie near the other multiples of 2 pi."""
    return x[0] * x[0] / 40.0 + 1.0 - cos(x[0])


@ripples.gradient
def _(x, out):
    out[0] = x[0] / 20.0 + sin(x[0])


@ripples.hessian
def _(x, out):
    out[0, 0] = 0.05 + cos(x[0])
