"""The large engine's kernels beside its products: gather, activate, apply the loss, sum, clip, update.

Each works on rows, chunks or quads, and the threads of the grid take one after another. A layer is a matrix in a flat
array whose rows are `apart` numbers apart: a whole number of quads, with room for one number after the last. In
`values` that number is 1, so the weights' product computes the bias gradient as one more row: column sums of the
derivatives, times 1. The bias gradient follows that of the weights in the gradient.

`cursor`, on the device, says which samples and coefficients a step uses, and a kernel advances it there. So every step
is the same launches and can be replayed as a graph.
"""

import math
from collections.abc import Callable, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numba.core import types

from gdbench.kernels.arithmetic.clipping import clip_from
from gdbench.kernels.arithmetic.intrinsics import matrix, vector
from gdbench.kernels.arithmetic.sums import CHUNK, chunk_squares, chunk_sum
from gdbench.kernels.compile.cuda import Kernel, barrier, block, blocks, cuda, lane
from gdbench.kernels.gpu.quads import QUAD, load_quad, registers, store_quad
from gdbench.kernels.gpu.update import quad_step_of, source_of_all
from gdbench.kernels.networks.activations import activate, backpropagate, keeps_sums
from gdbench.kernels.networks.losses import loss_gradient, loss_values, score_values
from gdbench.kernels.networks.network import penalise
from gdbench.kernels.rules.contract import Rule

THREADS = 256  # per block


class Cursor(IntEnum):
    """The position of the training: indices into an int64 array."""

    ROW = 0  # row of the table of coefficients
    BEGIN = 1  # where the step's samples begin in the epoch's order
    ORDER = 2  # row of that order, -1 for samples in their natural order
    LEFT = 3  # steps left in the epoch


_ROW, _BEGIN, _ORDER, _LEFT = (int(place) for place in Cursor)
MEAN, TOTAL, ROOT = range(3)  # what is written: the sum divided by the number of terms, the sum, its square root


def _made(function: Callable[..., None], signature: Sequence[Any], dtype: str, threads: int, **named: Any) -> Kernel:
    named["variant"] = f"{named['variant']}-{dtype}" if "variant" in named else dtype
    return Kernel(function, signature, threads=threads, blocks=2, **named)


@lru_cache(maxsize=4)
def gather(dtype: str, threads: int = THREADS) -> Kernel:
    """Copy samples to the rows of inputs, and their numbers to `numbers` from `at` on; one row per block."""
    kind, one = numba.from_dtype(np.dtype(dtype)), np.dtype(dtype).type(1)

    def gather(x, orders, cursor, values, apart, numbers, offset, at, rows):
        me, width = lane(), x.shape[1]
        first, order = cursor[_BEGIN] + offset, cursor[_ORDER]
        for i in range(block(), rows, blocks()):
            row = first + i if order < 0 else np.int64(orders[order, first + i])
            for j in range(me, width, threads):
                values[i * apart + j] = x[row, j]
            if me == 0:
                values[i * apart + width] = one
                numbers[at + i] = row

    whole, flat = types.int64, kind[::1]
    orders, numbers = types.int32[:, ::1], types.int32[::1]
    signature = (kind[:, ::1], orders, types.int64[::1], flat, whole, numbers, whole, whole, whole)
    return _made(gather, signature, dtype, threads)


@lru_cache(maxsize=4)
def activations(dtype: str, threads: int = THREADS) -> Kernel:
    """Replace a layer's sums by its results; gelu's sums are kept. add: add the biases first. One row per block."""
    kind, number = numba.from_dtype(np.dtype(dtype)), np.dtype(dtype).type

    def activations(activation, values, sums, apart, width, rows, bias, bias0, add):
        me = lane()
        for row in range(block(), rows, blocks()):
            for column in range(me * QUAD, apart, threads * QUAD):
                place = row * apart + column
                z, kept = registers(number(0), QUAD), registers(number(0), QUAD)
                load_quad(values, place, z)
                if add:
                    for i in range(QUAD):
                        z[i] += bias[bias0 + min(column + i, width - 1)]
                activate(activation, z, kept)
                for i in range(QUAD):
                    z[i] = number(1) if column + i == width else z[i]  # the 1 after the last unit
                store_quad(z, values, place)
                if keeps_sums(activation):
                    store_quad(kept, sums, place)

    whole, flat = types.int64, kind[::1]
    return _made(activations, (whole, flat, flat, whole, whole, whole, flat, whole, types.boolean), dtype, threads)


@lru_cache(maxsize=4)
def activation_gradients(dtype: str, threads: int = THREADS) -> Kernel:
    """Turn the derivatives by a layer's results into those by its sums; one quad per thread."""
    kind, number = numba.from_dtype(np.dtype(dtype)), np.dtype(dtype).type

    def activation_gradients(activation, values, sums, deltas, size):
        for place in range((block() * threads + lane()) * QUAD, size, blocks() * threads * QUAD):
            a, z, d = registers(number(0), QUAD), registers(number(0), QUAD), registers(number(0), QUAD)
            load_quad(values, place, a)
            load_quad(deltas, place, d)
            if keeps_sums(activation):
                load_quad(sums, place, z)
            backpropagate(activation, a, z, d)
            store_quad(d, deltas, place)

    flat = kind[::1]
    return _made(activation_gradients, (types.int64, flat, flat, flat, types.int64), dtype, threads)


@lru_cache(maxsize=4)
def apply_loss(dtype: str, threads: int = THREADS) -> Kernel:
    """Each sample's loss and score, and the derivatives by its outputs, if wanted; one row per thread.

    Without losses, it also notes in odd[0] whether an output exceeds `bound` in size or is NaN.
    """
    kind = numba.from_dtype(np.dtype(dtype))

    def apply_loss(
        loss, values, deltas, apart, outputs, rows, labels, targets, numbers, at, scale, want_losses, want_gradient,
        losses, scores, bound, odd,
    ):  # fmt: skip
        for i in range(block() * threads + lane(), rows, blocks() * threads):
            z, d = matrix(values, i * apart, 1, outputs), matrix(deltas, i * apart, 1, outputs)
            if want_losses:
                loss_values(loss, z, labels, targets, numbers, at + i, d, losses)
                score_values(z, labels, targets, numbers, at + i, d, scores)
            else:
                for j in range(outputs):
                    if not abs(z[0, j]) <= bound:
                        odd[0] = 1
            if want_gradient:
                loss_gradient(loss, z, labels, targets, numbers, at + i, scale, d)

    whole, flat, flag = types.int64, kind[::1], types.boolean
    signature = (
        whole, flat, flat, whole, whole, whole, types.int64[::1], kind[:, ::1], types.int32[::1], whole, kind, flag,
        flag, flat, flat, kind, types.int32[::1],
    )  # fmt: skip
    return _made(apply_loss, signature, dtype, threads)


@lru_cache(maxsize=4)
def penalties(dtype: str, threads: int = THREADS) -> Kernel:
    """`network.penalise` of a layer's weights; one weight per thread."""
    kind = numba.from_dtype(np.dtype(dtype))

    def penalties(l2, home, weight, gradient, count):
        for i in range(block() * threads + lane(), count, blocks() * threads):
            penalise(l2, vector(home, weight + i, 1), vector(home, gradient + i, 1))

    return _made(penalties, (kind, kind[::1], types.int64, types.int64, types.int64), dtype, threads)


@lru_cache(maxsize=4)
def partial_sums(dtype: str, threads: int = THREADS) -> Kernel:
    """The chunks' sums of x[start : start + size], or of the squares (arithmetic/sums.py); one chunk per thread."""
    kind = numba.from_dtype(np.dtype(dtype))

    def partial_sums(x, start, size, squares, parts):
        chunks = (size + CHUNK - 1) // CHUNK
        for i in range(block() * threads + lane(), chunks, blocks() * threads):
            terms = vector(x, start, size)
            parts[i] = chunk_squares(terms, i * CHUNK, size) if squares else chunk_sum(terms, i * CHUNK, size)

    flat = kind[::1]
    return _made(partial_sums, (flat, types.int64, types.int64, types.boolean, flat), dtype, threads)


@lru_cache(maxsize=4)
def whole_sum(dtype: str, threads: int = THREADS) -> Kernel:
    """Add the chunks' sums of `size` terms, in order, and write MEAN, TOTAL or ROOT to out[at]; one block."""
    kind, number = numba.from_dtype(np.dtype(dtype)), np.dtype(dtype).type

    def whole_sum(parts, size, way, out, at):
        near, me = cuda.shared.array(threads, kind), lane()
        total, chunks = number(0), (size + CHUNK - 1) // CHUNK
        for first in range(0, chunks, threads):
            if first + me < chunks:
                near[me] = parts[first + me]
            barrier()
            if me == 0:  # all threads load, one adds: the order of the CPU
                for i in range(min(threads, chunks - first)):
                    total += near[i]
            barrier()
        if me == 0:
            if way == MEAN:
                total /= number(size)
            elif way == ROOT:
                total = math.sqrt(total)
            out[at] = total

    flat, whole = kind[::1], types.int64
    return _made(whole_sum, (flat, whole, whole, flat, whole), dtype, threads)


@lru_cache(maxsize=4)
def clipped(dtype: str, threads: int = THREADS) -> Kernel:
    """`clipping.clip_from` of home[start : start + size], whose norm is norms[0]; one element per thread."""
    kind = numba.from_dtype(np.dtype(dtype))

    def clipped(home, start, size, norms, limit, bound):
        for i in range(block() * threads + lane(), size, blocks() * threads):
            clip_from(norms[0], vector(home, start + i, 1), limit, bound)

    flat, whole = kind[::1], types.int64
    return _made(clipped, (flat, whole, whole, flat, kind, kind), dtype, threads)


@lru_cache(maxsize=32)
def update(rule: Rule, dtype: str, threads: int = THREADS) -> Kernel:
    """A rule's step on home[theta : theta + stride]; gradient and slots follow there. One quad per thread."""
    kind, step = numba.from_dtype(np.dtype(dtype)), quad_step_of(rule)

    def update(home, theta, stride, table, cursor):
        first = (block() * threads + lane()) * QUAD
        if first < stride:
            step(home, theta, stride, table[cursor[_ROW]], first)

    signature = (kind[::1], types.int64, types.int64, kind[:, ::1], types.int64[::1])
    return _made(update, signature, dtype, threads, variant=rule.name, source=source_of_all([rule]))


@lru_cache(maxsize=1)
def moved() -> Kernel:
    """Advance the cursor to the next step; one thread."""

    def moved(cursor, batch_size, per_epoch, reshuffle):
        cursor[_ROW] += 1
        cursor[_BEGIN] += batch_size
        cursor[_LEFT] -= 1
        if cursor[_LEFT] == 0:
            cursor[_BEGIN], cursor[_LEFT] = 0, per_epoch
            if reshuffle and cursor[_ORDER] >= 0:
                cursor[_ORDER] += 1

    signature = (types.int64[::1], types.int64, types.int64, types.boolean)
    return Kernel(moved, signature, threads=1)
