"""huber: the mean over the outputs of (z - y)^2 / 2 where |z - y| < 1, else |z - y| - 1/2.

    problem = gdbench.problem({"kind": "mlp", "dataset": "diabetes", "loss": "huber"})

Huber, Annals of Mathematical Statistics 35 (1964), with delta = 1 as in PyTorch.
"""

from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.networks.losses.contract import Loss, scaled


@inlined
def _values(z, labels, targets, order, first, scratch, out):
    rows, outputs = z.shape
    one, half = z.dtype.type(1), z.dtype.type(0.5)
    for i in range(rows):
        row, total = order[first + i], z.dtype.type(0)
        for j in range(outputs):
            error = abs(z[i, j] - targets[row, j])
            total += half * error * error if error < one else error - half
        out[first + i] = total / z.dtype.type(outputs)


@inlined
def _gradient(z, labels, targets, order, first, scale, d):
    rows, outputs = z.shape
    one, share = z.dtype.type(1), scale / z.dtype.type(outputs)
    for i in range(rows):
        row = order[first + i]
        for j in range(outputs):
            error = z[i, j] - targets[row, j]
            error = -one if error < -one else error
            d[i, j] = share * (one if error > one else error)


@inlined
def _hessian(z, targets, order, first, scale, h):
    """h = scale / outputs inside the parabola, and 0 from its kink on."""
    rows, outputs = z.shape
    zero, one, share = z.dtype.type(0), z.dtype.type(1), scale / z.dtype.type(outputs)
    for i in range(rows):
        row = order[first + i]
        for j in range(outputs):
            h[i, j] = zero if abs(z[i, j] - targets[row, j]) >= one else share


def _within(loss, target):
    """loss / 2 - target: |z - y| is at most loss / 2."""
    return loss / 2 - target


HUBER = Loss(
    "huber",
    "(z - y)^2 / 2, or |z - y| - 1/2 from |z - y| = 1 on, mean over samples and outputs",
    _values,
    _gradient,
    _hessian,
    scaled,
    _within,
)
