"""Adam: momentum over RMSProp, both corrected for starting at zero.

run = gdbench.run({"problem": {"digits": {"kind": "mlp", "dataset": "digits"}}, "rule": {"adam": {"lr": 1e-3}}})
"""

import math

from gdbench.kernels.arithmetic.elementary import one_minus_power
from gdbench.kernels.arithmetic.quotient import quotient
from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.rules.contract import rule

# The derived coefficients of adam, adamw and amsgrad, in the order of `corrected`.
CORRECTED = ("one_minus_beta1", "one_minus_beta2", "step", "root")


@inlined
def corrected(t, lr, beta1, beta2, bias_correction):
    """1 - beta1, 1 - beta2, lr / (1 - beta1^t), sqrt(1 - beta2^t); without bias_correction both 1 - beta^t are 1."""
    correction1 = one_minus_power(beta1, t) if bias_correction else 1.0
    correction2 = one_minus_power(beta2, t) if bias_correction else 1.0
    return 1.0 - beta1, 1.0 - beta2, lr / correction1, math.sqrt(correction2)


@rule(slots=("m", "v"), lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0, bias_correction=True)
def adam(p, g, m, v, c):
    """Adam (Kingma and Ba, ICLR 2015, algorithm 1).

    g = g + weight_decay p
    m = beta1 m + (1 - beta1) g
    v = beta2 v + (1 - beta2) g^2
    p = p - lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)

    Without bias_correction both 1 - beta^t are 1. Defaults are those of torch.optim.Adam, which are the paper's. eps is
    added to the corrected root, as there.
    """
    g = g + c.weight_decay * p
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * (g * g)
    return p - c.step * m / (quotient(math.sqrt(v), c.root) + c.eps), m, v


@adam.coefficients(*CORRECTED)
def _(t, lr, beta1, beta2, eps, weight_decay, bias_correction):
    return corrected(t, lr, beta1, beta2, bias_correction)
