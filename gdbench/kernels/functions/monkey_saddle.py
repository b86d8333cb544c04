"""The monkey saddle, with room for two legs and a tail: at the origin all second derivatives vanish as well.

descent = gdbench.minimize("monkey-saddle", [0.5, 0.3], "newton-damped", steps=50)
"""

from gdbench.kernels.functions.contract import function

_HALF_ROOT3 = 0.8660254037844386


@function(
    domain=(-1.5, 1.5),
    start=(0.9, 0.01),
    minimisers=((-1.0, 0.0), (0.5, _HALF_ROOT3), (0.5, -_HALF_ROOT3)),
    saddles=((0.0, 0.0),),
)
def monkey_saddle(x):
    """f(x, y) = x^3 - 3 x y^2 + 3/4 (x^2 + y^2)^2.

    The surface of Hilbert and Cohn-Vossen, "Anschauliche Geometrie" (1932), section 29; the last term bounds it below,
    with minima of -1/4 at distance 1 in the three directions that go down.
    """
    square = x[0] * x[0] + x[1] * x[1]
    return x[0] * x[0] * x[0] - 3.0 * x[0] * x[1] * x[1] + 0.75 * square * square


@monkey_saddle.gradient
def _(x, out):
    square = x[0] * x[0] + x[1] * x[1]
    out[0] = 3.0 * (x[0] * x[0] - x[1] * x[1]) + 3.0 * square * x[0]
    out[1] = -6.0 * x[0] * x[1] + 3.0 * square * x[1]


@monkey_saddle.hessian
def _(x, out):
    square = x[0] * x[0] + x[1] * x[1]
    out[0, 0] = 6.0 * x[0] + 3.0 * square + 6.0 * x[0] * x[0]
    out[0, 1] = out[1, 0] = -6.0 * x[1] + 6.0 * x[0] * x[1]
    out[1, 1] = -6.0 * x[0] + 3.0 * square + 6.0 * x[1] * x[1]
