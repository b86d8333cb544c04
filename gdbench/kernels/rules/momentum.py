"""Gradient descent with a velocity, the heavy ball.

run = gdbench.run({"problem": {"digits": {"kind": "mlp", "dataset": "digits"}}, "rule": {"momentum": {"lr": 0.01}}})
"""

from gdbench.kernels.rules.contract import rule


@rule(slots=("v",), lr=1e-3, momentum=0.9, weight_decay=0.0)
def momentum(p, g, v, c):
    """Heavy ball (Polyak, USSR Computational Mathematics and Mathematical Physics 1964).

    g = g + weight_decay p
    v = momentum v + g
    p = p - lr v

    As in torch.optim.SGD, lr multiplies the velocity when it is used, not the gradient when it is stored. Defaults are
    PyTorch's, except momentum: 0.9 is from PyTorch's documentation, its default is 0.
    """
    v = c.momentum * v + (g + c.weight_decay * p)
    return p - c.lr * v, v
