"""The parts of a network's training step, each repeated alone for timing.

    gather_batches, forward_batches, losses, backward_batches, updates(dtype), layer_products  # `count` times each

Beside training.py and network.py, only this file knows the order of a step. Each part reads what the parts before it
left in the workspace in one real step, and runs over all blocks of a batch.
"""

from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numba.core import types

from gdbench.kernels.arithmetic.intrinsics import matrix, vector
from gdbench.kernels.arithmetic.products import add_product, biased_product, product
from gdbench.kernels.arithmetic.team import ALONE
from gdbench.kernels.compile.jit import kernel
from gdbench.kernels.layers import layer_at
from gdbench.kernels.networks.losses import loss_gradient
from gdbench.kernels.networks.network import add_penalty, add_up, backward, forward, gather, last_row
from gdbench.kernels.rules.contract import update_type

FORWARD, WEIGHTS, INPUTS = range(3)  # the three products of a layer


@kernel(allocates=False)
def gather_batches(count, samples, order, size, per_epoch, work):
    """Copy `count` batches of `size` samples, one after another as an epoch visits them in `order`."""
    n = samples.x.shape[0]
    for i in range(count):
        begin = i % per_epoch * size
        end = min(begin + size, n)
        for first in range(begin, end, work.block):
            gather(samples.x, order, first, 0, min(work.block, end - first), work.values)


@kernel(allocates=False)
def forward_batches(count, theta, network, size, work):
    """Compute the outputs of a batch of `size` samples, `count` times."""
    for _ in range(count):
        for first in range(0, size, work.block):
            forward(theta, network, 0, min(work.block, size - first), work)


@kernel(allocates=False)
def losses(count, network, samples, order, size, work):
    """Compute the losses' derivatives by the outputs of the first batch of `size` samples, `count` times."""
    start, outputs = last_row(network, 0, work), layer_at(network.layers, network.layers.shape[0] - 1).outputs
    scale = work.values.dtype.type(1) / work.values.dtype.type(size)
    for _ in range(count):
        for first in range(0, size, work.block):
            rows = min(work.block, size - first)
            z, d = matrix(work.values, start, rows, outputs), matrix(work.deltas, start, rows, outputs)
            loss_gradient(network.loss, z, samples.labels, samples.targets, order, first, scale, d)


@kernel(allocates=False)
def backward_batches(count, theta, network, size, work):
    """Compute the gradient of a batch of `size` samples, penalty included, after `losses`, `count` times."""
    for _ in range(count):
        for first in range(0, size, work.block):
            rows = min(work.block, size - first)
            backward(theta, network, 0, rows, work)
            add_up(network, rows, work, first > 0, ALONE)
        add_penalty(theta, network, work.gradient)


@kernel(allocates=False)
def layer_products(count, kind, layer, theta, network, size, work):
    """Compute one product of a layer (FORWARD, WEIGHTS, INPUTS) over a batch of `size` samples, `count` times."""
    at = layer_at(network.layers, layer)
    inputs, outputs, start, above = at.inputs, at.outputs, work.block * at.below, work.block * at.above
    w, gradient = matrix(theta, at.weight, inputs, outputs), matrix(work.gradient, at.weight, inputs, outputs)
    for _ in range(count):
        for first in range(0, size, work.block):
            rows = min(work.block, size - first)
            x, d = matrix(work.values, start, rows, inputs), matrix(work.deltas, above, rows, outputs)
            if kind == FORWARD:
                biased_product(x, w, vector(theta, at.bias, outputs), matrix(work.values, above, rows, outputs))
            elif kind == INPUTS:
                product(d, w.T, matrix(work.deltas, start, rows, inputs))
            elif first > 0:
                add_product(x.T, d, gradient)
            else:
                product(x.T, d, gradient)


def _updates(update, count, theta, gradient, state, table):
    for i in range(count):
        update(theta, gradient, state, table[i % table.shape[0]], 0)


@lru_cache(maxsize=2)
def updates(dtype: str) -> Any:
    """The compiled `f(update, count, theta, gradient, state, table)`, which applies a rule's update `count` times."""
    vector, square = numba.typeof(np.zeros(1, dtype)), numba.typeof(np.zeros((1, 1), dtype))
    update = types.FunctionType(update_type(dtype))
    return kernel(
        _updates,
        signature=types.void(update, types.int64, vector, vector, square, square),
        variant=dtype,
        allocates=False,
    )
