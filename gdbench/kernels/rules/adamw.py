"""AdamW: Adam whose weight decay is decoupled from the gradient.

run = gdbench.run({"problem": {"digits": {"kind": "mlp", "dataset": "digits"}}, "rule": {"adamw": {"lr": 1e-3}}})
"""

import math

from gdbench.kernels.arithmetic.quotient import quotient
from gdbench.kernels.rules.adam import CORRECTED, corrected
from gdbench.kernels.rules.contract import rule


@rule(slots=("m", "v"), lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2, bias_correction=True)
def adamw(p, g, m, v, c):
    """AdamW (Loshchilov and Hutter, ICLR 2019, algorithm 2).

    p = p - lr weight_decay p
    m = beta1 m + (1 - beta1) g
    v = beta2 v + (1 - beta2) g^2
    p = p - lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps)

    Only the first line differs from Adam. Defaults are those of torch.optim.AdamW: Adam's, but weight_decay 0.01. The
    decay is multiplied by lr as there; the paper gives it a schedule of its own.
    """
    p = p - c.decay * p
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * (g * g)
    return p - c.step * m / (quotient(math.sqrt(v), c.root) + c.eps), m, v


@adamw.coefficients(*CORRECTED, "decay")
def _(t, lr, beta1, beta2, eps, weight_decay, bias_correction):
    return *corrected(t, lr, beta1, beta2, bias_correction), lr * weight_decay
