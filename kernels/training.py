"""The training loop and the evaluation of a network, compiled once for each dtype and every rule.

A rule's update comes in as a first-class function of fixed signature, so that one compiled loop serves all rules.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numba.core import types

from gdbench.kernels.clipping import clip
from gdbench.kernels.contract import update_type
from gdbench.kernels.intrinsics import matrix
from gdbench.kernels.jit import inlined, kernel, linked
from gdbench.kernels.losses import loss_gradient, loss_values
from gdbench.kernels.network import BLOCK, Network, add_penalty, backward, forward, gather, workspace
from gdbench.kernels.sampling import Batches, order_of
from gdbench.kernels.sums import norm, ordered_sum


class Samples(NamedTuple):
    """A split of a data set. One of labels and targets is empty, or both say the same (targets are one-hot rows, or one
    column of 0 and 1 for binary-cross-entropy on two classes)."""

    x: np.ndarray  # samples x features
    labels: np.ndarray  # int64: samples, or 0
    targets: np.ndarray  # samples (or 0) x outputs


def _visit(theta, network, samples, order, begin, end, work, charge, slope):
    """Samples order[begin:end], in that order whatever the block, as far as asked for.

    charge: each one's loss and score (kernels/losses.py) into work.losses and work.scores, at begin, begin + 1, ...
    slope: the gradient of the training objective over them, penalty included, into work.gradient.
    """
    scale = theta.dtype.type(1) / theta.dtype.type(end - begin)
    outputs = network.sizes[network.sizes.size - 1]
    labels, targets = samples.labels, samples.targets
    for first in range(begin, end, BLOCK):
        rows = min(BLOCK, end - first)
        gather(samples.x, order, first, rows, work.values)
        z = forward(theta, network, rows, work)
        d = matrix(work.deltas[0], 0, rows, outputs)
        if charge:
            loss_values(network.loss, z, labels, targets, order, first, d, work.losses, work.scores)
        if slope:
            loss_gradient(network.loss, z, labels, targets, order, first, scale, d)
            backward(theta, network, rows, work, first > begin)
    if slope:
        add_penalty(theta, network, work.gradient)


def _types(dtype: str) -> tuple[Any, ...]:
    """Numba's types of a network, its samples and its workspace."""
    number, sizes = np.dtype(dtype).type, np.array([1, 1])
    samples = Samples(np.zeros((1, 1), dtype), np.zeros(1, np.int64), np.zeros((1, 1), dtype))
    given = (Network(sizes, 0, 0, number(0)), samples, workspace(sizes, 1, 1, dtype))
    return tuple(numba.typeof(value) for value in given)


def _linked_visit(dtype: str) -> Any:
    network, samples, work = _types(dtype)
    numbers, flags = (types.int64, types.int64), (types.boolean, types.boolean)
    vector = numba.typeof(np.zeros(1, dtype))
    return linked(_visit, types.void(vector, network, samples, types.int64[::1], *numbers, work, *flags), dtype)


_visit32, _visit64 = _linked_visit("float32"), _linked_visit("float64")


@inlined
def visit(theta, network, samples, order, begin, end, work, charge, slope):
    """`_visit`, compiled once for each dtype."""
    arguments = (theta, network, samples, order, begin, end, work, charge, slope)
    if isinstance(theta.dtype.type(0), np.float32):
        _visit32(arguments)
    else:
        _visit64(arguments)


@kernel
def gradient(theta, network, samples, rows, work):
    """The gradient of the training objective over the samples `rows`, penalty included, into work.gradient."""
    visit(theta, network, samples, rows, 0, rows.size, work, False, True)


def _train(update, theta, state, table, first, network, samples, batches, work):
    """Steps first + 1, first + 2, ... (first have been taken), one for each row of the coefficients' table."""
    n = samples.x.shape[0]
    for i in range(table.shape[0]):
        step = first + i
        order = order_of(batches, step, n, work)
        begin = (step % batches.per_epoch) * batches.size
        visit(theta, network, samples, order, begin, min(begin + batches.size, n), work, False, True)
        clip(work.gradient, batches)
        update(theta, work.gradient, state, table[i])


@kernel
def evaluate(theta, network, samples, rows, work, slope):
    """Mean loss without penalty, sum of scores over the samples `rows`, and the objective's slope.

    The slope is the norm of the gradient of the training objective, penalty included, which is left in work.gradient;
    unless `slope` asks for it, it is 0 and work.gradient stays as it is.
    """
    n = rows.size
    visit(theta, network, samples, rows, 0, n, work, True, slope)
    steepness = norm(work.gradient) if slope else theta.dtype.type(0)
    return ordered_sum(work.losses, n) / theta.dtype.type(n), ordered_sum(work.scores, n), steepness


@lru_cache(maxsize=2)
def train(dtype: str) -> Any:
    """The compiled training loop for parameters of `dtype`; arguments as `_train` names them."""
    number = np.dtype(dtype).type
    network, samples, work = _types(dtype)
    batches = numba.typeof(Batches(0, 1, 1, True, number(0), number(0)))
    update = types.FunctionType(update_type(dtype))
    vector, matrix = numba.typeof(np.zeros(1, dtype)), numba.typeof(np.zeros((1, 1), dtype))
    rest = (vector, matrix, matrix, types.int64, network, samples, batches, work)
    return kernel(_train, signature=types.void(update, *rest), variant=dtype)
