"""The exact Hessian of a network's training objective, and its product with a direction.

A product with the Hessian is the derivative of the gradient along the direction: the R-operator of Pearlmutter, "Fast
exact multiplication by the Hessian", Neural Computation 6 (1994), applied to the forward and the backward pass. Where
theta moves along v, a layer's sums z = a W + b move by Rz = Ra W + a V + c and its results by Ra' = s'(z) Rz; the
derivatives d of the losses by z move by Rd, and the gradient a^T d of W by Ra^T d + a^T Rd, added sample by sample.

    problem = gdbench.problem({"kind": "mlp", "dataset": "iris", "hidden": [5]})
    problem.product(theta, direction), problem.hessian(theta)

At the kink of a relu, and of huber, the second derivative counts as 0.
"""

from gdbench.kernels.arithmetic.intrinsics import matrix, vector
from gdbench.kernels.arithmetic.products import add_column_sums, add_product, biased_product, product
from gdbench.kernels.compile.jit import inlined, kernel
from gdbench.kernels.networks.activations import backpropagate, second_derivative
from gdbench.kernels.networks.losses import loss_gradient, loss_hessian, loss_hvp
from gdbench.kernels.networks.network import add_penalty, forward, gather


@inlined
def _record(theta, network, samples, order, first, rows, scale, work):
    """What no direction changes, for samples order[first : first + rows]: errors and derivatives of every layer."""
    sizes, kept = network.sizes, work.tangents
    last = sizes.size - 1
    gather(samples.x, order, first, 0, rows, work.values)
    forward(theta, network, 0, rows, work)
    above = work.block * (sizes.sum() - sizes[last])
    z, d = matrix(work.values, above, rows, sizes[last]), matrix(kept.errors, above, rows, sizes[last])
    loss_gradient(network.loss, z, samples.labels, samples.targets, order, first, scale, d)
    loss_hessian(
        network.loss, z, samples.targets, order, first, scale, matrix(kept.second_derivatives, above, rows, sizes[last])
    )
    weight = theta.size
    for layer in range(last - 1, 0, -1):
        inputs, outputs = sizes[layer], sizes[layer + 1]
        start = above - work.block * inputs
        weight -= (inputs + 1) * outputs
        span = slice(start, start + rows * inputs)
        error, slope, second = kept.errors[span], kept.derivatives[span], kept.second_derivatives[span]
        d = matrix(kept.errors, above, rows, outputs)
        product(d, matrix(theta, weight, inputs, outputs).T, matrix(kept.errors, start, rows, inputs))
        slope[:] = theta.dtype.type(1)
        backpropagate(network.activation, work.values[span], work.sums[span], slope)
        second_derivative(network.activation, work.values[span], work.sums[span], second)
        for i in range(error.size):
            second[i] *= error[i]
            error[i] *= slope[i]
        above = start


@inlined
def _forward_tangent(theta, direction, network, rows, work):
    """Forward: how the sums and results of every layer change along the direction."""
    sizes, kept = network.sizes, work.tangents
    weight = start = 0
    for layer in range(sizes.size - 1):
        inputs, outputs = sizes[layer], sizes[layer + 1]
        above = start + work.block * inputs
        bias = weight + inputs * outputs
        rz = matrix(kept.sums, above, rows, outputs)
        moved, shift = matrix(direction, weight, inputs, outputs), direction[bias : bias + outputs]
        if layer == 0:  # the samples themselves do not move
            biased_product(matrix(work.values, start, rows, inputs), moved, shift, rz)
        else:
            biased_product(matrix(kept.values, start, rows, inputs), matrix(theta, weight, inputs, outputs), shift, rz)
            add_product(matrix(work.values, start, rows, inputs), moved, rz)
        if layer < sizes.size - 2:  # the last layer has no activation
            for i in range(above, above + rows * outputs):
                kept.values[i] = kept.derivatives[i] * kept.sums[i]
        weight, start = bias + outputs, above


@inlined
def _interleave(a, b, out):
    """Rows of out: the first of a, the first of b, the second of a, ..."""
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            out[2 * i, j] = a[i, j]
            out[2 * i + 1, j] = b[i, j]


@inlined
def _backward_tangent(theta, direction, network, rows, scale, work, out):
    """Backward: add to out how the gradient of these samples changes along the direction."""
    sizes, kept = network.sizes, work.tangents
    last = sizes.size - 1
    weight = theta.size
    above = work.block * (sizes.sum() - sizes[last])
    second_derivatives, rz = (
        matrix(kept.second_derivatives, above, rows, sizes[last]),
        matrix(kept.sums, above, rows, sizes[last]),
    )
    loss_hvp(network.loss, second_derivatives, rz, scale, matrix(work.deltas, above, rows, sizes[last]))
    for layer in range(last - 1, -1, -1):
        inputs, outputs = sizes[layer], sizes[layer + 1]
        start = above - work.block * inputs
        weight -= (inputs + 1) * outputs
        bias = weight + inputs * outputs
        a, rd = matrix(work.values, start, rows, inputs), matrix(work.deltas, above, rows, outputs)
        d, changes = matrix(kept.errors, above, rows, outputs), matrix(out, weight, inputs, outputs)
        if layer == 0:
            add_product(a.T, rd, changes)
        else:
            left, right = matrix(kept.pairs[0], 0, 2 * rows, inputs), matrix(kept.pairs[1], 0, 2 * rows, outputs)
            _interleave(matrix(kept.values, start, rows, inputs), a, left)
            _interleave(d, rd, right)
            add_product(left.T, right, changes)
        add_column_sums(rd, matrix(out, bias, 1, outputs))
        if layer > 0:
            below, moved = matrix(work.deltas, start, rows, inputs), vector(work.deltas, start, rows * inputs)
            product(rd, matrix(theta, weight, inputs, outputs).T, below)
            add_product(d, matrix(direction, weight, inputs, outputs).T, below)
            for i in range(rows * inputs):
                moved[i] = (
                    kept.derivatives[start + i] * moved[i] + kept.second_derivatives[start + i] * kept.sums[start + i]
                )
        above = start


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
    """out (parameters x parameters) = that Hessian, product by product with the unit vectors, then (H + H^T) / 2."""
    zero, one, half = theta.dtype.type(0), theta.dtype.type(1), theta.dtype.type(0.5)
    scale = one / theta.dtype.type(rows.size)
    direction = work.tangents.product
    direction[:] = zero
    out[:] = zero
    for first in range(0, rows.size, work.block):
        count = min(work.block, rows.size - first)
        _record(theta, network, samples, rows, first, count, scale, work)
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
