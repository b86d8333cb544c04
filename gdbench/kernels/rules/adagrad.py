"""Adagrad: every parameter's step shrinks with the gradients that it has seen.

run = gdbench.run({"problem": {"digits": {"kind": "mlp", "dataset": "digits"}}, "rule": {"adagrad": {"lr": 0.1}}})
"""

import math

from gdbench.kernels.rules.contract import rule


@rule(slots=("s",), lr=1e-2, eps=1e-10, weight_decay=0.0)
def adagrad(p, g, s, c):
    """Adagrad (Duchi, Hazan, Singer, JMLR 12, 2011).

    g = g + weight_decay p
    s = s + g^2
    p = p - lr g / (sqrt(s) + eps)

    Defaults are those of torch.optim.Adagrad.
    """
    g = g + c.weight_decay * p
    s = s + g * g
    return p - c.lr * g / (math.sqrt(s) + c.eps), s
