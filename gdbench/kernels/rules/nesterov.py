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

    As torch.optim.SGD(nesterov=True) has it; p is the look-ahead point, where the gradient is taken. Defaults are
    PyTorch's; momentum 0.9, which PyTorch leaves at 0, is the value its documentation uses.
    """
    g = g + c.weight_decay * p
    v = c.momentum * v + g
    return p - c.lr * (g + c.momentum * v), v
