"""A hole in a plateau: far from the minimum the gradient almost vanishes.

descent = gdbench.minimize("plateau", [4.0, 3.0], "adam", lr=0.1, steps=500)
"""

from gdbench.kernels.functions.contract import function


@function(least=1, domain=(-10.0, 10.0), start=(4.0, 3.0), minimisers=((0.0,),))
def plateau(x):
    """f(x) = |x|^2 / (1 + |x|^2), which is 1 far away; the gradient falls as 2 / |x|^3.

    The loss of Geman and McClure, "Statistical methods for tomographic image reconstruction", Bulletin of the
    International Statistical Institute 52 (1987).
    """
    square = 0.0
    for i in range(x.size):
        square += x[i] * x[i]
    return square / (1.0 + square)


@plateau.gradient
def _(x, out):
    square = 1.0
    for i in range(x.size):
        square += x[i] * x[i]
    for i in range(x.size):
        out[i] = 2.0 * x[i] / (square * square)


@plateau.hessian
def _(x, out):
    square = 1.0
    for i in range(x.size):
        square += x[i] * x[i]
    for i in range(x.size):
        for j in range(x.size):
            out[i, j] = -8.0 * (x[i] * x[j]) / (square * square * square)
        out[i, i] += 2.0 / (square * square)
