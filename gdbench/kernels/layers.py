"""Where each layer of a network lies: in its flat parameters, and in an array of all layers' values.

    layers = Layers([64, 32, 10])
    layers.size                            # parameters
    [(part.role, part.shape) for part in layers.parts]
    W = layers.parts[0].of(theta)          # a view

The parameters are one flat vector: layer by layer the weights W (inputs x outputs, row-major), then the biases b. It is
worked out here, once; every pass over a network, on the CPU or the GPU, reads it from the table.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gdbench.kernels.compile.jit import inlined

FIRST, HIDDEN, LAST, BIAS = ROLES = ("first", "hidden", "last", "bias")


class Layer(NamedTuple):
    """A layer's place, a row of the table. Values of units are kept layer by layer, so many numbers a sample each."""

    inputs: int
    outputs: int
    weight: int  # where W begins among the parameters
    bias: int  # where b does
    below: int  # numbers a sample of the layers before the one that it reads
    above: int  # of those before the one that it writes


@dataclass(frozen=True)
class Part:
    """A matrix or vector of the parameters. role: `first`, `hidden`, `last` (also of a W that is alone) or `bias`."""

    role: str
    layer: int
    start: int
    shape: tuple[int, ...]

    @property
    def stop(self) -> int:
        """Where the next one begins."""
        return self.start + int(np.prod(self.shape))

    def of(self, theta: np.ndarray) -> np.ndarray:
        """This part of flat parameters (their last axis), as a view."""
        return theta[..., self.start : self.stop].reshape(*theta.shape[:-1], *self.shape)


class Layers:
    """The layers of a network of these sizes: inputs, hidden widths ..., outputs.

    width: numbers that a sample's values of so many units take; more than there are units where rows are padded.
    size: how many parameters there are. numbers: how many values a sample has in all layers. table: a `Layer` a row, as
    int64.
    """

    def __init__(self, sizes: Sequence[int] | np.ndarray, width: Callable[[int], int] = int) -> None:
        self.sizes = [int(size) for size in sizes]
        rows, start, below = [], 0, 0
        for inputs, outputs in zip(self.sizes[:-1], self.sizes[1:], strict=True):
            bias, above = start + inputs * outputs, below + width(inputs)
            rows.append(Layer(inputs, outputs, start, bias, below, above))
            start, below = bias + outputs, above
        self.rows, self.size, self.numbers = rows, start, below + width(self.sizes[-1])
        self.table = np.array(rows, np.int64).reshape(len(rows), len(Layer._fields))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def parts(self) -> list[Part]:
        """W, b of the first layer, W, b of the second, ..."""
        found = []
        for number, row in enumerate(self.rows):
            role = LAST if number == len(self.rows) - 1 else HIDDEN if number else FIRST
            found.append(Part(role, number, row.weight, (row.inputs, row.outputs)))
            found.append(Part(BIAS, number, row.bias, (row.outputs,)))
        return found


@inlined
def layer_at(table, number):
    """The place of layer `number`, in a kernel."""
    row = table[number]
    return Layer(row[0], row[1], row[2], row[3], row[4], row[5])
