"""Where the numbers of a trial lie on the GPU, and the tables by which a launch controls its trials.

Parameters: theta, the gradient and the rule's slots, each from a multiple of four numbers on. Activations: each layer's
results (`values`), the derivatives by them (`deltas`, none for the inputs), and for gelu the sums z of the hidden
layers. Each layer is a matrix of `rows` rows, `leading` numbers apart (kernels/gpu/products.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from gdbench.kernels.gpu.products import leading
from gdbench.kernels.gpu.quads import QUAD
from gdbench.kernels.layers import Layers
from gdbench.kernels.networks.activations import keeps_sums

ROWS = 64  # samples at a time, at most
SPLITS = 3
SUSPECT = 2  # in Job.ENDED: a step may have diverged, so that the CPU must train the trial
RECORD = 2 * SPLITS + 1  # numbers of an evaluation: mean losses, sums of scores, the gradient's norm


class Job(IntEnum):
    """Columns of an int64 table with a row per trial; the kernel reads all of them and updates those marked written."""

    BATCH = 0  # samples of a batch
    PER_EPOCH = 1  # steps per epoch
    STEPS = 2  # steps taken; written
    LAST = 3  # its last step
    RULE = 4  # which of the kernel's rules
    TABLE = 5  # row of the coefficients of the launch's first step
    ORDER = 6  # row of the permutation of its first epoch, -1 for samples in their natural order
    EPOCH = 7  # that epoch, or 0 if all epochs have the same permutation
    RESHUFFLE = 8  # whether each epoch has a permutation of its own
    POINT = 9  # index in `points` of the step of its next evaluation; written
    CURVE = 10  # row of its next evaluation; written
    ENDED = 11  # 0, 1 if it takes no more steps, or SUSPECT; written


class Limit(IntEnum):
    """Columns of a second table, in the dtype of the parameters."""

    CLIP_NORM = 0
    CLIP_VALUE = 1
    BOUND = 2  # the size of an output of a step beyond which it may have diverged (networks/training.py)


def padded(sizes: Sequence[int] | np.ndarray) -> Layers:
    """A network's layers whose values have rows that are `leading` numbers apart."""
    return Layers(sizes, leading)


@dataclass(frozen=True)
class Layout:
    """Sizes and offsets for a network, a number of slots, and a number of samples at a time."""

    rows: int
    stride: int  # numbers from theta to the gradient, from there to the first slot, ...
    parameters: int  # numbers of a trial's parameters, gradient and slots
    deltas: int  # where the derivatives begin among the activations
    sums: int  # where gelu's sums begin
    activations: int  # numbers of a trial's activations

    @staticmethod
    def of(sizes: np.ndarray, activation: int, slots: int, rows: int) -> "Layout":
        """The layout of a network's trials whose rules have at most that many slots."""
        layers = padded(sizes)
        first, last = layers.rows[0], layers.rows[-1]
        stride = -(-layers.size // QUAD) * QUAD
        values, hidden = rows * layers.numbers, rows * (last.above - first.above)
        sums = values + rows * (layers.numbers - first.above)
        return Layout(
            rows, stride, stride * (2 + slots), values, sums, sums + (hidden if keeps_sums(activation) else 0)
        )
