"""What a network is charged for its outputs z, one value a sample, and the derivative.

cross-entropy  log(sum_j exp(z_j)) - z_label: softmax and the negative log-likelihood in one
mse            mean over the outputs of (z - y)^2, no 1/2

The loss of a batch is the mean over its samples.
"""

from gdbench.kernels.elementary import exp, log
from gdbench.kernels.jit import inlined

CROSS_ENTROPY, MSE = 0, 1
LOSSES = {"cross-entropy": CROSS_ENTROPY, "mse": MSE}
FORMULAS = {
    "cross-entropy": "log(sum_j exp(z_j)) - z_label, mean over the samples",
    "mse": "(z - y)^2, mean over samples and outputs",
}


@inlined
def _shifted_exp(z, out):
    """out = exp(z - the row's greatest element): no overflow, and the same softmax."""
    for i in range(z.shape[0]):
        top = z[i, 0]
        for j in range(1, z.shape[1]):
            top = z[i, j] if z[i, j] > top else top
        for j in range(z.shape[1]):
            out[i, j] = z[i, j] - top
    flat = out.reshape(out.size)
    for i in range(flat.size):
        flat[i] = exp(flat[i])


@inlined
def loss_gradient(loss, z, labels, targets, order, first, scale, d):
    """d = scale times the derivative of each sample's loss with respect to its outputs.

    z and d are (rows x outputs); sample i of the block is row order[first + i] of labels or targets.
    """
    rows, outputs = z.shape
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
    else:
        factor = scale * (z.dtype.type(2) / z.dtype.type(outputs))
        for i in range(rows):
            row = order[first + i]
            for j in range(outputs):
                d[i, j] = factor * (z[i, j] - targets[row, j])


@inlined
def loss_values(loss, z, labels, targets, order, first, scratch, values, scores):
    """Each sample's loss into values, and its score into scores, at first, first + 1, ...

    The score is 1 or 0 for a right or wrong label (the first of equal outputs wins; a NaN is wrong), and the sum of
    squared errors where there are no labels. scratch is (rows x outputs).
    """
    rows, outputs = z.shape
    zero, one = z.dtype.type(0), z.dtype.type(1)
    if loss == CROSS_ENTROPY:
        _shifted_exp(z, scratch)
    for i in range(rows):
        row = order[first + i]
        squared = zero
        if targets.shape[0] > 0:
            for j in range(outputs):
                squared += (z[i, j] - targets[row, j]) * (z[i, j] - targets[row, j])
        best = 0
        for j in range(1, outputs):
            best = j if z[i, j] > z[i, best] else best
        if loss == CROSS_ENTROPY:
            total = zero
            for j in range(outputs):
                total += scratch[i, j]
            values[first + i] = log(total) - (z[i, labels[row]] - z[i, best])
        else:
            values[first + i] = squared / z.dtype.type(outputs)
        if labels.size > 0:
            scores[first + i] = one if best == labels[row] and z[i, best] == z[i, best] else zero
        else:
            scores[first + i] = squared
