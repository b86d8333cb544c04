"""Small networks on random data, of every activation, loss and depth: one table for all tests of the kernels."""

import numpy as np

from gdbench.kernels import MLP, Samples
from gdbench.kernels.networks.activations import ACTIVATIONS
from gdbench.kernels.networks.losses import LOSSES

HIDDEN = ((), (5,), (7, 3), (4, 6, 5))
# (activation, loss, hidden, l2); without a hidden layer the activation is not used, so one stands for all.
CASES = [
    (activation, loss, hidden, 0.1 if len(hidden) % 2 else 0.0)
    for activation in ACTIVATIONS
    for loss in LOSSES
    for hidden in HIDDEN
    if hidden or activation == "tanh"
]


def make(dtype="float64", *, n=40, hidden=(5,), activation="relu", loss="cross-entropy", l2=0.0, **options):
    """An MLP on 6 random features with 4 classes or targets."""
    rng = np.random.default_rng(7)

    def samples(count):
        x, labels = rng.normal(size=(count, 6)).astype(dtype), rng.integers(0, 4, count)
        if not LOSSES[loss].classes:
            return Samples(x, np.zeros(0, np.int64), rng.normal(size=(count, 4)).astype(dtype))
        return Samples(x, labels, np.eye(4, dtype=dtype)[labels[:0] if LOSSES[loss].by_label else labels])

    splits = [samples(n), samples(9), samples(11)]
    return MLP(
        splits, 4, hidden=hidden, activation=activation, loss=loss, l2=l2, init="he-normal", dtype=dtype, **options
    )


def numbers(cases, n, hessians, dtypes=("float32", "float64")):
    """For each case in each dtype, loss, gradient, product and, if asked, Hessian as one list."""
    found = {}
    for dtype in dtypes:
        for activation, loss, hidden, l2 in cases:
            problem = make(dtype, n=n, activation=activation, loss=loss, hidden=hidden, l2=l2)
            theta = problem.initial(0)
            gradient = problem.gradient(theta)
            parts = [[problem.loss(theta)], gradient, problem.product(theta, gradient)]
            parts += [problem.hessian(theta).ravel()] if hessians else []
            found[f"{dtype} {activation} {loss} {hidden}"] = np.concatenate(parts).astype(float).tolist()
    return found
