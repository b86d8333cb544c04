"""Beale's function: flat arms and sharp corners.

descent = gdbench.minimize("beale", [1.0, 1.0], "adam", lr=0.05, steps=2000)
"""

from gdbench.kernels.functions.contract import function

_SIDES = (1.5, 2.25, 2.625)


@function(domain=(-4.5, 4.5), start=(1.0, 1.0), minimisers=((3.0, 0.5),), saddles=((0.0, 1.0),))
def beale(x):
    """f(x, y) = (1.5 - x + x y)^2 + (2.25 - x + x y^2)^2 + (2.625 - x + x y^3)^2.

    Beale, "On an iterative method for finding a local minimum of a function of more than one variable", Princeton
    Statistical Techniques Research Group, technical report 25 (1958).
    """
    total, power = 0.0, 1.0
    for side in _SIDES:
        power *= x[1]
        r = side - x[0] * (1.0 - power)
        total += r * r
    return total


@beale.gradient
def _(x, out):
    out[:] = 0.0
    below = 1.0  # y^(k-1)
    for k, side in enumerate(_SIDES):
        power = below * x[1]
        r = side - x[0] * (1.0 - power)
        out[0] -= 2.0 * r * (1.0 - power)
        out[1] += 2.0 * r * (x[0] * (k + 1) * below)
        below = power


@beale.hessian
def _(x, out):
    out[:] = 0.0
    lowest, below = 0.0, 1.0  # y^(k-2) where its factor k - 1 is not 0, y^(k-1)
    for k, side in enumerate(_SIDES):
        power = below * x[1]
        r = side - x[0] * (1.0 - power)
        by_y = x[0] * (k + 1) * below
        out[0, 0] += 2.0 * (1.0 - power) * (1.0 - power)
        out[0, 1] += 2.0 * (r * (k + 1) * below - (1.0 - power) * by_y)
        out[1, 1] += 2.0 * (by_y * by_y + r * (x[0] * (k + 1) * k * lowest))
        lowest, below = below, power
    out[1, 0] = out[0, 1]
