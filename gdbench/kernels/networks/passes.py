"""Passes of many samples through a network: `visit` for their gradient, `measure` for their losses and scores.

Both are compiled once per dtype, and called by whatever needs them.
"""

from typing import Any, NamedTuple

import numba
import numpy as np
from numba.core import types

from gdbench.kernels.arithmetic.intrinsics import matrix, vector
from gdbench.kernels.arithmetic.team import ALONE, barrier, share
from gdbench.kernels.compile.jit import inlined, linked
from gdbench.kernels.layers import Layers, layer_at
from gdbench.kernels.networks.losses import loss_gradient, loss_values, score_values
from gdbench.kernels.networks.network import (
    LINE,
    ROWS,
    TILE,
    Network,
    add_penalty,
    add_up,
    backward,
    forward,
    forward_from,
    gather,
    last_row,
    prefetch_for,
    workspace,
)

NO_BOUND = np.inf


class Samples(NamedTuple):
    """A split of a data set. Either labels or targets is empty, or both hold the same classes. Targets are then one-hot
    rows, or one column of 0 and 1 for binary-cross-entropy on two classes."""

    x: np.ndarray  # samples x features
    labels: np.ndarray  # int64: samples, or 0
    targets: np.ndarray  # samples (or 0) x outputs


def no_samples(dtype: str) -> Samples:
    """Samples of the types that kernels are compiled for."""
    return Samples(np.zeros((0, 1), dtype), np.zeros(0, np.int64), np.zeros((0, 1), dtype))


def types_of(dtype: str) -> tuple[Any, ...]:
    """Numba's types of a network, its samples, its workspace and a worker of a team."""
    layers = Layers([1, 1])
    network = Network(layers.table, 0, 0, np.dtype(dtype).type(0))
    given = (network, no_samples(dtype), workspace(layers, 1, 1, dtype), ALONE)
    return tuple(numba.typeof(value) for value in given)


def _visit(theta, network, samples, order, begin, end, work, worker, bound):
    """Write the gradient of the training objective over samples order[begin:end], penalty included, to work.gradient.

    They are added up in that order for any block size. work.above tells whether an output exceeds `bound` in size or is
    NaN, each worker for its own samples.
    """
    above = 0
    scale = theta.dtype.type(1) / theta.dtype.type(end - begin)
    outputs = layer_at(network.layers, network.layers.shape[0] - 1).outputs
    for first in range(begin, end, work.block):
        rows = min(work.block, end - first)
        low, high = share(rows, ROWS, worker)  # each worker takes some rows forward and back
        if low < high:
            gather(samples.x, order, first, low, high, work.values)
            # Prefetch what comes next in `order`: the next block, or the next batch.
            forward(theta, network, low, high, work, prefetch_for(samples.x, order, first + rows, low, high))
            place, count = last_row(network, low, work), (high - low) * outputs
            z, d = matrix(work.values, place, high - low, outputs), matrix(work.deltas, place, high - low, outputs)
            flat = vector(work.values, place, count)
            for i in range(count):
                above |= 0 if abs(flat[i]) <= bound else 1
            loss_gradient(network.loss, z, samples.labels, samples.targets, order, first + low, scale, d)
            backward(theta, network, low, high, work)
        barrier(worker)  # a weight's gradient needs all rows
        add_up(network, rows, work, first > begin, worker)
        barrier(worker)  # the next block overwrites values and deltas
    if worker.rank == 0:
        add_penalty(theta, network, work.gradient)
    work.above[LINE * worker.rank] = above
    barrier(worker)


def _measure(theta, network, samples, order, begin, end, in_place, work, worker, want_losses, want_scores):
    """Write the losses and scores of samples order[begin:end] to work.losses and work.scores, at begin, begin + 1, ...

    A tile of samples goes through the whole network before the next, so that its values stay in the core's cache.
    in_place: `order` is 0, 1, 2, ..., so that samples are read where they lie.
    """
    barrier(worker)  # others may still read the losses of an earlier call
    outputs, tile = layer_at(network.layers, network.layers.shape[0] - 1).outputs, min(TILE, work.block // worker.size)
    row = worker.rank * tile
    place, features = last_row(network, row, work), samples.x.shape[1]
    low, high = share(end - begin, ROWS, worker)
    for first in range(begin + low, begin + high, tile):
        rows = min(tile, begin + high - first)
        if in_place:
            forward_from(samples.x[first : first + rows], theta, network, row, work)
        else:
            gather(samples.x, order, first - row, row, row + rows, work.values)
            forward_from(matrix(work.values, row * features, rows, features), theta, network, row, work)
        # Transposed, so that the loops of losses and scores run along the samples, of which there are many.
        z, turned = matrix(work.values, place, rows, outputs), matrix(work.deltas, place, outputs, rows)
        for i in range(rows):
            for j in range(outputs):
                turned[j, i] = z[i, j]
        scratch = matrix(work.values, place, outputs, rows).T
        given = (samples.labels, samples.targets, order, first, scratch)
        if want_losses:
            loss_values(network.loss, turned.T, *given, work.losses)
        if want_scores:
            score_values(turned.T, *given, work.scores)
    barrier(worker)


def _linked(function: Any, dtype: str, *rest: Any) -> Any:
    """A pass, compiled for a dtype; rest: the types of its arguments after theta, network and samples."""
    network, samples, _, _ = types_of(dtype)
    theta = numba.typeof(np.zeros(1, dtype))
    return linked(function, types.void(theta, network, samples, *rest), dtype)


def _linked_visit(dtype: str) -> Any:
    _, _, work, worker = types_of(dtype)
    return _linked(_visit, dtype, *_PLACES, work, worker, numba.from_dtype(np.dtype(dtype)))


def _linked_measure(dtype: str) -> Any:
    _, _, work, worker = types_of(dtype)
    return _linked(_measure, dtype, *_PLACES, types.boolean, work, worker, types.boolean, types.boolean)


_PLACES = (types.int64[::1], types.int64, types.int64)
_visit32, _visit64 = _linked_visit("float32"), _linked_visit("float64")
_measure32, _measure64 = _linked_measure("float32"), _linked_measure("float64")


@inlined
def visit(theta, network, samples, order, begin, end, work, worker, bound=NO_BOUND):
    """Call `_visit`, which is compiled once per dtype and not into every caller."""
    arguments = (theta, network, samples, order, begin, end, work, worker, theta.dtype.type(bound))
    if isinstance(theta.dtype.type(0), np.float32):
        _visit32(arguments)
    else:
        _visit64(arguments)


@inlined
def measure(theta, network, samples, order, begin, end, in_place, work, worker, want_losses, want_scores):
    """Call `_measure`, as `visit` does."""
    arguments = (theta, network, samples, order, begin, end, in_place, work, worker, want_losses, want_scores)
    if isinstance(theta.dtype.type(0), np.float32):
        _measure32(arguments)
    else:
        _measure64(arguments)
