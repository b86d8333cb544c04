"""Booth's function: a plain quadratic with rotated axes.

descent = gdbench.minimize("booth", [0.0, 0.0], "newton", steps=1)
"""

from gdbench.kernels.functions.contract import function


@function(domain=(-10.0, 10.0), start=(-5.0, -5.0), minimisers=((1.0, 3.0),))
def booth(x):
    """f(x, y) = (x + 2y - 7)^2 + (2x + y - 5)^2.

    Listed as Booth's in Jamil and Yang, "A literature survey of benchmark functions for global optimisation problems"
    (2013), no. 17.
    """
    a = x[0] + 2.0 * x[1] - 7.0
    b = 2.0 * x[0] + x[1] - 5.0
    return a * a + b * b


@booth.gradient
def _(x, out):
    out[0] = 10.0 * x[0] + 8.0 * x[1] - 34.0
    out[1] = 8.0 * x[0] + 10.0 * x[1] - 38.0


@booth.hessian
def _(x, out):
    out[0, 0] = out[1, 1] = 10.0
    out[0, 1] = out[1, 0] = 8.0
