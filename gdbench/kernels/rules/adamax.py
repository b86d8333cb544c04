"""Adamax: Adam with the largest gradient in place of the root of squares.

run = gdbench.run({"problem": {"digits": {"kind": "mlp", "dataset": "digits"}}, "rule": {"adamax": {"lr": 2e-3}}})
"""

from gdbench.kernels.arithmetic.elementary import one_minus_power
from gdbench.kernels.rules.contract import rule


@rule(slots=("m", "u"), lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0)
def adamax(p, g, m, u, c):
    """Adamax (Kingma and Ba, ICLR 2015, algorithm 2).

    g = g + weight_decay p
    m = beta1 m + (1 - beta1) g
    u = max(beta2 u, |g| + eps)
    p = p - lr / (1 - beta1^t) m / u

    Defaults are those of torch.optim.Adamax; lr and both betas are the paper's. The paper has no eps; it is added where
    PyTorch adds it.
    """
    g = g + c.weight_decay * p
    m = c.beta1 * m + c.one_minus_beta1 * g
    faded, size = c.beta2 * u, abs(g) + c.eps
    u = faded if faded > size else size  # a NaN in size stays
    return p - c.step * m / u, m, u


@adamax.coefficients("one_minus_beta1", "step")
def _(t, lr, beta1, beta2, eps, weight_decay):
    return 1.0 - beta1, lr / one_minus_power(beta1, t)
