"""The training loop of a network, compiled once per dtype for all rules.

It takes a trial through a chunk of steps, with the looks and the evaluations that are due between them. A rule's update
is passed as a first-class function of fixed signature, so one compiled loop serves all rules.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numba.core import types

from gdbench.kernels.arithmetic.clipping import clip
from gdbench.kernels.arithmetic.intrinsics import vector
from gdbench.kernels.arithmetic.sums import ordered_sum
from gdbench.kernels.arithmetic.team import ALONE, barrier, share
from gdbench.kernels.compile.jit import inlined, kernel
from gdbench.kernels.loop.evaluations import evaluations_at, wanted
from gdbench.kernels.loop.looks import due, looks_of
from gdbench.kernels.loop.sampling import Batches, reorder
from gdbench.kernels.networks.evaluation import WIDTH, Curve, Watch, evaluate, look
from gdbench.kernels.networks.network import LINE
from gdbench.kernels.networks.passes import measure, no_samples, types_of, visit
from gdbench.kernels.problem import SPLITS
from gdbench.kernels.rules.contract import update_type

PARAMETERS = 1024  # a worker of a team updates multiples of so many


class Guard(NamedTuple):
    """What shows that a trial has diverged (kernels/problem.py).

    bound: outputs of at most this size have a mean loss of at most `limit`, so that it need not be computed.
    """

    limit: float  # the largest loss of a batch that has not diverged
    bound: np.floating
    each_step: bool  # whether to look for parameters that are not finite after each step, not only in the end


@kernel
def gradient(theta, network, samples, rows, work):
    """Write the gradient of the training objective over the samples `rows`, penalty included, to work.gradient."""
    visit(theta, network, samples, rows, 0, rows.size, work, ALONE)


@inlined
def _mean_loss(theta, network, samples, order, begin, end, work, worker):
    measure(theta, network, samples, order, begin, end, False, work, worker, True, False)
    return ordered_sum(vector(work.losses, begin, end - begin), end - begin) / theta.dtype.type(end - begin)


@kernel
def mean_loss(theta, network, samples, rows, work):
    """The mean loss of the samples `rows`, without penalty."""
    return _mean_loss(theta, network, samples, rows, 0, rows.size, work, ALONE)


@inlined
def _exploded(theta, network, samples, order, begin, end, work, worker, guard):
    """Whether the loss of a batch, whose gradient was just computed, is above the limit or not finite."""
    above = 0
    for rank in range(worker.size):
        above |= work.above[LINE * rank]
    if above == 0:
        return False
    return not np.float64(_mean_loss(theta, network, samples, order, begin, end, work, worker)) <= guard.limit


@inlined
def _finite(theta):
    odd = 0
    for i in range(theta.size):
        odd |= 0 if theta[i] - theta[i] == 0 else 1
    return odd == 0


def _train(update, theta, state, table, first, network, samples, batches, work, worker, guard, watch, curve):
    """Take steps first + 1, first + 2, ..., one per row of the table of coefficients; `first` were taken before.

    Returns how many were taken, and whether the last one diverged. It ends where a step diverges, and where the trial
    is to stop at its target. Looks and evaluations are made where they are due, but not after a step that diverges.
    """
    n = samples.x.shape[0]
    low, high = share(theta.size, PARAMETERS, worker)
    mine, own_gradient = vector(theta, low, high - low), vector(work.gradient, low, high - low)
    if first == 0 and wanted(curve.evaluations, 0):
        evaluate(theta, network, curve, 0, work, worker)
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
        visit(theta, network, samples, order, begin, end, work, worker, guard.bound)
        exploded = _exploded(theta, network, samples, order, begin, end, work, worker, guard)
        if batches.clip_norm > 0 or batches.clip_value > 0:
            if worker.rank == 0:  # the norm is one ordered sum over the whole gradient
                clip(work.gradient, batches)
            barrier(worker)
        update(mine, own_gradient, state, table[i], low)
        barrier(worker)  # the next step reads all parameters
        if exploded or (guard.each_step and not _finite(theta)):
            return i + 1, True
        ends = due(watch.looks, step + 1) and look(theta, network, watch, step + 1, work, worker)
        if wanted(curve.evaluations, step + 1):
            if not guard.each_step and not _finite(theta):
                return i + 1, False  # these steps are taken again, one by one (`Training.advance`)
            evaluate(theta, network, curve, step + 1, work, worker)
        if ends:
            return i + 1, False
    return table.shape[0], False


@lru_cache(maxsize=2)
def train(dtype: str) -> Any:
    """The compiled training loop for parameters of `dtype`; its arguments are those of `_train`."""
    number = np.dtype(dtype).type
    network, samples, work, worker = types_of(dtype)
    none = no_samples(dtype)
    batches = numba.typeof(Batches(0, 1, 1, True, number(0), number(0)))
    update = types.FunctionType(update_type(dtype))
    theta, table = numba.typeof(np.zeros(1, dtype)), numba.typeof(np.zeros((1, 1), dtype))
    guard = numba.typeof(Guard(0.0, number(0), False))
    watch = numba.typeof(Watch(looks_of(None), none, False, 0.0))
    curve = numba.typeof(Curve(evaluations_at([], WIDTH), (none,) * len(SPLITS), none, False))
    rest = (theta, table, table, types.int64, network, samples, batches, work, worker, guard, watch, curve)
    returned = types.Tuple((types.int64, types.boolean))
    return kernel(_train, signature=returned(update, *rest), variant=dtype, allocates=False)
