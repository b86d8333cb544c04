"""The kernel that trains whole trials: a block of threads takes one trial through its steps and evaluations.

It is `networks.training` again, with the threads of a block in place of a loop over a vector. The operations, their
order and the scalar functions are the same, so a trial has the same bits on both devices. Steps and evaluations share
one pass over samples, since the compiler would otherwise write it twice.

Any mix of rules, learning rates, batch sizes, schedules and seeds runs in one launch. A trial goes from its step
`first` to its step `first + count`, or to its end, and writes a record at each step where it is evaluated. The CPU
prepares the tables of coefficients and the permutations of the samples while the GPU computes.
"""

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numba.core import types

from gdbench.kernels.arithmetic.clipping import clip_from
from gdbench.kernels.arithmetic.intrinsics import matrix, vector
from gdbench.kernels.arithmetic.sums import CHUNK, chunk_squares
from gdbench.kernels.compile.cuda import ALIGNED, Kernel, barrier, block, cuda, lane
from gdbench.kernels.compile.jit import inlined, one_of
from gdbench.kernels.gpu.layout import ROWS, SPLITS, SUSPECT, Job, Limit
from gdbench.kernels.gpu.products import (
    bias_sums,
    forward_product,
    input_product,
    leading,
    weight_product,
)
from gdbench.kernels.gpu.quads import QUAD, load_quad, ratio, registers, store_quad
from gdbench.kernels.gpu.update import source_of_all
from gdbench.kernels.gpu.update import step_of as _step_of
from gdbench.kernels.layers import Layers, layer_at
from gdbench.kernels.networks.activations import activate, backpropagate, keeps_sums
from gdbench.kernels.networks.losses import loss_gradient, loss_values, score_values
from gdbench.kernels.networks.network import Network, penalise
from gdbench.kernels.networks.passes import Samples
from gdbench.kernels.rules.contract import Rule

WARP = 32
_BATCH, _PER_EPOCH, _STEPS, _LAST = int(Job.BATCH), int(Job.PER_EPOCH), int(Job.STEPS), int(Job.LAST)
_RULE, _TABLE, _ORDER, _EPOCH = int(Job.RULE), int(Job.TABLE), int(Job.ORDER), int(Job.EPOCH)
_RESHUFFLE, _POINT, _CURVE = int(Job.RESHUFFLE), int(Job.POINT), int(Job.CURVE)
_ENDED = int(Job.ENDED)
_CLIP_NORM, _CLIP_VALUE, _BOUND = int(Limit.CLIP_NORM), int(Limit.CLIP_VALUE), int(Limit.BOUND)


class TrialMemory(NamedTuple):
    """Where a trial's numbers lie (kernels/gpu/layout.py): arrays, and offsets into them."""

    home: Any  # parameters, gradient and slots
    theta: int
    stride: int
    space: Any  # activations
    values: int
    deltas: int
    sums: int
    rows: int  # rows that a layer's matrix has room for


class SharedArrays(NamedTuple):
    """Small arrays that the threads of a block share."""

    numbers: Any  # int32: the samples in the present rows
    losses: Any  # of these samples
    scores: Any
    parts: Any  # one number per thread
    odd: Any  # int32, one element: whether a step of the launch may have diverged


@inlined
def _gather(x, rows, width, place, arrays, lane, lanes):
    """Copy the samples arrays.numbers[:rows] to the rows of inputs; each warp takes one row after another."""
    apart, across = leading(width), min(lanes, WARP)
    for i in range(lane // across, rows, lanes // across):
        row = arrays.numbers[i]
        for j in range(lane % across, width, across):
            place.space[place.values + i * apart + j] = x[row, j]


@inlined
def _forward(place, network, rows, lane, lanes):
    """Compute every layer's results for the present rows."""
    # sums and deltas have no inputs: their offsets are `inner` less than those of values.
    layers, inner = network.layers.shape[0], place.rows * layer_at(network.layers, 0).above
    for number in range(layers):
        at = layer_at(network.layers, number)
        above, apart = place.rows * at.above, leading(at.outputs)
        x, z = place.values + place.rows * at.below, place.values + above
        forward_product(
            place.space.dtype.type(0), place.space, x, leading(at.inputs), place.home, place.theta + at.weight,
            at.outputs, True, place.theta + at.bias, place.space, z, apart,
            rows, at.inputs, at.outputs, lane, lanes,
        )  # fmt: skip
        barrier()  # the activation reads sums of other threads
        if number < layers - 1:
            sums = place.sums + above - inner if keeps_sums(network.activation) else z
            for i in range(lane * QUAD, rows * apart, lanes * QUAD):
                activate(network.activation, vector(place.space, z + i, QUAD), vector(place.space, sums + i, QUAD))
            barrier()


@inlined
def _apply_loss(place, network, samples, rows, scale, want_losses, want_gradient, bound, arrays, lane, lanes):
    """Each row's loss and score, and the derivatives by its outputs, if wanted; one row per thread.

    Without losses, it also notes in arrays.odd whether an output exceeds `bound` in size or is NaN.
    """
    last = layer_at(network.layers, network.layers.shape[0] - 1)
    outputs, start = last.outputs, place.rows * last.above
    z0, d0 = place.values + start, place.deltas + start - place.rows * layer_at(network.layers, 0).above
    for i in range(lane, rows, lanes):
        z = matrix(place.space, z0 + i * leading(outputs), 1, outputs)
        d = matrix(place.space, d0 + i * leading(outputs), 1, outputs)
        given = (samples.labels, samples.targets, arrays.numbers, i)
        if want_losses:
            loss_values(network.loss, z, *given, d, arrays.losses)
            score_values(z, *given, d, arrays.scores)
        else:
            for j in range(outputs):
                if not abs(z[0, j]) <= bound:
                    arrays.odd[0] = 1
        if want_gradient:
            loss_gradient(network.loss, z, *given, scale, d)
    barrier()


@inlined
def _backward(place, network, rows, lane, lanes):
    """Backpropagate the derivatives from the outputs to every hidden layer's sums."""
    inner = place.rows * layer_at(network.layers, 0).above
    for number in range(network.layers.shape[0] - 1, 0, -1):
        at = layer_at(network.layers, number)
        start, apart = place.rows * at.below, leading(at.inputs)
        d, below = place.deltas + place.rows * at.above - inner, place.deltas + start - inner
        input_product(
            place.space.dtype.type(0), place.space, d, leading(at.outputs), place.home, place.theta + at.weight,
            at.outputs, False, 0, place.space, below,
            apart, rows, at.outputs, at.inputs, lane, lanes,
        )  # fmt: skip
        barrier()
        a = place.values + start
        z = place.sums + start - inner if keeps_sums(network.activation) else a
        for i in range(lane * QUAD, rows * apart, lanes * QUAD):
            backpropagate(
                network.activation,
                vector(place.space, a + i, QUAD),
                vector(place.space, z + i, QUAD),
                vector(place.space, below + i, QUAD),
            )
        barrier()


@inlined
def _add_up(place, network, rows, more, lane, lanes):
    """Write the gradient of the present rows; if `more`, add it to that of earlier ones."""
    gradient, inner = place.theta + place.stride, place.rows * layer_at(network.layers, 0).above
    for number in range(network.layers.shape[0]):
        at = layer_at(network.layers, number)
        x, d = place.values + place.rows * at.below, place.deltas + place.rows * at.above - inner
        # Each element has one thread, so layers, weights and biases need no barrier between them.
        weight_product(
            place.space, x, leading(at.inputs), place.space, d, leading(at.outputs), more, place.home,
            gradient + at.weight, rows, at.inputs, at.outputs, lane, lanes,
        )  # fmt: skip
        bias_sums(
            place.space, d, leading(at.outputs), more, place.home, gradient + at.bias, rows, at.outputs, lane, lanes
        )
    barrier()


@inlined
def _penalise(place, network, lane, lanes):
    """`network.add_penalty`."""
    for number in range(network.layers.shape[0]):
        at = layer_at(network.layers, number)
        count = at.bias - at.weight
        for i in range(lane * QUAD, count, lanes * QUAD):
            size, here = min(QUAD, count - i), place.theta + at.weight + i
            penalise(network.l2, vector(place.home, here, size), vector(place.home, here + place.stride, size))
    barrier()


@inlined
def _norm(place, size, arrays, lane, lanes):
    """`sums.norm` of the gradient: one chunk per thread, then every thread adds the chunks in order."""
    gradient = vector(place.home, place.theta + place.stride, size)
    total, chunks = gradient.dtype.type(0), (size + CHUNK - 1) // CHUNK
    for first in range(0, chunks, lanes):
        mine = first + lane
        if mine < chunks:
            arrays.parts[lane] = chunk_squares(gradient, mine * CHUNK, size)
        barrier()
        for i in range(min(lanes, chunks - first)):
            total += arrays.parts[i]
        barrier()  # before the next round overwrites `parts`
    return math.sqrt(total)


@lru_cache(maxsize=32)
def sweep(rules: tuple[Rule, ...], dtype: str, threads: int, blocks: int, near: tuple[bool, bool]) -> Kernel:
    """The kernel for trials of these rules.

    threads: per block. blocks: how many a multiprocessor is to hold. near: whether parameters, and whether activations,
    lie in the block's shared memory, from its start in this order, instead of the arrays given.
    """
    number = np.dtype(dtype).type
    kind = numba.from_dtype(np.dtype(dtype))
    lanes = threads
    update = one_of([_step_of(rule) for rule in rules])
    near_parameters, near_activations = near

    def sweep(
        which, jobs, limits, tables, orders, points, network, samples, visits, parameters, activations, records, first,
        count, sizes,
    ):  # fmt: skip
        me, trial = lane(), which[block()]  # the host lists those with the largest batches first
        stride, held, rows, deltas, sums, working = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5]
        shared = cuda.shared.array(0, kind, ALIGNED)  # its size is an argument of the launch
        numbers = cuda.shared.array(ROWS, types.int32)
        losses = cuda.shared.array(ROWS, kind)
        scores = cuda.shared.array(ROWS, kind)
        parts = cuda.shared.array(threads, kind)
        odd = cuda.shared.array(1, types.int32)
        arrays = SharedArrays(numbers, losses, scores, parts, odd)
        if me == 0:
            arrays.odd[0] = 0
        barrier()
        far_home, far_space = trial * held, trial * working
        home, theta = (shared, 0) if near_parameters else (parameters, far_home)
        space, values = (shared, held if near_parameters else 0) if near_activations else (activations, far_space)
        place = TrialMemory(home, theta, stride, space, values, values + deltas, values + sums, rows)
        job, limit = jobs[trial], limits[trial]
        # The parameters stay in shared memory for all steps of the launch, and are copied back at its end.
        if near_parameters:
            for i in range(me * QUAD, held, lanes * QUAD):
                quad = registers(number(0), QUAD)
                load_quad(parameters, far_home + i, quad)
                store_quad(quad, shared, i)
            barrier()
        last = layer_at(network.layers, network.layers.shape[0] - 1)
        size = last.bias + last.outputs  # how many parameters there are
        n, until = visits[SPLITS + 1, 1], min(first + count, job[_LAST])
        step, ended, at, record = job[_STEPS], job[_ENDED], job[_POINT], job[_CURVE]
        # What an evaluation visits next: a split for its losses, or last the training split for its gradient; -1 for a
        # step.
        split = 0 if points[at] == step and ended == 0 else -1
        # Each iteration is one step, or one visit of an evaluation. Conditions around barriers are the same for all
        # threads. The loop ends when the trial ends or the launch's steps are done.
        while ended == 0 and (split >= 0 or step < until):
            # Choose the samples.
            looks = split >= 0
            if looks:
                begin, end, order = visits[split, 0], visits[split, 1], np.int64(-1)
            else:
                epoch = ratio(step, job[_PER_EPOCH])
                begin = (step - epoch * job[_PER_EPOCH]) * job[_BATCH]
                end, order = min(begin + job[_BATCH], n), job[_ORDER]
                if order >= 0 and job[_RESHUFFLE] != 0:
                    order += epoch - job[_EPOCH]
            want_gradient = split < 0 or split == SPLITS
            scale = number(1) / number(end - begin)
            total, part = number(0), number(0)
            for low in range(begin, end, rows):
                here = min(rows, end - low)
                for i in range(me, here, lanes):
                    arrays.numbers[i] = low + i if order < 0 else orders[order, low + i]
                barrier()
                _gather(samples.x, here, layer_at(network.layers, 0).inputs, place, arrays, me, lanes)
                barrier()
                _forward(place, network, here, me, lanes)
                _apply_loss(
                    place, network, samples, here, scale, looks, want_gradient, limit[_BOUND], arrays, me, lanes
                )
                if (
                    looks and split < SPLITS and me < 2
                ):  # `sums.ordered_sum` of the losses by one thread, of the scores by another
                    for i in range(here):
                        part += arrays.losses[i] if me == 0 else arrays.scores[i]
                        if (low - begin + i + 1) % CHUNK == 0:
                            total, part = total + part, number(0)
                if want_gradient:
                    _backward(place, network, here, me, lanes)
                    _add_up(place, network, here, low > begin, me, lanes)
                else:
                    barrier()
            if want_gradient and network.l2 != 0:
                _penalise(place, network, me, lanes)
            if looks:  # the threads that added the losses and scores write them
                if split == SPLITS:
                    gradient_norm = _norm(place, size, arrays, me, lanes)
                    if me == 0:
                        records[record, 2 * SPLITS] = gradient_norm
                else:
                    total = total + part if end > begin else total
                    if me == 0:
                        records[record, split] = total / number(end - begin)
                    if me == 1:
                        records[record, SPLITS + split] = total
                split += 1
                while split <= SPLITS and visits[split, 0] == visits[split, 1]:  # nothing to visit: zeros
                    if me == 0:
                        records[record, split if split < SPLITS else 2 * SPLITS] = number(0)
                    if me == 0 and split < SPLITS:
                        records[record, SPLITS + split] = number(0)
                    split += 1
                if split > SPLITS:
                    split, at, record = -1, at + 1, record + 1
            elif arrays.odd[0] != 0:  # every thread reads what any has written before a barrier
                ended = SUSPECT
            else:  # clip, update, and see whether an evaluation is due
                gradient = theta + stride
                if limit[_CLIP_NORM] > 0 or limit[_CLIP_VALUE] > 0:
                    length = _norm(place, size, arrays, me, lanes) if limit[_CLIP_NORM] > 0 else number(0)
                    for i in range(me * QUAD, size, lanes * QUAD):
                        piece = vector(home, gradient + i, min(QUAD, size - i))
                        clip_from(length, piece, limit[_CLIP_NORM], limit[_CLIP_VALUE])
                    barrier()
                update(job[_RULE], home, theta, stride, tables[job[_TABLE] + step - first], me, lanes)
                barrier()
                step += 1
                if points[at] == step:
                    split = 0
        for i in range(me, size, lanes):  # a parameter that is not finite stays so
            if home[theta + i] - home[theta + i] != 0:
                arrays.odd[0] = 1
        barrier()
        if near_parameters:
            for i in range(me * QUAD, held, lanes * QUAD):
                quad = registers(number(0), QUAD)
                load_quad(shared, i, quad)
                store_quad(quad, parameters, far_home + i)
        if me == 0:
            ended = ended if arrays.odd[0] == 0 else SUSPECT
            job[_STEPS], job[_ENDED], job[_POINT], job[_CURVE] = step, ended, at, record

    flat, table, matrix_of = kind[::1], kind[:, ::1], types.int64[:, ::1]
    network = numba.typeof(Network(Layers([1, 1]).table, 0, 0, number(0)))
    samples = numba.typeof(Samples(np.zeros((1, 1), dtype), np.zeros(1, np.int64), np.zeros((1, 1), dtype)))
    vector_of = types.int64[::1]
    signature = (
        vector_of, matrix_of, table, table, types.int32[:, ::1], vector_of, network, samples, matrix_of, flat, flat,
        table, types.int64, types.int64, vector_of,
    )  # fmt: skip
    names = "+".join(rule.name for rule in rules)
    places = "".join("near" if is_near else "far" for is_near in near)
    return Kernel(
        sweep,
        signature,
        threads=threads,
        blocks=blocks,
        variant=f"{names}-{dtype}-{threads}-{places}",
        source=source_of_all(rules),
    )
