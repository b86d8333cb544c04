"""RAdam: Adam that divides by its running mean of squares only once that covers enough steps.

run = gdbench.run({"problem": {"digits": {"kind": "mlp", "dataset": "digits"}}, "rule": {"radam": {"lr": 1e-3}}})
"""

import math

from gdbench.kernels.arithmetic.elementary import exp, log1p, one_minus_power
from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.rules.contract import rule

# The coefficients of coth y - 1 / y = y / 3 - y^3 / 45 + ...
LANGEVIN = (
    1 / 3,
    -1 / 45,
    2 / 945,
    -1 / 4725,
    2 / 93555,
    -1382 / 638512875,
    4 / 18243225,
    -3617 / 162820783125,
    87734 / 38979295480125,
    -349222 / 1531329465290625,
)


@rule(slots=("m", "v"), lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0, rectify_above=5.0)
def radam(p, g, m, v, c):
    """RAdam (Liu et al., ICLR 2020, algorithm 2).

    rho_inf = 2 / (1 - beta2) - 1, rho_t = rho_inf - 2 t beta2^t / (1 - beta2^t)
    r^2 = (rho_t - 4) (rho_t - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho_t)
    g = g + weight_decay p
    m = beta1 m + (1 - beta1) g
    v = beta2 v + (1 - beta2) g^2
    p = p - lr / (1 - beta1^t) m r sqrt(1 - beta2^t) / (sqrt(v) + eps) where rho_t > rectify_above
    p = p - lr / (1 - beta1^t) m elsewhere

    rho_t is computed as t (1 - h(t L / 2)) + h(L / 2), L = -log(beta2), h(y) = coth(y) - 1 / y, where nothing cancels.
    The form above has no digits left if beta2 is nearly 1.

    Defaults are those of torch.optim.RAdam; eps is added to the uncorrected root, as there. With beta2 = 0.999 rho_t is
    3.9975, 4.996 and 5.994 at t = 4, 5 and 6. So PyTorch's rectify_above = 5 rectifies first at t = 6, the paper's 4 at
    t = 5.
    """
    g = g + c.weight_decay * p
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * (g * g)
    return p - c.step * (m / (math.sqrt(v) + c.eps) if c.rectified else m), m, v


@inlined
def _h(y):
    """h = coth(y) - 1 / y, which grows from 0 at 0 to 1 at infinity, and 1 - h."""
    if y >= 0.5:  # below, the difference cancels and the series converges fast
        rest = 1.0 / y - 2.0 / (exp(2.0 * y) - 1.0)
        return 1.0 - rest, rest
    total = 0.0
    for i in range(len(LANGEVIN)):
        total = total * (y * y) + LANGEVIN[len(LANGEVIN) - 1 - i]
    return total * y, 1.0 - total * y


@radam.coefficients("one_minus_beta1", "one_minus_beta2", "rectified", "step")
def _(t, lr, beta1, beta2, eps, weight_decay, rectify_above):
    step, half = lr / one_minus_power(beta1, t), -0.5 * log1p(beta2 - 1.0)
    limit = 2.0 / (1.0 - beta2) - 1.0
    rho = min(t * _h(t * half)[1] + _h(half)[0], limit)  # only rounding could exceed the limit
    rectified = rho > rectify_above
    if rectified:
        squared = (rho - 4.0) * (rho - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * rho)
        step *= math.sqrt(squared * one_minus_power(beta2, t))
    return 1.0 - beta1, 1.0 - beta2, rectified, step
