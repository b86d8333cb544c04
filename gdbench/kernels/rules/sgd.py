"""Gradient descent, stochastic or not according to the batch size.

run = gdbench.run({"problem": {"digits": {"kind": "mlp", "dataset": "digits"}}, "rule": {"sgd": {"lr": 0.1}}})
"""

from gdbench.kernels.rules.contract import rule


@rule(lr=1e-3, weight_decay=0.0)
def sgd(p, g, c):
    """Gradient descent (Cauchy 1847; with noisy gradients Robbins and Monro, Annals of Mathematical Statistics 1951).

    g = g + weight_decay p
    p = p - lr g

    Defaults are those of torch.optim.SGD.
    """
    return p - c.lr * (g + c.weight_decay * p)
