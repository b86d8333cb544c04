"""Himmelblau's function: four minima; the start decides which one is found.

descent = gdbench.minimize("himmelblau", [0.0, 0.0], "sgd", lr=0.01, steps=200)
"""

from gdbench.kernels.functions.contract import function


@function(
    start=(0.0, 0.0),
    minimisers=(
        (3.0, 2.0),
        (-2.8051180869527448, 3.1313125182505730),
        (-3.7793102533777469, -3.2831859912861694),
        (3.5844283403304917, -1.8481265269644034),
    ),
    saddles=(
        (-3.0730257514000450, -0.0813529560024044),
        (-0.1279613467306852, -1.9537149802445158),
        (0.0866775045645510, 2.8842547014116450),
        (3.3851541838400520, 0.0738518786530028),
    ),
)
def himmelblau(x):
    """f(x, y) = (x^2 + y - 11)^2 + (x + y^2 - 7)^2.

    Himmelblau, "Applied nonlinear programming" (1972).
    """
    a = x[0] * x[0] + x[1] - 11.0
    b = x[0] + x[1] * x[1] - 7.0
    return a * a + b * b


@himmelblau.gradient
def _(x, out):
    a = x[0] * x[0] + x[1] - 11.0
    b = x[0] + x[1] * x[1] - 7.0
    out[0] = 4.0 * x[0] * a + 2.0 * b
    out[1] = 2.0 * a + 4.0 * x[1] * b


@himmelblau.hessian
def _(x, out):
    out[0, 0] = 12.0 * x[0] * x[0] + 4.0 * x[1] - 42.0
    out[0, 1] = out[1, 0] = 4.0 * (x[0] + x[1])
    out[1, 1] = 12.0 * x[1] * x[1] + 4.0 * x[0] - 26.0
