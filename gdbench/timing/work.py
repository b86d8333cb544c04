"""The least work of a step: its useful multiplications and additions, and the bytes that its update moves.

The floor of a step is the time of this work at the machine's best speed (gdbench/stats/timings.py). It is the FLOPs
over the peak of fused multiply-adds, plus the update's bytes over the bandwidth of the memory level of its arrays.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from gdbench.kernels.networks.parts import FORWARD, INPUTS, WEIGHTS

PRODUCTS = {FORWARD: "forward product", WEIGHTS: "weight product", INPUTS: "input product"}


def product_flops(inputs: int, outputs: int, batch_size: int) -> int:
    """The FLOPs of each of a layer's three products: a multiplication and an addition per weight and sample."""
    return 2 * batch_size * inputs * outputs


def product_bytes(inputs: int, outputs: int, batch_size: int, itemsize: int) -> int:
    """The bytes of each of a layer's three products.

    Three matrices are each read or written once: samples x inputs, inputs x outputs, and samples x outputs.
    """
    return itemsize * (batch_size * inputs + inputs * outputs + batch_size * outputs)


def step_flops(sizes: Sequence[int] | np.ndarray, batch_size: int) -> tuple[int, int]:
    """The FLOPs of the products forward and backward. sizes: inputs, hidden widths, outputs.

    The derivative with respect to the network's inputs is not needed, so it does not count.

    >>> step_flops((4, 3, 2), batch_size=10)
    (360, 480)
    """
    return _both_ways([product_flops(int(a), int(b), batch_size) for a, b in pairwise(sizes)])


def products_bytes(sizes: Sequence[int] | np.ndarray, batch_size: int, itemsize: int) -> tuple[int, int]:
    """The bytes of all products, forward and backward, as in `step_flops`."""
    return _both_ways([product_bytes(int(a), int(b), batch_size, itemsize) for a, b in pairwise(sizes)])


def _both_ways(layers: list[int]) -> tuple[int, int]:
    return sum(layers), 2 * sum(layers) - layers[0]


def update_bytes(parameters: int, slots: int, itemsize: int) -> int:
    """The bytes that an update moves: it reads parameters, gradient and slots, and writes parameters and slots.

    >>> update_bytes(100, slots=2, itemsize=4)
    2800
    """
    return parameters * itemsize * (2 + slots + 1 + slots)


def update_arrays(parameters: int, slots: int, itemsize: int) -> int:
    """The bytes of an update's arrays: parameters, gradient and slots."""
    return parameters * itemsize * (2 + slots)
