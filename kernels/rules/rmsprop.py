"""RMSProp: Adagrad that forgets.

run = gdbench.run({"problem": {"digits": {"kind": "mlp", "dataset": "digits"}}, "rule": {"rmsprop": {"lr": 1e-3}}})
"""

import math

from gdbench.kernels.contract import rule


@rule(slots=("s",), lr=1e-2, rho=0.99, eps=1e-8, weight_decay=0.0)
def rmsprop(p, g, s, c):
    """RMSProp (Hinton, Coursera lecture 6e, 2012).

    g = g + weight_decay p
    s = rho s + (1 - rho) g^2
    p = p - lr g / (sqrt(s) + eps)

    Defaults are those of torch.optim.RMSprop, whose alpha is rho here; eps stands outside the root, as there.
    """
    g = g + c.weight_decay * p
    s = c.rho * s + c.one_minus_rho * (g * g)
    return p - c.lr * g / (math.sqrt(s) + c.eps), s


@rmsprop.coefficients("one_minus_rho")
def _(t, lr, rho, eps, weight_decay):
    return (1.0 - rho,)
