"""Nesterov's momentum: the velocity looks one step ahead.

run = gdbench.run({"problem": {"digits": {"kind": "mlp", "dataset": "digits"}}, "rule": {"nesterov": {"lr": 0.01}}})
"""

from gdbench.kernels.rules.contract import rule


@rule(slots=("v",), lr=1e-3, momentum=0.9, weight_decay=0.0)
def nesterov(p, g, v, c):
    """Nesterov's accelerated gradient (Doklady AN SSSR 1983), in the form of Sutskever et al. (ICML 2013).

    g = g + weight_decay p
    v = momentum v + g
    p = p - lr (g + momentum v)

    This is torch.optim.SGD(nesterov=True); p is the look-ahead point, where the gradient is taken. Defaults are
    PyTorch's, except momentum: 0.9 is from PyTorch's documentation, its default is 0.
    """
    g = g + c.weight_decay * p
    v = c.momentum * v + g
    return p - c.lr * (g + c.momentum * v), v
