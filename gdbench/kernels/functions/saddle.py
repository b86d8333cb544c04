"""A saddle between two minima.

descent = gdbench.minimize("saddle", [1.0, 1e-3], "newton", steps=20)  # to the saddle; newton-damped goes to a minimum
"""

from gdbench.kernels.functions.contract import function


@function(domain=(-2.0, 2.0), start=(1.0, 1e-3), minimisers=((0.0, 1.0), (0.0, -1.0)), saddles=((0.0, 0.0),))
def saddle(x):
    """f(x, y) = 1/2 (x^2 - y^2) + 1/4 y^4.

    The hyperbolic paraboloid, bounded below. At the origin the gradient vanishes and the curvatures are 1 and -1.
    After Dauphin et al., "Identifying and attacking the saddle point problem in high-dimensional non-convex
    optimization", NeurIPS 2014.
    """
    square = x[1] * x[1]
    return 0.5 * (x[0] * x[0] - square) + 0.25 * square * square


@saddle.gradient
def _(x, out):
    out[0] = x[0]
    out[1] = x[1] * x[1] * x[1] - x[1]


@saddle.hessian
def _(x, out):
    out[0, 0] = 1.0
    out[0, 1] = out[1, 0] = 0.0
    out[1, 1] = 3.0 * x[1] * x[1] - 1.0
