"""RMSProp: Adagrad with a running mean in place of the sum.

run = gdbench.run({"problem": {"digits": {"kind": "mlp", "dataset": "digits"}}, "rule": {"rmsprop": {"lr": 1e-3}}})
"""

import math

from gdbench.kernels.rules.contract import rule


@rule(slots=("s", "a", "v"), lr=1e-2, rho=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False)
def rmsprop(p, g, s, a, v, c):
    """RMSProp (Hinton, Coursera lecture 6e, 2012); centred and with momentum as in Graves, arXiv:1308.0850, 2013.

    g = g + weight_decay p
    s = rho s + (1 - rho) g^2
    a = rho a + (1 - rho) g
    v = momentum v + g / (sqrt(s) + eps), or, when centered, g / (sqrt(s - a^2) + eps)
    p = p - lr v

    Defaults are those of torch.optim.RMSprop, whose alpha is rho here. eps is added outside the root, as there. If
    gradients hardly change, s - a^2 may round below zero and the trial diverges, as there.
    """
    g = g + c.weight_decay * p
    s = c.rho * s + c.one_minus_rho * (g * g)
    a = c.rho * a + c.one_minus_rho * g
    variance = s - a * a if c.centered else s
    v = c.momentum * v + g / (math.sqrt(variance) + c.eps)
    return p - c.lr * v, s, a, v


@rmsprop.coefficients("one_minus_rho")
def _(t, lr, rho, eps, weight_decay, momentum, centered):
    return (1.0 - rho,)
