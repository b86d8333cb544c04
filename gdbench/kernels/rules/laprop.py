"""LaProp: gradients are divided by their running size first, and averaged afterwards.

run = gdbench.run({"problem": {"digits": {"kind": "mlp", "dataset": "digits"}}, "rule": {"laprop": {"lr": 4e-4}}})
"""

import math

from gdbench.kernels.arithmetic.elementary import one_minus_power
from gdbench.kernels.arithmetic.quotient import quotient
from gdbench.kernels.rules.contract import rule


@rule(slots=("m", "v"), lr=4e-4, beta1=0.9, beta2=0.999, eps=1e-15, weight_decay=0.0)
def laprop(p, g, m, v, c):
    """LaProp (Ziyin, Wang and Ueda, LaProp: Separating Momentum and Adaptivity in Adam, 2020, algorithm 1).

    p = p - lr weight_decay p
    v = beta2 v + (1 - beta2) g^2
    m = beta1 m + (1 - beta1) g / (sqrt(v) / sqrt(1 - beta2^t) + eps)
    p = p - lr / (1 - beta1^t) m

    Adam averages first and divides afterwards, so that an old gradient is divided by a newer size. Defaults are the
    paper's. weight_decay is decoupled, as in AdamW. The authors' code multiplies each gradient by the lr of its own
    step before it averages; this is the same while lr is constant. It does not multiply its weight decay by lr.
    """
    p = p - c.decay * p
    v = c.beta2 * v + c.one_minus_beta2 * (g * g)
    m = c.beta1 * m + c.one_minus_beta1 * (g / (quotient(math.sqrt(v), c.root) + c.eps))
    return p - c.step * m, m, v


@laprop.coefficients("one_minus_beta1", "one_minus_beta2", "step", "root", "decay")
def _(t, lr, beta1, beta2, eps, weight_decay):
    root = math.sqrt(one_minus_power(beta2, t))
    return 1.0 - beta1, 1.0 - beta2, lr / one_minus_power(beta1, t), root, lr * weight_decay
