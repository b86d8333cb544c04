"""Newton's method without safeguards: it goes to a stationary point nearby, be it a minimum, a saddle or a maximum.

descent = gdbench.minimize("booth", [0.0, 0.0], "newton", steps=1)
"""

from gdbench.kernels.arithmetic.linear import solve
from gdbench.kernels.directions.contract import direction


@direction(lr=1.0, dense=True)
def newton(objective, x, c, memory):
    """Newton's method (Newton 1669, Raphson 1690, Simpson 1740).

    x = x - lr H^-1 g

    lr 1 solves every quadratic in one step. Stalls where H is singular.
    """
    step = solve(objective.hessian(x), objective.gradient(x))
    return None if step is None else x - c.lr * step
