"""cross-entropy: log(sum_j exp(z_j)) - z_label, softmax and the negative log-likelihood in one.

    problem = gdbench.problem({"kind": "mlp", "dataset": "iris", "loss": "cross-entropy"})

Each row's greatest element is subtracted before exp, so that nothing overflows. It cancels in every quotient.
"""

from gdbench.kernels.arithmetic.elementary import exp, log
from gdbench.kernels.arithmetic.intrinsics import vector
from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.networks.losses.contract import Loss


@inlined
def _shifted_exp(z, out):
    """out = exp(z - the row's greatest element)."""
    for i in range(z.shape[0]):
        top = z[i, 0]
        for j in range(1, z.shape[1]):
            top = z[i, j] if z[i, j] > top else top
        for j in range(z.shape[1]):
            out[i, j] = z[i, j] - top
    # One loop over all elements fills the vector registers for any number of outputs.
    flat = vector(out, 0, out.size)
    for i in range(flat.size):
        flat[i] = exp(flat[i])


@inlined
def _values(z, labels, targets, order, first, scratch, out):
    # The loops over samples are the inner ones, so that they fill vectors where z is transposed (networks/passes.py).
    rows, outputs = z.shape
    here = vector(out, first, rows)
    for i in range(rows):
        here[i] = z[i, 0]
    for j in range(1, outputs):
        for i in range(rows):
            here[i] = z[i, j] if z[i, j] > here[i] else here[i]
    for j in range(outputs):
        for i in range(rows):
            scratch[i, j] = exp(z[i, j] - here[i])
    for j in range(1, outputs):
        for i in range(rows):
            scratch[i, 0] += scratch[i, j]
    for i in range(rows):
        here[i] = z[i, labels[order[first + i]]] - here[i]
    for i in range(rows):
        here[i] = log(scratch[i, 0]) - here[i]


@inlined
def _gradient(z, labels, targets, order, first, scale, d):
    rows, outputs = z.shape
    _shifted_exp(z, d)
    for i in range(rows):
        total = z.dtype.type(0)
        for j in range(outputs):
            total += d[i, j]
        factor = scale / total
        for j in range(outputs):
            d[i, j] *= factor
        d[i, labels[order[first + i]]] -= scale


@inlined
def _hessian(z, targets, order, first, scale, h):
    """h = the softmax s of each row: the Hessian is diag(s) - s s^T."""
    _shifted_exp(z, h)
    for i in range(z.shape[0]):
        total = z.dtype.type(0)
        for j in range(z.shape[1]):
            total += h[i, j]
        for j in range(z.shape[1]):
            h[i, j] /= total


@inlined
def _hvp(h, rz, scale, rd):
    rows, outputs = rz.shape
    for i in range(rows):
        mean = rz.dtype.type(0)
        for j in range(outputs):
            mean += h[i, j] * rz[i, j]
        for j in range(outputs):
            rd[i, j] = scale * (h[i, j] * (rz[i, j] - mean))


def _within(loss, target):
    """loss / 4: the loss is at most twice the largest |z|, and the logarithm of the number of classes."""
    return loss / 4


CROSS_ENTROPY = Loss(
    "cross-entropy",
    "log(sum_j exp(z_j)) - z_label, mean over the samples",
    _values,
    _gradient,
    _hessian,
    _hvp,
    _within,
    classes=True,
    by_label=True,
)
