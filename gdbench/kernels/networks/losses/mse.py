"""mse: the mean over the outputs of (z - y)^2, no 1/2.

problem = gdbench.problem({"kind": "mlp", "dataset": "diabetes", "loss": "mse"})
"""

import math

from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.networks.losses.contract import Loss, scaled


@inlined
def _values(z, labels, targets, order, first, scratch, out):
    rows, outputs = z.shape
    for i in range(rows):
        row, total = order[first + i], z.dtype.type(0)
        for j in range(outputs):
            total += (z[i, j] - targets[row, j]) * (z[i, j] - targets[row, j])
        out[first + i] = total / z.dtype.type(outputs)


@inlined
def _gradient(z, labels, targets, order, first, scale, d):
    rows, outputs = z.shape
    factor = scale * (z.dtype.type(2) / z.dtype.type(outputs))
    for i in range(rows):
        row = order[first + i]
        for j in range(outputs):
            d[i, j] = factor * (z[i, j] - targets[row, j])


@inlined
def _hessian(z, targets, order, first, scale, h):
    h[:] = scale * (z.dtype.type(2) / z.dtype.type(z.shape[1]))


def _within(loss, target):
    """sqrt(loss) / 2 - target: the squares are at most loss / 4."""
    return math.sqrt(loss) / 2 - target


MSE = Loss("mse", "(z - y)^2, mean over samples and outputs", _values, _gradient, _hessian, scaled, _within)
