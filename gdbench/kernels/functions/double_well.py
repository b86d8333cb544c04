"""One dimension and two minima: start and learning rate decide which one is found.

descent = gdbench.minimize("double-well", [-1.8], "momentum", lr=0.05, steps=100)
"""

from gdbench.kernels.functions.contract import function


@function(
    dimension=1,
    domain=(-2.0, 2.5),
    start=(-1.8,),
    minimisers=((1.5,),),
    local_minimisers=((-1.0,),),
    saddles=((0.0,),),
)
def double_well(x):
    """f(x) = x^4 / 4 - x^3 / 6 - 3 x^2 / 4, whose derivative is (x + 1) x (x - 1.5).

    The deeper minimum is at 1.5, the other at -1, and a maximum lies at 0 between them.
    """
    square = x[0] * x[0]
    return square * square / 4.0 - square * x[0] / 6.0 - 0.75 * square


@double_well.gradient
def _(x, out):
    out[0] = (x[0] + 1.0) * x[0] * (x[0] - 1.5)


@double_well.hessian
def _(x, out):
    out[0, 0] = 3.0 * x[0] * x[0] - x[0] - 1.5
