"""The exact Hessian of a network's training objective, and its product with a direction.

The Hessian times v is the derivative of the gradient along v: the R-operator of Pearlmutter, "Fast exact multiplication
by the Hessian", Neural Computation 6 (1994), applied to the forward and the backward pass. V and c are the parts of v
for W and b. Along v a layer's sums z = a W + b change by Rz = Ra W + a V + c, and its results by Ra' = s'(z) Rz. The
derivatives d of the losses by z change by Rd. The gradient a^T d of W changes by Ra^T d + a^T Rd, added sample by
sample.

    problem = gdbench.problem({"kind": "mlp", "dataset": "iris", "hidden": [5]})
    problem.product(theta, direction), problem.hessian(theta)

The second derivative at the kink of relu and of huber is taken as 0.
"""

from gdbench.kernels.arithmetic.intrinsics import matrix, vector
from gdbench.kernels.arithmetic.products import add_column_sums, add_product, biased_product, product
from gdbench.kernels.compile.jit import inlined, kernel
from gdbench.kernels.layers import layer_at
from gdbench.kernels.networks.activations import backpropagate, second_derivative
from gdbench.kernels.networks.losses import loss_gradient, loss_hessian, loss_hvp
from gdbench.kernels.networks.network import add_penalty, forward, gather


@inlined
def _record(theta, network, samples, order, first, rows, scale, work):
    """Store what all directions share: every layer's errors and derivatives for samples order[first : first + rows]."""
    kept, last = work.tangents, layer_at(network.layers, network.layers.shape[0] - 1)
    gather(samples.x, order, first, 0, rows, work.values)
    forward(theta, network, 0, rows, work)
    above = work.block * last.above
    z, d = matrix(work.values, above, rows, last.outputs), matrix(kept.errors, above, rows, last.outputs)
    loss_gradient(network.loss, z, samples.labels, samples.targets, order, first, scale, d)
    second_derivatives = matrix(kept.second_derivatives, above, rows, last.outputs)
    loss_hessian(network.loss, z, samples.targets, order, first, scale, second_derivatives)
    for number in range(network.layers.shape[0] - 1, 0, -1):
        at = layer_at(network.layers, number)
        start = work.block * at.below
        span = slice(start, start + rows * at.inputs)
        error, derivative, second = kept.errors[span], kept.derivatives[span], kept.second_derivatives[span]
        d = matrix(kept.errors, work.block * at.above, rows, at.outputs)
        w = matrix(theta, at.weight, at.inputs, at.outputs)
        product(d, w.T, matrix(kept.errors, start, rows, at.inputs))
        derivative[:] = theta.dtype.type(1)  # `backpropagate` multiplies it by the activation's derivative
        backpropagate(network.activation, work.values[span], work.sums[span], derivative)
        second_derivative(network.activation, work.values[span], work.sums[span], second)
        for i in range(error.size):
            second[i] *= error[i]
            error[i] *= derivative[i]


@inlined
def _forward_tangent(theta, direction, network, rows, work):
    """Forward pass: the change of every layer's sums and results along the direction."""
    kept, layers = work.tangents, network.layers.shape[0]
    for number in range(layers):
        at = layer_at(network.layers, number)
        start, above = work.block * at.below, work.block * at.above
        a, rz = matrix(work.values, start, rows, at.inputs), matrix(kept.sums, above, rows, at.outputs)
        moved = matrix(direction, at.weight, at.inputs, at.outputs)
        shift = direction[at.bias : at.bias + at.outputs]
        if number == 0:  # the samples themselves do not move
            biased_product(a, moved, shift, rz)
        else:
            ra, w = matrix(kept.values, start, rows, at.inputs), matrix(theta, at.weight, at.inputs, at.outputs)
            biased_product(ra, w, shift, rz)
            add_product(a, moved, rz)
        if number < layers - 1:  # the last layer has no activation
            for i in range(above, above + rows * at.outputs):
                kept.values[i] = kept.derivatives[i] * kept.sums[i]


@inlined
def _interleave(a, b, out):
    """Alternate the rows of a and b in out: a[0], b[0], a[1], b[1], ..."""
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            out[2 * i, j] = a[i, j]
            out[2 * i + 1, j] = b[i, j]


@inlined
def _backward_tangent(theta, direction, network, rows, scale, work, out):
    """Backward pass: add to out the change of these samples' gradient along the direction."""
    kept, last = work.tangents, layer_at(network.layers, network.layers.shape[0] - 1)
    above = work.block * last.above
    second_derivatives = matrix(kept.second_derivatives, above, rows, last.outputs)
    rz = matrix(kept.sums, above, rows, last.outputs)
    loss_hvp(network.loss, second_derivatives, rz, scale, matrix(work.deltas, above, rows, last.outputs))
    for number in range(network.layers.shape[0] - 1, -1, -1):
        at = layer_at(network.layers, number)
        start, above = work.block * at.below, work.block * at.above
        a, rd = matrix(work.values, start, rows, at.inputs), matrix(work.deltas, above, rows, at.outputs)
        d, changes = matrix(kept.errors, above, rows, at.outputs), matrix(out, at.weight, at.inputs, at.outputs)
        if number == 0:
            add_product(a.T, rd, changes)
        else:
            # Both terms, Ra^T d + a^T Rd, in one product: alternating rows keep them together sample by sample.
            left = matrix(kept.pairs[0], 0, 2 * rows, at.inputs)
            right = matrix(kept.pairs[1], 0, 2 * rows, at.outputs)
            _interleave(matrix(kept.values, start, rows, at.inputs), a, left)
            _interleave(d, rd, right)
            add_product(left.T, right, changes)
        add_column_sums(rd, matrix(out, at.bias, 1, at.outputs))
        if number > 0:
            below, moved = matrix(work.deltas, start, rows, at.inputs), vector(work.deltas, start, rows * at.inputs)
            product(rd, matrix(theta, at.weight, at.inputs, at.outputs).T, below)
            add_product(d, matrix(direction, at.weight, at.inputs, at.outputs).T, below)
            for i in range(rows * at.inputs):
                moved[i] = (
                    kept.derivatives[start + i] * moved[i] + kept.second_derivatives[start + i] * kept.sums[start + i]
                )


@kernel
def hessian_product(theta, direction, network, samples, rows, work, out):
    """out = the Hessian of the training objective over the samples `rows`, penalty included, times `direction`.

    theta, direction and out are vectors of the network's dtype. The samples are added in the order of `rows`.
    """
    out[:] = theta.dtype.type(0)
    scale = theta.dtype.type(1) / theta.dtype.type(rows.size)
    for first in range(0, rows.size, work.block):
        count = min(work.block, rows.size - first)
        _record(theta, network, samples, rows, first, count, scale, work)
        _forward_tangent(theta, direction, network, count, work)
        _backward_tangent(theta, direction, network, count, scale, work, out)
    add_penalty(direction, network, out)


@kernel
def hessian(theta, network, samples, rows, work, out):
    """out (parameters x parameters) = that Hessian: its product with each unit vector, then (H + H^T) / 2."""
    zero, one, half = theta.dtype.type(0), theta.dtype.type(1), theta.dtype.type(0.5)
    scale = one / theta.dtype.type(rows.size)
    direction = work.tangents.product
    direction[:] = zero
    out[:] = zero
    for first in range(0, rows.size, work.block):
        count = min(work.block, rows.size - first)
        _record(theta, network, samples, rows, first, count, scale, work)  # once for all unit vectors
        for i in range(theta.size):
            direction[i] = one
            _forward_tangent(theta, direction, network, count, work)
            _backward_tangent(theta, direction, network, count, scale, work, out[i])
            direction[i] = zero
    for i in range(theta.size):
        direction[i] = one
        add_penalty(direction, network, out[i])
        direction[i] = zero
    for i in range(theta.size):
        for j in range(i):
            out[i, j] = half * (out[i, j] + out[j, i])
            out[j, i] = out[i, j]
