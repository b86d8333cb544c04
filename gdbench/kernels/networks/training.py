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
from gdbench.kernels.arithmetic.sums import CHUNK, norm, ordered_sum
from gdbench.kernels.arithmetic.team import ALONE, barrier, share
from gdbench.kernels.compile.jit import inlined, kernel, linked
from gdbench.kernels.layers import Layers, layer_at
from gdbench.kernels.loop.clock import now
from gdbench.kernels.loop.looks import Looks, crossed, due, level, looks_of
from gdbench.kernels.loop.sampling import Batches, reorder
from gdbench.kernels.networks.losses import loss_gradient, loss_values, score_values
from gdbench.kernels.networks.network import (
    LINE,
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

PARAMETERS = 1024  # a worker of a team updates multiples of so many
PIECE = 32  # samples of a look before it asks whether the answer is certain
NO_BOUND = np.inf


class Samples(NamedTuple):
    """A split of a data set. Either labels or targets is empty, or both hold the same classes. Targets are then one-hot
    rows, or one column of 0 and 1 for binary-cross-entropy on two classes."""

    x: np.ndarray  # samples x features
    labels: np.ndarray  # int64: samples, or 0
    targets: np.ndarray  # samples (or 0) x outputs


class Guard(NamedTuple):
    """What shows that a trial has diverged (kernels/problem.py).

    bound: outputs of at most this size have a mean loss of at most `limit`, so that it need not be computed.
    """

    limit: float  # the largest loss of a batch that has not diverged
    bound: np.floating
    each_step: bool  # whether to look for parameters that are not finite after each step, not only in the end


class Watch(NamedTuple):
    """A trial's looks at its target: the split, and which of its numbers the metric is."""

    looks: Looks
    samples: Samples
    scored: bool  # whether the metric is the sum of the scores over `divisor`; else it is the mean loss
    divisor: float


def _visit(theta, network, samples, order, begin, end, work, worker, want_losses, want_scores, want_gradient, bound):
    """Pass samples order[begin:end] through the network, in that order for any block size.

    want_losses, want_scores: write each loss to work.losses, each score to work.scores (networks/losses), at begin,
    begin + 1, ...
    want_gradient: write the gradient of the training objective over them, penalty included, to work.gradient; and to
    work.above whether an output exceeds `bound` in size or is NaN, each worker for its own samples.
    """
    above = 0
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
                loss_values(network.loss, z, labels, targets, order, first + low, d, work.losses)
            if want_scores:
                score_values(z, labels, targets, order, first + low, work.scores)
            if want_gradient:
                flat = vector(work.values, place, (high - low) * outputs)
                for i in range(flat.size):
                    above |= 0 if abs(flat[i]) <= bound else 1
                loss_gradient(network.loss, z, labels, targets, order, first + low, scale, d)
                backward(theta, network, low, high, work)
        barrier(worker)  # a weight's gradient needs all rows
        if want_gradient:
            add_up(network, rows, work, first > begin, worker)
            barrier(worker)  # the next block overwrites values and deltas
    if want_gradient and worker.rank == 0:
        add_penalty(theta, network, work.gradient)
    if want_gradient:
        work.above[LINE * worker.rank] = above
        barrier(worker)


def _types(dtype: str) -> tuple[Any, ...]:
    """Numba's types of a network, its samples, its workspace and a worker of a team."""
    number, layers = np.dtype(dtype).type, Layers([1, 1])
    samples = Samples(np.zeros((1, 1), dtype), np.zeros(1, np.int64), np.zeros((1, 1), dtype))
    given = (Network(layers.table, 0, 0, number(0)), samples, workspace(layers, 1, 1, dtype), ALONE)
    return tuple(numba.typeof(value) for value in given)


def _linked_visit(dtype: str) -> Any:
    network, samples, work, worker = _types(dtype)
    numbers, flags = (types.int64, types.int64), (types.boolean, types.boolean, types.boolean)
    theta = numba.typeof(np.zeros(1, dtype))
    given = (theta, network, samples, types.int64[::1], *numbers, work, worker, *flags, theta.dtype)
    return linked(_visit, types.void(*given), dtype)


_visit32, _visit64 = _linked_visit("float32"), _linked_visit("float64")


@inlined
def visit(
    theta, network, samples, order, begin, end, work, worker, want_losses, want_scores, want_gradient, bound=NO_BOUND
):
    """Call `_visit`, which is compiled once per dtype and not into every caller."""
    bound = theta.dtype.type(bound)
    arguments = (
        theta, network, samples, order, begin, end, work, worker, want_losses, want_scores, want_gradient, bound
    )  # fmt: skip
    if isinstance(theta.dtype.type(0), np.float32):
        _visit32(arguments)
    else:
        _visit64(arguments)


@kernel
def gradient(theta, network, samples, rows, work):
    """Write the gradient of the training objective over the samples `rows`, penalty included, to work.gradient."""
    visit(theta, network, samples, rows, 0, rows.size, work, ALONE, False, False, True)


@inlined
def _exploded(theta, network, samples, order, begin, end, work, worker, guard):
    """Whether the loss of a batch, whose gradient was just computed, is above the limit or not finite."""
    above = 0
    for rank in range(worker.size):
        above |= work.above[LINE * rank]
    if above == 0:
        return False
    visit(theta, network, samples, order, begin, end, work, worker, True, False, False)
    loss = ordered_sum(vector(work.losses, begin, end - begin), end - begin) / theta.dtype.type(end - begin)
    return not np.float64(loss) <= guard.limit


@inlined
def _value(theta, network, watch, work, worker):
    """The target's metric at the present parameters, or a number that crosses no level once that is certain."""
    samples, rises = watch.samples, watch.looks.rises
    n, number = samples.x.shape[0], theta.dtype.type(samples.x.shape[0])
    found = work.scores if watch.scored else work.losses
    total, part = theta.dtype.type(0), theta.dtype.type(0)  # `sums.ordered_sum`, as far as it has come
    value = 0.0
    for first in range(0, n, PIECE):
        last = min(first + PIECE, n)
        visit(theta, network, samples, work.natural, first, last, work, worker, not watch.scored, watch.scored, False)
        for i in range(first, last):
            if i % CHUNK == 0:
                total, part = total + part, theta.dtype.type(0)
            part += found[i]
        # No loss and no score is negative, and rounding keeps the order of sums, so the whole sum is at least this one.
        most = total + part
        if rises:  # at best, all samples that are left are right
            value = (np.float64(most) + np.float64(n - last)) / watch.divisor
            if value < level(watch.looks):
                return -np.inf
        else:
            value = np.float64(most) / watch.divisor if watch.scored else np.float64(most / number)
            if value > level(watch.looks):
                return np.inf
    return value


@inlined
def look(theta, network, watch, step, work, worker):
    """Look at the target after `step` steps; returns whether the trial ends there."""
    started = now()
    ends = crossed(watch.looks, step, _value(theta, network, watch, work, worker))
    watch.looks.nanoseconds[0] += now() - started
    return ends


@kernel
def look_once(theta, network, watch, step, work):
    """`look` by Python, in a team of one."""
    return look(theta, network, watch, step, work, ALONE)


@inlined
def _finite(theta):
    odd = 0
    for i in range(theta.size):
        odd |= 0 if theta[i] - theta[i] == 0 else 1
    return odd == 0


def _train(update, theta, state, table, first, network, samples, batches, work, worker, guard, watch):
    """Take steps first + 1, first + 2, ..., one per row of the table of coefficients; `first` were taken before.

    Returns how many were taken, and whether the last one diverged. It ends where a step diverges, and where the trial
    is to stop at its target.
    """
    n = samples.x.shape[0]
    low, high = share(theta.size, PARAMETERS, worker)
    mine, own_gradient = vector(theta, low, high - low), vector(work.gradient, low, high - low)
    if first == 0 and due(watch.looks, 0) and look(theta, network, watch, 0, work, worker):
        return 0, False
    for i in range(table.shape[0]):
        step = first + i
        visits = batches.size < n  # a full batch takes all samples in their natural order
        if visits:
            reorder(batches, step, work)
        order = work.order if visits else work.natural
        begin = (step % batches.per_epoch) * batches.size
        end = min(begin + batches.size, n)
        visit(theta, network, samples, order, begin, end, work, worker, False, False, True, guard.bound)
        exploded = _exploded(theta, network, samples, order, begin, end, work, worker, guard)
        if batches.clip_norm > 0 or batches.clip_value > 0:
            if worker.rank == 0:  # the norm is one ordered sum over the whole gradient
                clip(work.gradient, batches)
            barrier(worker)
        update(mine, own_gradient, state, table[i], low)
        barrier(worker)  # the next step reads all parameters
        if exploded or (guard.each_step and not _finite(theta)):
            return i + 1, True
        if due(watch.looks, step + 1) and look(theta, network, watch, step + 1, work, worker):
            return i + 1, False
    return table.shape[0], False


@kernel
def evaluate(theta, network, samples, rows, work, worker, want_gradient):
    """Mean loss without penalty, sum of scores and norm of the gradient over the samples `rows`.

    The gradient is that of the training objective, penalty included, and stays in work.gradient. Without
    `want_gradient` the norm is 0 and work.gradient is not changed.
    """
    n = rows.size
    visit(theta, network, samples, rows, 0, n, work, worker, True, True, want_gradient)
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
    guard = numba.typeof(Guard(0.0, number(0), False))
    watch = numba.typeof(
        Watch(
            looks_of(None), Samples(np.zeros((1, 1), dtype), np.zeros(1, np.int64), np.zeros((1, 1), dtype)), False, 0.0
        )
    )
    rest = (theta, table, table, types.int64, network, samples, batches, work, worker, guard, watch)
    returned = types.Tuple((types.int64, types.boolean))
    return kernel(_train, signature=returned(update, *rest), variant=dtype, allocates=False)
