"""Where each layer of a network lies in the flat parameters, and in an array of all layers' values.

    layers = Layers([64, 32, 10])
    layers.size                            # parameters
    [(part.role, part.shape) for part in layers.parts]
    W = layers.parts[0].of(theta)          # a view

The parameters are one flat vector. Each layer has its weights W (inputs x outputs, row-major), then its biases b. The
offsets are computed here, once; every pass over a network, on CPU or GPU, reads them from the table.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gdbench.kernels.compile.jit import inlined

FIRST, HIDDEN, LAST, BIAS = ROLES = ("first", "hidden", "last", "bias")


class Layer(NamedTuple):
    """The offsets of one layer: a row of the table. An array of values holds one layer after another."""

    inputs: int
    outputs: int
    weight: int  # where W begins in the parameters
    bias: int  # where b begins in the parameters
    below: int  # numbers per sample before the values that this layer reads
    above: int  # numbers per sample before the values that it writes


@dataclass(frozen=True)
class Part:
    """A matrix or vector of the parameters. role: `first`, `hidden`, `last` (also the W of an only layer) or `bias`."""

    role: str
    layer: int
    start: int
    shape: tuple[int, ...]

    @property
    def stop(self) -> int:
        """The index after its last parameter."""
        return self.start + int(np.prod(self.shape))

    def of(self, theta: np.ndarray) -> np.ndarray:
        """A view of this part of flat parameters, which run along theta's last axis."""
        return theta[..., self.start : self.stop].reshape(*theta.shape[:-1], *self.shape)


class Layers:
    """The layers of a network. sizes: inputs, hidden widths ..., outputs.

    width: gives the length of a row of values for a number of units; it is greater than that number if rows are padded.
    size: the number of parameters. numbers: the length of a sample's values in all layers. table: int64, one `Layer`
    per row.
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
    """The `Layer` of that number, in a kernel."""
    row = table[number]
    return Layer(row[0], row[1], row[2], row[3], row[4], row[5])
