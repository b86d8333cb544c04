"""RAdam: Adam that waits until its running mean of squares is long enough to be trusted.

run = gdbench.run({"problem": {"digits": {"kind": "mlp", "dataset": "digits"}}, "rule": {"radam": {"lr": 1e-3}}})
"""

import math

from gdbench.kernels.contract import rule
from gdbench.kernels.elementary import power


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

    Defaults are those of torch.optim.RAdam; eps is added to the uncorrected root, as there. With beta2 = 0.999 rho_t is
    3.9975, 4.996 and 5.994 at t = 4, 5 and 6: PyTorch's rectify_above = 5 rectifies first at t = 6, the paper's 4 at
    t = 5.
    """
    g = g + c.weight_decay * p
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * (g * g)
    return p - c.step * (m / (math.sqrt(v) + c.eps) if c.rectified else m), m, v


@radam.coefficients("one_minus_beta1", "one_minus_beta2", "rectified", "step")
def _(t, lr, beta1, beta2, eps, weight_decay, rectify_above):
    step, decayed = lr / (1.0 - power(beta1, t)), power(beta2, t)
    limit = 2.0 / (1.0 - beta2) - 1.0
    rho = limit - 2.0 * t * decayed / (1.0 - decayed)
    rectified = rho > rectify_above
    if rectified:
        step *= math.sqrt((rho - 4.0) * (rho - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * rho) * (1.0 - decayed))
    return 1.0 - beta1, 1.0 - beta2, rectified, step
