"""AMSGrad: Adam whose steps are divided by the largest running mean so far.

run = gdbench.run({"problem": {"digits": {"kind": "mlp", "dataset": "digits"}}, "rule": {"amsgrad": {"lr": 1e-3}}})
"""

import math

from gdbench.kernels.arithmetic.quotient import quotient
from gdbench.kernels.rules.adam import CORRECTED, corrected
from gdbench.kernels.rules.contract import rule


@rule(slots=("m", "v", "largest"), lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0, bias_correction=True)
def amsgrad(p, g, m, v, largest, c):
    """AMSGrad (Reddi, Kale and Kumar, ICLR 2018, algorithm 2).

    g = g + weight_decay p
    m = beta1 m + (1 - beta1) g
    v = beta2 v + (1 - beta2) g^2
    largest = max(largest, v)
    p = p - lr / (1 - beta1^t) m / (sqrt(largest) / sqrt(1 - beta2^t) + eps)

    Defaults are those of torch.optim.Adam(amsgrad=True), which takes the maximum before the bias correction. Without
    bias_correction both 1 - beta^t are 1, as in the paper.
    """
    g = g + c.weight_decay * p
    m = c.beta1 * m + c.one_minus_beta1 * g
    v = c.beta2 * v + c.one_minus_beta2 * (g * g)
    largest = largest if largest > v else v  # a NaN in v stays
    return p - c.step * m / (quotient(math.sqrt(largest), c.root) + c.eps), m, v, largest


@amsgrad.coefficients(*CORRECTED)
def _(t, lr, beta1, beta2, eps, weight_decay, bias_correction):
    return corrected(t, lr, beta1, beta2, bias_correction)
