"""All losses, and the functions that apply the loss of a given number.

    loss_gradient(network.loss, z, labels, targets, order, first, scale, d)

The loss of a batch is the mean over its samples. A loss is one file and one entry of `_LOSSES`, and its number is its
index there. A network's loops are compiled once for all losses.
"""

from gdbench.kernels.arithmetic.intrinsics import vector
from gdbench.kernels.compile.jit import inlined, one_of
from gdbench.kernels.networks.losses.binary_cross_entropy import BINARY_CROSS_ENTROPY
from gdbench.kernels.networks.losses.contract import Loss
from gdbench.kernels.networks.losses.cross_entropy import CROSS_ENTROPY
from gdbench.kernels.networks.losses.huber import HUBER
from gdbench.kernels.networks.losses.mse import MSE

_LOSSES = (CROSS_ENTROPY, BINARY_CROSS_ENTROPY, MSE, HUBER)
LOSSES: dict[str, Loss] = {loss.name: loss for loss in _LOSSES}
NUMBERS = {name: number for number, name in enumerate(LOSSES)}

loss_gradient = one_of([loss.gradient for loss in _LOSSES])
loss_hessian = one_of([loss.hessian for loss in _LOSSES])
loss_hvp = one_of([loss.hvp for loss in _LOSSES])
loss_values = one_of([loss.values for loss in _LOSSES])


def output_count(loss: str, columns: int) -> int:
    """The number of a network's outputs for `columns` classes or targets."""
    return 1 if LOSSES[loss].logit and columns == 2 else columns


@inlined
def score_values(z, labels, targets, order, first, scratch, scores):
    """Write each sample's score to scores, at first, first + 1, ...; scratch: a matrix of z's shape.

    With labels it is 1 for the right class, else 0. The first of equal outputs wins, a single output above 0 means
    class 1, and a NaN is wrong. Without labels it is the sum of squared errors.
    """
    rows, outputs = z.shape
    number, here = z.dtype.type, vector(scores, first, z.shape[0])
    if labels.size > 0:
        # The loops over samples are the inner ones, so that they fill vectors where z is transposed (`_measure`).
        for i in range(rows):
            scratch[i, 0] = z[i, 0]
            here[i] = number(0) if outputs > 1 or not z[i, 0] > number(0) else number(1)
        for j in range(1, outputs):
            for i in range(rows):
                greater = z[i, j] > scratch[i, 0]
                here[i] = number(j) if greater else here[i]
                scratch[i, 0] = z[i, j] if greater else scratch[i, 0]
        for i in range(rows):
            right = here[i] == number(labels[order[first + i]]) and scratch[i, 0] == scratch[i, 0]
            here[i] = number(1) if right else number(0)
    else:
        for i in range(rows):
            here[i] = number(0)
        for j in range(outputs):
            for i in range(rows):
                difference = z[i, j] - targets[order[first + i], j]
                here[i] += difference * difference
