"""A multilayer perceptron on one block of samples: values forward, derivatives backward.

The parameters are one flat vector, laid out by kernels/layers.py. A layer computes a = activation(x W + b); the last
has no activation. Sums start from the bias and add x_k W_kj in order of k (kernels/arithmetic/products.py).
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
from gdbench.kernels.layers import Layers, layer_at
from gdbench.kernels.networks.activations import activate, backpropagate

BLOCK = 256  # samples per block and thread of a team; no number depends on it
CACHED = 2**20  # bytes of samples from which they outgrow a core's cache
LINE = arrays.LINE // 8  # integers in a line of a cache
TILE = 64  # samples that go through the whole network together where nothing goes back
ROWS = 8  # of a matrix or block: a worker of a team takes multiples of them, the rows of a tile


class Network(NamedTuple):
    """The shape of a network and what it minimises."""

    layers: np.ndarray  # int64: the table of its layers (kernels/layers.py)
    activation: int
    loss: int
    l2: np.floating  # penalty 1/2 l2 |W|^2, biases excluded


class Tangents(NamedTuple):
    """The arrays of kernels/networks/curvature.py. All but the last two have the layout of `Workspace.values`."""

    errors: np.ndarray  # derivatives of the samples' losses by each layer's sums z
    derivatives: np.ndarray  # first derivatives of the activations
    second_derivatives: np.ndarray  # of the activations, times the losses' derivatives by the activations' results
    sums: np.ndarray  # the change of each layer's sums z along the direction
    values: np.ndarray  # the change of the results
    pairs: np.ndarray  # two matrices, each of the alternating rows of two others: 2 x (2 block x widest)
    product: np.ndarray  # the Hessian times a direction


class Workspace(NamedTuple):
    """All arrays that a trial writes to while it trains, allocated once."""

    block: int  # samples at a time
    values: np.ndarray  # each layer's results, one layer after another
    sums: np.ndarray  # each layer's sums z, if the activation needs them; same layout as values
    deltas: np.ndarray  # derivatives of the samples' losses by each layer's sums z; same layout as values
    gradient: np.ndarray
    order: np.ndarray  # int64: this epoch's permutation of the training samples
    epoch: np.ndarray  # int64, one element: the epoch that `order` belongs to, -1 at first
    natural: np.ndarray  # int64: 0, 1, 2, ...
    losses: np.ndarray  # one element per sample of the largest split
    scores: np.ndarray
    above: np.ndarray  # int64: one element per worker of a team, a line of a cache apart
    tangents: Tangents


def workspace(layers: Layers, training: int, largest: int, dtype: str, threads: int = 1) -> Workspace:
    """A workspace for `training` training samples, splits of at most `largest` samples, and a team of `threads`."""
    block = min(BLOCK * threads, max(largest, threads))
    units, widest, size = block * layers.numbers, block * max(layers.sizes[1:]), layers.size
    # Not initialised: arrays that a trial never writes to take no memory.
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
        above=arrays.zeros(LINE * threads, np.int64),
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
    """What to prefetch for rows low ... high - 1 of the block at order[first]; nothing if x fits a core's cache."""
    size = x.shape[1] * x.itemsize
    count = min(high, order.size - first) - low
    if x.shape[0] * size < CACHED or count <= 0:
        return NOTHING
    return Prefetch(address(x), size, address(order) + (first + low) * order.itemsize, count)


@inlined
def forward_from(x, theta, network, low, work, prefetch=NOTHING):
    """Compute every layer's results for the samples x (rows x features), into rows low, low + 1, ... of work.values.

    prefetch: samples that are gathered next; the first layer's product asks for them (kernels/arithmetic/products.py).
    """
    rows, layers = x.shape[0], network.layers.shape[0]
    for number in range(layers):
        at = layer_at(network.layers, number)
        here, count = work.block * at.above + low * at.outputs, rows * at.outputs
        z, w = matrix(work.values, here, rows, at.outputs), matrix(theta, at.weight, at.inputs, at.outputs)
        biased_product(x, w, vector(theta, at.bias, at.outputs), z, prefetch if number == 0 else NOTHING)
        if number < layers - 1:
            activate(network.activation, vector(work.values, here, count), vector(work.sums, here, count))
        x = z


@inlined
def forward(theta, network, low, high, work, prefetch=NOTHING):
    """`forward_from` the inputs in rows low ... high - 1 of work.values, which `gather` wrote."""
    features = layer_at(network.layers, 0).inputs
    forward_from(matrix(work.values, low * features, high - low, features), theta, network, low, work, prefetch)


@inlined
def last_row(network, row, work):
    """The offset of a row's outputs in work.values, and of the derivatives by them in work.deltas."""
    at = layer_at(network.layers, network.layers.shape[0] - 1)
    return work.block * at.above + row * at.outputs


@inlined
def backward(theta, network, low, high, work):
    """Backpropagate work.deltas from the outputs to every hidden layer's sums, for rows low ... high - 1 of a block."""
    rows = high - low
    for number in range(network.layers.shape[0] - 1, 0, -1):
        at = layer_at(network.layers, number)
        here, count = work.block * at.below + low * at.inputs, rows * at.inputs
        d = matrix(work.deltas, work.block * at.above + low * at.outputs, rows, at.outputs)
        w = matrix(theta, at.weight, at.inputs, at.outputs)
        product(d, w.T, matrix(work.deltas, here, rows, at.inputs))
        z, below = vector(work.sums, here, count), vector(work.deltas, here, count)
        backpropagate(network.activation, vector(work.values, here, count), z, below)


@inlined
def add_up(network, rows, work, more, worker):
    """Write the gradient of a block's samples to work.gradient: this worker's share of each layer's weights.

    more: add it to the gradient of earlier samples instead.
    """
    for number in range(network.layers.shape[0]):
        at = layer_at(network.layers, number)
        x = matrix(work.values, work.block * at.below, rows, at.inputs)
        d = matrix(work.deltas, work.block * at.above, rows, at.outputs)
        # Shared by rows of W, so that one worker sums each element over the samples, in order.
        low, high = share(at.inputs, ROWS, worker)
        gradient = matrix(work.gradient, at.weight + low * at.outputs, high - low, at.outputs)
        bias = matrix(work.gradient, at.bias, 1, at.outputs)
        last = worker.rank == worker.size - 1  # it sums the biases too
        if more:
            add_product(x.T[low:high], d, gradient)
            if last:
                add_column_sums(d, bias)
        else:
            product(x.T[low:high], d, gradient)
            if last:
                column_sums(d, bias)


@inlined
def penalise(l2, weights, gradient):
    """gradient += l2 weights, for two vectors of one size."""
    for i in range(weights.size):
        gradient[i] += l2 * weights[i]


@inlined
def add_penalty(theta, network, gradient):
    """Add l2 W to the gradient, weights only."""
    if network.l2 == 0:
        return
    for number in range(network.layers.shape[0]):
        at = layer_at(network.layers, number)
        count = at.bias - at.weight
        penalise(network.l2, vector(theta, at.weight, count), vector(gradient, at.weight, count))


@kernel
def penalty(theta, network):
    """1/2 l2 |W|^2 in float64, weights only; the squares are added in order."""
    total = 0.0
    for number in range(network.layers.shape[0]):
        at = layer_at(network.layers, number)
        for i in range(at.weight, at.bias):
            total += np.float64(theta[i]) * np.float64(theta[i])
    return 0.5 * np.float64(network.l2) * total


@kernel
def _outputs(theta, network, x, work, out):
    for first in range(0, x.shape[0], work.block):
        rows = min(work.block, x.shape[0] - first)
        gather(x, work.natural, first, 0, rows, work.values)
        forward(theta, network, 0, rows, work)
        out[first : first + rows] = matrix(work.values, last_row(network, 0, work), rows, out.shape[1])


def network_outputs(theta: np.ndarray, layers: Layers, activation: int, x: np.ndarray) -> np.ndarray:
    """The outputs (samples x outputs, float64) of a network for the rows of x."""
    out = np.empty((len(x), layers.sizes[-1]))
    network = Network(layers.table, activation, 0, np.float64(0))
    _outputs(np.ascontiguousarray(theta, np.float64), network, x, workspace(layers, 1, len(x), "float64"), out)
    return out
