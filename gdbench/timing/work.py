"""What a step must do at least: its useful multiplications and additions, and the bytes that its update moves.

The floor of a step is the time that these take at the machine's best (gdbench/stats/timings.py): FLOPs over the peak of
fused multiply-adds, plus the update's bytes over the bandwidth of the level of memory where its arrays fit.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from gdbench.kernels.networks.parts import FORWARD, INPUTS, WEIGHTS

PRODUCTS = {FORWARD: "forward product", WEIGHTS: "weight product", INPUTS: "input product"}


def product_flops(inputs: int, outputs: int, batch_size: int) -> int:
    """Of each of the three products of a layer: a multiplication and an addition for each weight and sample."""
    return 2 * batch_size * inputs * outputs


def product_bytes(inputs: int, outputs: int, batch_size: int, itemsize: int) -> int:
    """Of each of the three: samples by inputs, inputs by outputs and samples by outputs, each read or written once."""
    return itemsize * (batch_size * inputs + inputs * outputs + batch_size * outputs)


def step_flops(sizes: Sequence[int] | np.ndarray, batch_size: int) -> tuple[int, int]:
    """Forward and backward, of a network of these sizes: nobody needs the derivative by the first layer's inputs.

    >>> step_flops((4, 3, 2), batch_size=10)
    (360, 480)
    """
    return _both_ways([product_flops(int(a), int(b), batch_size) for a, b in pairwise(sizes)])


def products_bytes(sizes: Sequence[int] | np.ndarray, batch_size: int, itemsize: int) -> tuple[int, int]:
    """Of all products, forward and backward (`step_flops`)."""
    return _both_ways([product_bytes(int(a), int(b), batch_size, itemsize) for a, b in pairwise(sizes)])


def _both_ways(layers: list[int]) -> tuple[int, int]:
    return sum(layers), 2 * sum(layers) - layers[0]


def update_bytes(parameters: int, slots: int, itemsize: int) -> int:
    """Of one update: parameters, gradient and slots are read, parameters and slots written.

    >>> update_bytes(100, slots=2, itemsize=4)
    2800
    """
    return parameters * itemsize * (2 + slots + 1 + slots)


def update_arrays(parameters: int, slots: int, itemsize: int) -> int:
    """Bytes of the arrays that an update goes over: parameters, gradient, slots."""
    return parameters * itemsize * (2 + slots)
