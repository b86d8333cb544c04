"""A network's looks at its target, and its evaluations: what the training loop does between two steps.

A look computes one metric of one split, and stops once it is certain. An evaluation computes everything that a point of
the curve holds.
"""

from typing import NamedTuple

import numpy as np

from gdbench.kernels.arithmetic.sums import CHUNK, norm, ordered_sum
from gdbench.kernels.arithmetic.team import ALONE, barrier
from gdbench.kernels.compile.jit import inlined, kernel
from gdbench.kernels.loop.clock import now
from gdbench.kernels.loop.evaluations import Evaluations, made
from gdbench.kernels.loop.looks import Looks, crossed, level
from gdbench.kernels.networks.passes import Samples, measure, visit
from gdbench.kernels.problem import SPLITS

PIECE = 32  # samples of a look before it asks whether the answer is certain
WIDTH = 2 * len(SPLITS) + 1  # numbers of an evaluation: mean losses, sums of scores, the gradient's norm
_NORM = WIDTH - 1


class Watch(NamedTuple):
    """A trial's looks at its target: the split, and which of its numbers the metric is."""

    looks: Looks
    samples: Samples
    scored: bool  # whether the metric is the sum of the scores over `divisor`; else it is the mean loss
    divisor: float


class Curve(NamedTuple):
    """A trial's evaluations, and the samples that they are over."""

    evaluations: Evaluations
    splits: tuple[Samples, ...]  # of which the losses and scores are: training, validation, test
    samples: Samples  # of which the gradient is: all that train
    gradient: bool  # whether it is wanted


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
        measure(theta, network, samples, work.natural, first, last, True, work, worker, not watch.scored, watch.scored)
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
def evaluate(theta, network, curve, step, work, worker):
    """Evaluate after `step` steps: a row of `WIDTH` numbers, 0 for an empty split and for a gradient not wanted.

    The gradient is that of the training objective, penalty included, and stays in work.gradient.
    """
    started, place = now(), curve.evaluations.filled[0]
    for split in range(len(curve.splits)):
        samples, loss, score = curve.splits[split], 0.0, 0.0
        n = samples.x.shape[0]
        if n > 0:
            measure(theta, network, samples, work.natural, 0, n, True, work, worker, True, True)
            loss = np.float64(ordered_sum(work.losses, n) / theta.dtype.type(n))
            score = np.float64(ordered_sum(work.scores, n))
        if worker.rank == 0:
            curve.evaluations.values[place, split] = loss
            curve.evaluations.values[place, len(curve.splits) + split] = score
    if curve.gradient:
        visit(theta, network, curve.samples, work.natural, 0, curve.samples.x.shape[0], work, worker)
    if worker.rank == 0:
        curve.evaluations.values[place, _NORM] = np.float64(norm(work.gradient)) if curve.gradient else 0.0
    barrier(worker)  # the next gradient overwrites this one
    made(curve.evaluations, step, now() - started)


@kernel
def evaluate_once(theta, network, curve, step, work):
    """`evaluate` by Python, in a team of one."""
    evaluate(theta, network, curve, step, work, ALONE)
