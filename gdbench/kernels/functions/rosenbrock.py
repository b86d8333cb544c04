"""Rosenbrock's curved valley.

descent = gdbench.minimize("rosenbrock", [-1.2, 1.0], "newton-damped", steps=50)
"""

from gdbench.kernels.functions.contract import function


@function(least=2, domain=(-2.5, 2.5), start=(-1.2, 1.0), minimisers=((1.0,),), b=100.0)
def rosenbrock(x, c):
    """f(x) = sum_i b (x_(i+1) - x_i^2)^2 + (1 - x_i)^2.

    Rosenbrock, "An automatic method for finding the greatest or least value of a function", Computer Journal 3 (1960),
    with his b = 100 and start (-1.2, 1). The sum over neighbours is the usual form in more dimensions. From four
    dimensions on, a second minimum lies near (-1, 1, ..., 1).
    """
    total = 0.0
    for i in range(x.size - 1):
        rise = x[i + 1] - x[i] * x[i]
        total += c.b * (rise * rise) + (1.0 - x[i]) * (1.0 - x[i])
    return total


@rosenbrock.gradient
def _(x, c, out):
    out[:] = 0.0
    for i in range(x.size - 1):
        rise = x[i + 1] - x[i] * x[i]
        out[i] -= 4.0 * c.b * (rise * x[i]) + 2.0 * (1.0 - x[i])
        out[i + 1] += 2.0 * c.b * rise


@rosenbrock.hessian
def _(x, c, out):
    out[:] = 0.0
    for i in range(x.size - 1):
        out[i, i] += c.b * (12.0 * x[i] * x[i] - 4.0 * x[i + 1]) + 2.0
        out[i + 1, i + 1] += 2.0 * c.b
        out[i, i + 1] = out[i + 1, i] = -4.0 * c.b * x[i]
