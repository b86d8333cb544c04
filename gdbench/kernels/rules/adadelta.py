"""Adadelta: RMSProp whose steps have the unit of the parameters.

run = gdbench.run({"problem": {"digits": {"kind": "mlp", "dataset": "digits"}}, "rule": {"adadelta": {"lr": 1.0}}})
"""

import math

from gdbench.kernels.rules.contract import rule


@rule(slots=("s", "d"), lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.0)
def adadelta(p, g, s, d, c):
    """Adadelta (Zeiler, arXiv:1212.5701, 2012).

    g = g + weight_decay p
    s = rho s + (1 - rho) g^2
    step = sqrt(d + eps) / sqrt(s + eps) g
    d = rho d + (1 - rho) step^2
    p = p - lr step

    Defaults are those of torch.optim.Adadelta: rho 0.9 and eps 1e-6 are values of the paper's experiments. The paper
    has no lr, so lr is 1. eps is inside both roots, and its size decides how long the first steps are.
    """
    g = g + c.weight_decay * p
    s = c.rho * s + c.one_minus_rho * (g * g)
    step = math.sqrt(d + c.eps) / math.sqrt(s + c.eps) * g
    d = c.rho * d + c.one_minus_rho * (step * step)
    return p - c.lr * step, s, d


@adadelta.coefficients("one_minus_rho")
def _(t, lr, rho, eps, weight_decay):
    return (1.0 - rho,)
