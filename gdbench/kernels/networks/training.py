"""The training loop and the evaluation of a network, compiled once per dtype for all rules.

A rule's update is passed as a first-class function of fixed signature, so one compiled loop serves all rules.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numba.core import types

from gdbench.kernels.arithmetic.clipping import clip
from gdbench.kernels.arithmetic.intrinsics import matrix, vector
from gdbench.kernels.arithmetic.sums import norm, ordered_sum
from gdbench.kernels.arithmetic.team import ALONE, barrier, share
from gdbench.kernels.compile.jit import inlined, kernel, linked
from gdbench.kernels.layers import Layers, layer_at
from gdbench.kernels.networks.losses import loss_gradient, loss_values
from gdbench.kernels.networks.network import (
    ROWS,
    Network,
    add_penalty,
    add_up,
    backward,
    forward,
    gather,
    last_row,
    prefetch_for,
    workspace,
)
from gdbench.kernels.rules.contract import update_type
from gdbench.kernels.sampling import Batches, reorder

PARAMETERS = 1024  # a worker of a team updates multiples of so many


class Samples(NamedTuple):
    """A split of a data set. Either labels or targets is empty, or both hold the same classes. Targets are then one-hot
    rows, or one column of 0 and 1 for binary-cross-entropy on two classes."""

    x: np.ndarray  # samples x features
    labels: np.ndarray  # int64: samples, or 0
    targets: np.ndarray  # samples (or 0) x outputs


def _visit(theta, network, samples, order, begin, end, work, worker, want_losses, want_gradient):
    """Pass samples order[begin:end] through the network, in that order for any block size.

    want_losses: write each loss to work.losses and score to work.scores (networks/losses), at begin, begin + 1, ...
    want_gradient: write the gradient of the training objective over them, penalty included, to work.gradient.
    """
    scale = theta.dtype.type(1) / theta.dtype.type(end - begin)
    labels, targets = samples.labels, samples.targets
    outputs = layer_at(network.layers, network.layers.shape[0] - 1).outputs
    for first in range(begin, end, work.block):
        rows = min(work.block, end - first)
        low, high = share(rows, ROWS, worker)  # each worker takes some rows forward and back
        if low < high:
            gather(samples.x, order, first, low, high, work.values)
            # Prefetch what comes next in `order`: the next block, or the next batch.
            forward(theta, network, low, high, work, prefetch_for(samples.x, order, first + rows, low, high))
            place = last_row(network, low, work)
            z, d = matrix(work.values, place, high - low, outputs), matrix(work.deltas, place, high - low, outputs)
            if want_losses:
                loss_values(network.loss, z, labels, targets, order, first + low, d, work.losses, work.scores)
            if want_gradient:
                loss_gradient(network.loss, z, labels, targets, order, first + low, scale, d)
                backward(theta, network, low, high, work)
        barrier(worker)  # a weight's gradient needs all rows
        if want_gradient:
            add_up(network, rows, work, first > begin, worker)
            barrier(worker)  # the next block overwrites values and deltas
    if want_gradient and worker.rank == 0:
        add_penalty(theta, network, work.gradient)
    if want_gradient:
        barrier(worker)


def _types(dtype: str) -> tuple[Any, ...]:
    """Numba's types of a network, its samples, its workspace and a worker of a team."""
    number, layers = np.dtype(dtype).type, Layers([1, 1])
    samples = Samples(np.zeros((1, 1), dtype), np.zeros(1, np.int64), np.zeros((1, 1), dtype))
    given = (Network(layers.table, 0, 0, number(0)), samples, workspace(layers, 1, 1, dtype), ALONE)
    return tuple(numba.typeof(value) for value in given)


def _linked_visit(dtype: str) -> Any:
    network, samples, work, worker = _types(dtype)
    numbers, flags = (types.int64, types.int64), (types.boolean, types.boolean)
    theta = numba.typeof(np.zeros(1, dtype))
    return linked(_visit, types.void(theta, network, samples, types.int64[::1], *numbers, work, worker, *flags), dtype)


_visit32, _visit64 = _linked_visit("float32"), _linked_visit("float64")


@inlined
def visit(theta, network, samples, order, begin, end, work, worker, want_losses, want_gradient):
    """Call `_visit`, which is compiled once per dtype and not into every caller."""
    arguments = (theta, network, samples, order, begin, end, work, worker, want_losses, want_gradient)
    if isinstance(theta.dtype.type(0), np.float32):
        _visit32(arguments)
    else:
        _visit64(arguments)


@kernel
def gradient(theta, network, samples, rows, work):
    """Write the gradient of the training objective over the samples `rows`, penalty included, to work.gradient."""
    visit(theta, network, samples, rows, 0, rows.size, work, ALONE, False, True)


def _train(update, theta, state, table, first, network, samples, batches, work, worker):
    """Take steps first + 1, first + 2, ..., one per row of the table of coefficients; `first` were taken before."""
    n = samples.x.shape[0]
    low, high = share(theta.size, PARAMETERS, worker)
    mine, own_gradient = vector(theta, low, high - low), vector(work.gradient, low, high - low)
    for i in range(table.shape[0]):
        step = first + i
        visits = batches.size < n  # a full batch takes all samples in their natural order
        if visits:
            reorder(batches, step, work)
        order = work.order if visits else work.natural
        begin = (step % batches.per_epoch) * batches.size
        visit(theta, network, samples, order, begin, min(begin + batches.size, n), work, worker, False, True)
        if batches.clip_norm > 0 or batches.clip_value > 0:
            if worker.rank == 0:  # the norm is one ordered sum over the whole gradient
                clip(work.gradient, batches)
            barrier(worker)
        update(mine, own_gradient, state, table[i], low)
        barrier(worker)  # the next step reads all parameters


@kernel
def evaluate(theta, network, samples, rows, work, worker, want_gradient):
    """Mean loss without penalty, sum of scores and norm of the gradient over the samples `rows`.

    The gradient is that of the training objective, penalty included, and stays in work.gradient. Without
    `want_gradient` the norm is 0 and work.gradient is not changed.
    """
    n = rows.size
    visit(theta, network, samples, rows, 0, n, work, worker, True, want_gradient)
    gradient_norm = norm(work.gradient) if want_gradient else theta.dtype.type(0)
    return ordered_sum(work.losses, n) / theta.dtype.type(n), ordered_sum(work.scores, n), gradient_norm


@lru_cache(maxsize=2)
def train(dtype: str) -> Any:
    """The compiled training loop for parameters of `dtype`; its arguments are those of `_train`."""
    number = np.dtype(dtype).type
    network, samples, work, worker = _types(dtype)
    batches = numba.typeof(Batches(0, 1, 1, True, number(0), number(0)))
    update = types.FunctionType(update_type(dtype))
    theta, table = numba.typeof(np.zeros(1, dtype)), numba.typeof(np.zeros((1, 1), dtype))
    rest = (theta, table, table, types.int64, network, samples, batches, work, worker)
    return kernel(_train, signature=types.void(update, *rest), variant=dtype, allocates=False)
