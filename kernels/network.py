"""A multilayer perceptron on one block of samples: values forward, derivatives backward.

The parameters are one flat vector: layer by layer the weights W (inputs x outputs, row-major), then the biases b. A
layer computes a = activation(x W + b); the last has no activation. Sums start from the bias and add x_k W_kj in order
of k (kernels/products.py).
"""

from typing import NamedTuple

import numpy as np

from gdbench.kernels.activations import activate, backpropagate
from gdbench.kernels.intrinsics import matrix
from gdbench.kernels.jit import inlined, kernel
from gdbench.kernels.products import add_product, biased_product, product

BLOCK = 128  # samples a block; no number depends on it


class Network(NamedTuple):
    """The shape of a network and what it minimises."""

    sizes: np.ndarray  # int64: inputs, hidden widths ..., outputs
    activation: int
    loss: int
    l2: np.floating  # penalty 1/2 l2 |W|^2, biases excluded


class Tangents(NamedTuple):
    """What kernels/curvature.py writes to. All but the last two are laid out as `Workspace.values` is."""

    errors: np.ndarray  # derivatives of the samples' losses by each layer's sums z
    slopes: np.ndarray  # first derivatives of the activations
    bends: np.ndarray  # second derivatives, times those of the losses by the activations' results
    sums: np.ndarray  # how the sums z of each layer change along the direction
    values: np.ndarray  # how their results change
    pairs: np.ndarray  # rows of two matrices in turn: 2 x (2 BLOCK x widest)
    product: np.ndarray  # the Hessian times a direction


class Workspace(NamedTuple):
    """Everything a trial writes to while it trains, allocated once."""

    values: np.ndarray  # a layer's results, block after block: BLOCK x sum(sizes)
    sums: np.ndarray  # the sums z that they are the results of, where the activation needs them; laid out as values is
    deltas: np.ndarray  # derivatives of two neighbouring layers: 2 x (BLOCK x widest)
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


def workspace(sizes: np.ndarray, training: int, largest: int, dtype: str) -> Workspace:
    """A workspace for `training` samples to train on and splits of at most `largest` samples."""
    units, widest, size = BLOCK * int(sizes.sum()), BLOCK * int(sizes[1:].max()), parameter_count(sizes)
    # Not filled, so that what a trial never writes to takes no memory.
    tangents = Tangents(
        errors=np.empty(units, dtype),
        slopes=np.empty(units, dtype),
        bends=np.empty(units, dtype),
        sums=np.empty(units, dtype),
        values=np.empty(units, dtype),
        pairs=np.empty((2, 2 * widest), dtype),
        product=np.empty(size, dtype),
    )
    return Workspace(
        values=np.zeros(units, dtype),
        sums=np.empty(units, dtype),
        deltas=np.zeros((2, widest), dtype),
        gradient=np.zeros(size, dtype),
        order=np.arange(training),
        epoch=np.full(1, -1),
        natural=np.arange(largest),
        losses=np.zeros(largest, dtype),
        scores=np.zeros(largest, dtype),
        tangents=tangents,
    )


@inlined
def gather(x, order, first, rows, values):
    """Copy samples order[first], order[first + 1], ... to where `forward` reads them."""
    features = x.shape[1]
    for i in range(rows):
        row = order[first + i]
        for j in range(features):
            values[i * features + j] = x[row, j]


@inlined
def forward(theta, network, rows, work):
    """The outputs (rows x outputs) of the samples gathered in work.values; every layer's results stay there."""
    sizes, values = network.sizes, work.values
    layers = sizes.size - 1
    weight = start = 0
    for layer in range(layers):
        inputs, outputs = sizes[layer], sizes[layer + 1]
        x = matrix(values, start, rows, inputs)
        start += BLOCK * inputs
        z = matrix(values, start, rows, outputs)
        bias = weight + inputs * outputs
        biased_product(x, matrix(theta, weight, inputs, outputs), theta[bias : bias + outputs], z)
        if layer < layers - 1:
            span = slice(start, start + rows * outputs)
            activate(network.activation, values[span], work.sums[span])
        weight = bias + outputs
    return matrix(values, start, rows, sizes[layers])


@inlined
def backward(theta, network, rows, work, more):
    """Into work.gradient what these samples contribute; work.deltas[0] holds the derivatives of their losses.

    more: add it to what earlier samples contributed.
    """
    sizes, values, gradient = network.sizes, work.values, work.gradient
    weight = theta.size
    start = 0
    for layer in range(sizes.size):
        start += BLOCK * sizes[layer]
    start -= BLOCK * sizes[sizes.size - 1]
    here, below = work.deltas[0], work.deltas[1]
    for layer in range(sizes.size - 2, -1, -1):
        inputs, outputs = sizes[layer], sizes[layer + 1]
        weight -= (inputs + 1) * outputs
        start -= BLOCK * inputs
        bias = weight + inputs * outputs
        x = matrix(values, start, rows, inputs)
        d = matrix(here, 0, rows, outputs)
        if more:
            add_product(x.T, d, matrix(gradient, weight, inputs, outputs))
        else:
            product(x.T, d, matrix(gradient, weight, inputs, outputs))
            gradient[bias : bias + outputs] = theta.dtype.type(0)
        for i in range(rows):
            for j in range(outputs):
                gradient[bias + j] += d[i, j]
        if layer > 0:
            product(d, matrix(theta, weight, inputs, outputs).T, matrix(below, 0, rows, inputs))
            span = slice(start, start + rows * inputs)
            backpropagate(network.activation, values[span], work.sums[span], below[: rows * inputs])
            here, below = below, here


@inlined
def add_penalty(theta, network, gradient):
    """Add l2 W to the gradient, weights only."""
    if network.l2 == 0:
        return
    sizes = network.sizes
    weight = 0
    for layer in range(sizes.size - 1):
        bias = weight + sizes[layer] * sizes[layer + 1]
        for i in range(weight, bias):
            gradient[i] += network.l2 * theta[i]
        weight = bias + sizes[layer + 1]


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
    for first in range(0, x.shape[0], BLOCK):
        rows = min(BLOCK, x.shape[0] - first)
        gather(x, work.natural, first, rows, work.values)
        out[first : first + rows] = forward(theta, network, rows, work)


def network_outputs(theta: np.ndarray, sizes: np.ndarray, activation: int, x: np.ndarray) -> np.ndarray:
    """The outputs (samples x outputs, float64) of a network of these sizes for the rows of x."""
    out = np.empty((len(x), int(sizes[-1])))
    network = Network(sizes, activation, 0, np.float64(0))
    _outputs(np.ascontiguousarray(theta, np.float64), network, x, workspace(sizes, 1, len(x), "float64"), out)
    return out
