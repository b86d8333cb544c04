"""An axis-aligned quadratic of any dimension and condition number.

descent = gdbench.minimize(("quadratic", {"condition": 10.0}), [1.0, 1.0], "sgd", lr=0.1, steps=100)
"""

from gdbench.kernels.arithmetic.elementary import exp64, log64
from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.functions.contract import function


@inlined
def _eigenvalue(i, n, condition):
    """Eigenvalue i of n: from 1 to `condition` by equal factors, both ends exact."""
    if i == 0:
        return 1.0
    return condition if i == n - 1 else exp64(log64(condition) * (i / (n - 1)))


@function(least=1, start=(1.0,), minimisers=((0.0,),), positive=("condition",), condition=100.0)
def quadratic(x, c):
    """f(x) = 1/2 sum_i lambda_i x_i^2, eigenvalues geometric from 1 to `condition`.

    The convergence rates of gradient descent are proved for it: Nesterov, "Introductory lectures on convex
    optimization" (2004), and Polyak (1964). In one dimension the eigenvalue is 1.
    """
    total = 0.0
    for i in range(x.size):
        total += _eigenvalue(i, x.size, c.condition) * (x[i] * x[i])
    return 0.5 * total


@quadratic.gradient
def _(x, c, out):
    for i in range(x.size):
        out[i] = _eigenvalue(i, x.size, c.condition) * x[i]


@quadratic.hessian
def _(x, c, out):
    out[:] = 0.0
    for i in range(x.size):
        out[i, i] = _eigenvalue(i, x.size, c.condition)
