"""A multilayer perceptron on one block of samples: values forward, derivatives backward.

The parameters are one flat vector: layer by layer the weights W (inputs x outputs, row-major), then the biases b. A
layer computes a = activation(x W + b); the last has no activation. Sums start from the bias and add x_k W_kj in order
of k (kernels/arithmetic/products.py).
"""

from typing import NamedTuple

import numpy as np

from gdbench.kernels.arithmetic import arrays
from gdbench.kernels.arithmetic.intrinsics import matrix, vector
from gdbench.kernels.arithmetic.memory import address
from gdbench.kernels.arithmetic.products import (
    NOTHING,
    Prefetch,
    add_column_sums,
    add_product,
    biased_product,
    column_sums,
    product,
)
from gdbench.kernels.arithmetic.team import share
from gdbench.kernels.compile.jit import inlined, kernel
from gdbench.kernels.networks.activations import activate, backpropagate

BLOCK = 256  # samples a block for each thread of a team; no number depends on it
CACHED = 2**20  # bytes of samples from which on they lie far from a core
ROWS = 8  # of a matrix, or a block, that a worker of a team takes at least: those of a tile


class Network(NamedTuple):
    """The shape of a network and what it minimises."""

    sizes: np.ndarray  # int64: inputs, hidden widths ..., outputs
    activation: int
    loss: int
    l2: np.floating  # penalty 1/2 l2 |W|^2, biases excluded


class Tangents(NamedTuple):
    """What kernels/networks/curvature.py writes to. All but the last two are laid out as `Workspace.values` is."""

    errors: np.ndarray  # derivatives of the samples' losses by each layer's sums z
    derivatives: np.ndarray  # first derivatives of the activations
    second_derivatives: np.ndarray  # second derivatives, times those of the losses by the activations' results
    sums: np.ndarray  # how the sums z of each layer change along the direction
    values: np.ndarray  # how their results change
    pairs: np.ndarray  # rows of two matrices in turn: 2 x (2 block x widest)
    product: np.ndarray  # the Hessian times a direction


class Workspace(NamedTuple):
    """Everything a trial writes to while it trains, allocated once."""

    block: int  # samples at a time
    values: np.ndarray  # each layer's results, one layer after another: block x sum(sizes)
    sums: np.ndarray  # the sums z that they are the results of, where the activation needs them; laid out as values is
    deltas: np.ndarray  # derivatives of the samples' losses by each layer's sums z; laid out as values is
    gradient: np.ndarray
    order: np.ndarray  # int64: this epoch's permutation of the training samples
    epoch: np.ndarray  # int64, one element: the epoch that `order` belongs to, -1 at first
    natural: np.ndarray  # int64: 0, 1, 2, ...
    losses: np.ndarray  # one element a sample of the largest split
    scores: np.ndarray
    tangents: Tangents


def parameter_count(sizes: np.ndarray) -> int:
    """How many weights and biases a network of these sizes has."""
    return int(sum(int(a) * int(b) + int(b) for a, b in zip(sizes[:-1], sizes[1:], strict=True)))


def workspace(sizes: np.ndarray, training: int, largest: int, dtype: str, threads: int = 1) -> Workspace:
    """A workspace for `training` samples to train on, splits of at most `largest` samples, and a team of threads."""
    block = min(BLOCK * threads, max(largest, 1))
    units, widest, size = block * int(sizes.sum()), block * int(sizes[1:].max()), parameter_count(sizes)
    # Not filled, so that what a trial never writes to takes no memory.
    tangents = Tangents(
        errors=arrays.empty(units, dtype),
        derivatives=arrays.empty(units, dtype),
        second_derivatives=arrays.empty(units, dtype),
        sums=arrays.empty(units, dtype),
        values=arrays.empty(units, dtype),
        pairs=arrays.empty((2, 2 * widest), dtype),
        product=arrays.empty(size, dtype),
    )
    return Workspace(
        block=block,
        values=arrays.zeros(units, dtype),
        sums=arrays.empty(units, dtype),
        deltas=arrays.zeros(units, dtype),
        gradient=arrays.zeros(size, dtype),
        order=np.arange(training),
        epoch=np.full(1, -1),
        natural=np.arange(largest),
        losses=arrays.zeros(largest, dtype),
        scores=arrays.zeros(largest, dtype),
        tangents=tangents,
    )


@inlined
def gather(x, order, first, low, high, values):
    """Copy samples order[first + low], ..., order[first + high - 1] to rows low, low + 1, ... of a block's inputs."""
    features = x.shape[1]
    for i in range(low, high):
        row, copy = vector(x, order[first + i] * features, features), vector(values, i * features, features)
        for j in range(features):
            copy[j] = row[j]


@inlined
def prefetch_for(x, order, first, low, high):
    """The samples of rows low ... high - 1 of the block that begins at order[first], if x outgrows a core's cache."""
    size = x.shape[1] * x.itemsize
    count = min(high, order.size - first) - low
    if x.shape[0] * size < CACHED or count <= 0:
        return NOTHING
    return Prefetch(address(x), size, address(order) + (first + low) * order.itemsize, count)


@inlined
def forward(theta, network, low, high, work, prefetch=NOTHING):
    """Every layer's results for rows low ... high - 1 of a block, into work.values.

    prefetch: samples that are gathered soon (kernels/arithmetic/products.py).
    """
    sizes, rows = network.sizes, high - low
    layers = sizes.size - 1
    weight = start = 0
    for layer in range(layers):
        inputs, outputs = sizes[layer], sizes[layer + 1]
        x = matrix(work.values, start + low * inputs, rows, inputs)
        start += work.block * inputs
        here, count = start + low * outputs, rows * outputs
        bias = weight + inputs * outputs
        z = matrix(work.values, here, rows, outputs)
        w, wanted = matrix(theta, weight, inputs, outputs), prefetch if layer == 0 else NOTHING
        biased_product(x, w, vector(theta, bias, outputs), z, wanted)
        if layer < layers - 1:
            activate(network.activation, vector(work.values, here, count), vector(work.sums, here, count))
        weight = bias + outputs


@inlined
def last_row(network, row, work):
    """Where the outputs of a row of a block begin in work.values, and the derivatives by them in work.deltas."""
    sizes = network.sizes
    start = 0
    for layer in range(sizes.size - 1):
        start += work.block * sizes[layer]
    return start + row * sizes[sizes.size - 1]


@inlined
def backward(theta, network, low, high, work):
    """From the derivatives by the outputs those by every hidden layer's sums, for rows low ... high - 1 of a block."""
    sizes, rows = network.sizes, high - low
    weight = theta.size
    above = 0
    for layer in range(sizes.size - 1):
        above += work.block * sizes[layer]
    for layer in range(sizes.size - 2, 0, -1):
        inputs, outputs = sizes[layer], sizes[layer + 1]
        weight -= (inputs + 1) * outputs
        start = above - work.block * inputs
        here, count = start + low * inputs, rows * inputs
        d = matrix(work.deltas, above + low * outputs, rows, outputs)
        product(d, matrix(theta, weight, inputs, outputs).T, matrix(work.deltas, here, rows, inputs))
        z, below = vector(work.sums, here, count), vector(work.deltas, here, count)
        backpropagate(network.activation, vector(work.values, here, count), z, below)
        above = start


@inlined
def add_up(network, rows, work, more, worker):
    """Into work.gradient what a block's samples contribute: this worker's share of each layer's weights.

    more: add it to what earlier samples contributed.
    """
    sizes = network.sizes
    weight = start = 0
    for layer in range(sizes.size - 1):
        inputs, outputs = sizes[layer], sizes[layer + 1]
        above = start + work.block * inputs
        x, d = matrix(work.values, start, rows, inputs), matrix(work.deltas, above, rows, outputs)
        low, high = share(inputs, ROWS, worker)
        gradient = matrix(work.gradient, weight + low * outputs, high - low, outputs)
        bias = matrix(work.gradient, weight + inputs * outputs, 1, outputs)
        last = worker.rank == worker.size - 1
        if more:
            add_product(x.T[low:high], d, gradient)
            if last:
                add_column_sums(d, bias)
        else:
            product(x.T[low:high], d, gradient)
            if last:
                column_sums(d, bias)
        weight += (inputs + 1) * outputs
        start = above


@inlined
def penalise(l2, weights, gradient):
    """Add l2 W to the derivatives by some weights, a vector each."""
    for i in range(weights.size):
        gradient[i] += l2 * weights[i]


@inlined
def add_penalty(theta, network, gradient):
    """Add l2 W to the gradient, weights only."""
    if network.l2 == 0:
        return
    sizes = network.sizes
    weight = 0
    for layer in range(sizes.size - 1):
        count = sizes[layer] * sizes[layer + 1]
        penalise(network.l2, vector(theta, weight, count), vector(gradient, weight, count))
        weight += count + sizes[layer + 1]


@kernel
def penalty(theta, network):
    """1/2 l2 |W|^2 in float64, weights only: the weights' squares in order."""
    sizes = network.sizes
    total = 0.0
    weight = 0
    for layer in range(sizes.size - 1):
        bias = weight + sizes[layer] * sizes[layer + 1]
        for i in range(weight, bias):
            total += np.float64(theta[i]) * np.float64(theta[i])
        weight = bias + sizes[layer + 1]
    return 0.5 * np.float64(network.l2) * total


@kernel
def _outputs(theta, network, x, work, out):
    for first in range(0, x.shape[0], work.block):
        rows = min(work.block, x.shape[0] - first)
        gather(x, work.natural, first, 0, rows, work.values)
        forward(theta, network, 0, rows, work)
        out[first : first + rows] = matrix(work.values, last_row(network, 0, work), rows, out.shape[1])


def network_outputs(theta: np.ndarray, sizes: np.ndarray, activation: int, x: np.ndarray) -> np.ndarray:
    """The outputs (samples x outputs, float64) of a network of these sizes for the rows of x."""
    out = np.empty((len(x), int(sizes[-1])))
    network = Network(sizes, activation, 0, np.float64(0))
    _outputs(np.ascontiguousarray(theta, np.float64), network, x, workspace(sizes, 1, len(x), "float64"), out)
    return out
