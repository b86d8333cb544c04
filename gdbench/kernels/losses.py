"""What a network is charged for its outputs z, one value a sample, and the first two derivatives.

cross-entropy         log(sum_j exp(z_j)) - z_label: softmax and the negative log-likelihood in one
binary-cross-entropy  mean over the outputs of max(z, 0) - y z + log(1 + exp(-|z|)): an output is the logit of "yes", y
                      is 0 or 1. Two classes have one output, yes to class 1; more have one output each, one against all
mse                   mean over the outputs of (z - y)^2, no 1/2
huber                 mean over the outputs of (z - y)^2 / 2 where |z - y| < 1, else |z - y| - 1/2: Huber, Annals of
                      Mathematical Statistics 35 (1964), with delta = 1 as PyTorch has it

The loss of a batch is the mean over its samples.
"""

from gdbench.kernels.elementary import exp, log, log1p
from gdbench.kernels.intrinsics import vector
from gdbench.kernels.jit import inlined

CROSS_ENTROPY, MSE, BINARY_CROSS_ENTROPY, HUBER = range(4)
LOSSES = {
    "cross-entropy": CROSS_ENTROPY,
    "binary-cross-entropy": BINARY_CROSS_ENTROPY,
    "mse": MSE,
    "huber": HUBER,
}
NEEDS_LABELS = ("cross-entropy", "binary-cross-entropy")  # the others take numbers, and labels as one-hot rows
FORMULAS = {
    "cross-entropy": "log(sum_j exp(z_j)) - z_label, mean over the samples",
    "binary-cross-entropy": "max(z, 0) - y z + log(1 + exp(-|z|)), mean over samples and outputs",
    "mse": "(z - y)^2, mean over samples and outputs",
    "huber": "(z - y)^2 / 2, or |z - y| - 1/2 from |z - y| = 1 on, mean over samples and outputs",
}


def output_count(loss: str, columns: int) -> int:
    """How many outputs a network has for `columns` classes or targets."""
    return 1 if loss == "binary-cross-entropy" and columns == 2 else columns


@inlined
def _shifted_exp(z, out):
    """out = exp(z - the row's greatest element): no overflow, and the same softmax."""
    for i in range(z.shape[0]):
        top = z[i, 0]
        for j in range(1, z.shape[1]):
            top = z[i, j] if z[i, j] > top else top
        for j in range(z.shape[1]):
            out[i, j] = z[i, j] - top
    flat = vector(out, 0, out.size)
    for i in range(flat.size):
        flat[i] = exp(flat[i])


@inlined
def _softmax(z, out):
    """out = the softmax of each row of z."""
    _shifted_exp(z, out)
    for i in range(z.shape[0]):
        total = z.dtype.type(0)
        for j in range(z.shape[1]):
            total += out[i, j]
        for j in range(z.shape[1]):
            out[i, j] /= total


@inlined
def _logistic(z, out):
    """out = 1 / (1 + exp(-z)), each element."""
    one = z.dtype.type(1)
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            out[i, j] = one / (one + exp(-z[i, j]))


@inlined
def loss_gradient(loss, z, labels, targets, order, first, scale, d):
    """d = scale times the derivative of each sample's loss with respect to its outputs.

    z and d are (rows x outputs); sample i of the block is row order[first + i] of labels or targets.
    """
    rows, outputs = z.shape
    one = z.dtype.type(1)
    share = scale / z.dtype.type(outputs)
    if loss == CROSS_ENTROPY:
        _shifted_exp(z, d)
        for i in range(rows):
            total = z.dtype.type(0)
            for j in range(outputs):
                total += d[i, j]
            factor = scale / total
            for j in range(outputs):
                d[i, j] *= factor
            d[i, labels[order[first + i]]] -= scale
    elif loss == MSE:
        factor = scale * (z.dtype.type(2) / z.dtype.type(outputs))
        for i in range(rows):
            row = order[first + i]
            for j in range(outputs):
                d[i, j] = factor * (z[i, j] - targets[row, j])
    elif loss == BINARY_CROSS_ENTROPY:
        _logistic(z, d)
        for i in range(rows):
            row = order[first + i]
            for j in range(outputs):
                d[i, j] = share * (d[i, j] - targets[row, j])
    else:
        for i in range(rows):
            row = order[first + i]
            for j in range(outputs):
                error = z[i, j] - targets[row, j]
                error = -one if error < -one else error
                d[i, j] = share * (one if error > one else error)


@inlined
def loss_bend(loss, z, targets, order, first, scale, h):
    """h = what `loss_turn` takes: the softmax for cross-entropy, else scale times the second derivatives."""
    rows, outputs = z.shape
    zero, one = z.dtype.type(0), z.dtype.type(1)
    share = scale / z.dtype.type(outputs)
    if loss == CROSS_ENTROPY:
        _softmax(z, h)
    elif loss == MSE:
        h[:] = scale * (z.dtype.type(2) / z.dtype.type(outputs))
    elif loss == BINARY_CROSS_ENTROPY:
        _logistic(z, h)
        for i in range(rows):
            for j in range(outputs):
                h[i, j] = share * (h[i, j] * (one - h[i, j]))
    else:
        for i in range(rows):
            row = order[first + i]
            for j in range(outputs):
                h[i, j] = zero if abs(z[i, j] - targets[row, j]) >= one else share


@inlined
def loss_turn(loss, h, rz, scale, rd):
    """rd = how the d of `loss_gradient` changes when z moves along rz; h is from `loss_bend`."""
    rows, outputs = rz.shape
    for i in range(rows):
        if loss == CROSS_ENTROPY:
            mean = rz.dtype.type(0)
            for j in range(outputs):
                mean += h[i, j] * rz[i, j]
            for j in range(outputs):
                rd[i, j] = scale * (h[i, j] * (rz[i, j] - mean))
        else:
            for j in range(outputs):
                rd[i, j] = h[i, j] * rz[i, j]


@inlined
def _charges(loss, z, targets, order, first, out):
    """binary-cross-entropy or huber of each output into out."""
    rows, outputs = z.shape
    zero, one, half = z.dtype.type(0), z.dtype.type(1), z.dtype.type(0.5)
    if loss == BINARY_CROSS_ENTROPY:
        for i in range(rows):
            for j in range(outputs):
                out[i, j] = log1p(exp(-abs(z[i, j])))
        for i in range(rows):
            row = order[first + i]
            for j in range(outputs):
                out[i, j] += (z[i, j] if z[i, j] > zero else zero) - targets[row, j] * z[i, j]
    else:
        for i in range(rows):
            row = order[first + i]
            for j in range(outputs):
                error = abs(z[i, j] - targets[row, j])
                out[i, j] = half * error * error if error < one else error - half


@inlined
def loss_values(loss, z, labels, targets, order, first, scratch, values, scores):
    """Each sample's loss into values, and its score into scores, at first, first + 1, ...

    The score is 1 or 0 for a right or wrong label (the first of equal outputs wins; a single output says 1 when it is
    above 0; a NaN is wrong), and the sum of squared errors where there are no labels. scratch is (rows x outputs).
    """
    rows, outputs = z.shape
    zero, one = z.dtype.type(0), z.dtype.type(1)
    if loss == CROSS_ENTROPY:
        _shifted_exp(z, scratch)
    elif loss != MSE:
        _charges(loss, z, targets, order, first, scratch)
    for i in range(rows):
        row = order[first + i]
        squared = zero
        if targets.shape[0] > 0:
            for j in range(outputs):
                squared += (z[i, j] - targets[row, j]) * (z[i, j] - targets[row, j])
        best = 0
        for j in range(1, outputs):
            best = j if z[i, j] > z[i, best] else best
        if loss == MSE:
            values[first + i] = squared / z.dtype.type(outputs)
        else:
            total = zero
            for j in range(outputs):
                total += scratch[i, j]
            if loss == CROSS_ENTROPY:
                values[first + i] = log(total) - (z[i, labels[row]] - z[i, best])
            else:
                values[first + i] = total / z.dtype.type(outputs)
        if labels.size > 0:
            said = best if outputs > 1 else (1 if z[i, 0] > zero else 0)
            scores[first + i] = one if said == labels[row] and z[i, best] == z[i, best] else zero
        else:
            scores[first + i] = squared
