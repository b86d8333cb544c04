"""binary-cross-entropy: the mean over the outputs of max(z, 0) - y z + log(1 + exp(-|z|)).

    problem = gdbench.problem({"kind": "mlp", "dataset": "breast-cancer", "loss": "binary-cross-entropy"})

z is a logit and y is 0 or 1. Two classes have one output, the logit of class 1. More classes have one output each, one
against the rest. The formula is -y log(p) - (1 - y) log(1 - p) for the logistic p of z, written so that nothing
overflows, as in PyTorch's `binary_cross_entropy_with_logits`.
"""

from gdbench.kernels.arithmetic.elementary import exp, log1p
from gdbench.kernels.arithmetic.intrinsics import vector
from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.networks.losses.contract import Loss, scaled


@inlined
def _logistic(z, out):
    """out = 1 / (1 + exp(-z)), each element."""
    one = z.dtype.type(1)
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            out[i, j] = one / (one + exp(-z[i, j]))


@inlined
def _values(z, labels, targets, order, first, scratch, out):
    rows, outputs = z.shape
    zero = z.dtype.type(0)
    # The loops over samples are the inner ones, so that they fill vectors where z is transposed (networks/passes.py).
    # The logarithms have a loop of their own, since one that indexes by `order` does not.
    for j in range(outputs):
        for i in range(rows):
            scratch[i, j] = log1p(exp(-abs(z[i, j])))
    here = vector(out, first, rows)
    for i in range(rows):
        here[i] = zero
    for j in range(outputs):
        for i in range(rows):
            positive = z[i, j] if z[i, j] > zero else zero
            here[i] += scratch[i, j] + (positive - targets[order[first + i], j] * z[i, j])
    for i in range(rows):
        here[i] /= z.dtype.type(outputs)


@inlined
def _gradient(z, labels, targets, order, first, scale, d):
    rows, outputs = z.shape
    share = scale / z.dtype.type(outputs)
    _logistic(z, d)
    for i in range(rows):
        row = order[first + i]
        for j in range(outputs):
            d[i, j] = share * (d[i, j] - targets[row, j])


@inlined
def _hessian(z, targets, order, first, scale, h):
    rows, outputs = z.shape
    one, share = z.dtype.type(1), scale / z.dtype.type(outputs)
    _logistic(z, h)
    for i in range(rows):
        for j in range(outputs):
            h[i, j] = share * (h[i, j] * (one - h[i, j]))


def _within(loss, target):
    """loss / 4: the loss is at most twice the largest |z|, and log(2)."""
    return loss / 4


BINARY_CROSS_ENTROPY = Loss(
    "binary-cross-entropy",
    "max(z, 0) - y z + log(1 + exp(-|z|)), mean over samples and outputs",
    _values,
    _gradient,
    _hessian,
    scaled,
    _within,
    classes=True,
    logit=True,
)
