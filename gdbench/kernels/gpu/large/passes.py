"""The large engine's launches, which take a block of samples through one network, forward and backward."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gdbench.kernels.arithmetic.sums import CHUNK
from gdbench.kernels.compile import cuda
from gdbench.kernels.compile.cuda import Kernel
from gdbench.kernels.gpu.large import kernels as large_kernels
from gdbench.kernels.gpu.large.kernels import MEAN, ROOT, THREADS, TOTAL
from gdbench.kernels.gpu.large.multiply import Matrix
from gdbench.kernels.gpu.layout import RECORD, SPLITS
from gdbench.kernels.gpu.quads import QUAD
from gdbench.kernels.gpu.trials import GpuTrial
from gdbench.kernels.layers import Layer
from gdbench.kernels.networks.activations import NUMBERS, keeps_sums
from gdbench.kernels.networks.mlp import MLP
from gdbench.kernels.networks.passes import Samples

_GRID = 2048  # blocks of a launch at most; each then takes one piece of work after another


@dataclass(frozen=True)
class LayerArrays:
    """The arrays that a layer writes: matrices of `rows` rows."""

    at: Layer
    values: Any  # its results
    sums: Any  # its sums before the activation if they are kept, else `values`
    deltas: Any  # the derivatives by its results, then by its sums
    apart: int  # numbers from one row of these to the next


class Passes:
    """A network's arrays on the device and the launches over them, in the order of a stream.

    home: parameters, gradient and slots, `stride` numbers apart. rows: samples at a time. empty: allocates the arrays;
    on a tape (`cuda.Tape`) nothing is read or written, so any array will do.
    """

    def __init__(
        self,
        problem: MLP,
        slots: int,
        rows: int,
        products: Any,
        stream: Any,
        threads: int = THREADS,
        empty: Callable[[int, Any], Any] = cuda.empty,
    ) -> None:
        self.problem, self.rows, self.products, self.stream, self.threads = problem, rows, products, stream, threads
        self._empty = empty
        self.dtype, self.number = problem.dtype, np.dtype(problem.dtype).type
        self.network = problem.network
        self.stride = -(-problem.size // QUAD) * QUAD
        self.home = empty(self.stride * (2 + slots), self.dtype)
        self.first, self.apart = self._room(problem.layers.sizes[0])
        self.layers: list[LayerArrays] = []
        for at in problem.layers.rows:
            values, apart = self._room(at.outputs)
            keeps = keeps_sums(self.network.activation) and len(self.layers) < len(problem.layers) - 1
            sums = self._room(at.outputs)[0] if keeps else values
            self.layers.append(LayerArrays(at, values, sums, self._room(at.outputs)[0], apart))
        most = max(rows, *(split.x.shape[0] for split in problem.splits))
        self.numbers = empty(most, np.int32)
        self.losses, self.scores = empty(most, self.dtype), empty(most, self.dtype)
        self.parts = empty(-(-max(most, problem.size) // CHUNK), self.dtype)
        self.norms = empty(1, self.dtype)
        self.bound, self.odd = self.number(np.inf), empty(1, np.int32)

    @staticmethod
    def row_bytes(problem: MLP) -> int:
        """Bytes of memory per sample at a time."""
        arrays = 3 if keeps_sums(problem.network.activation) else 2
        return arrays * (int(problem.sizes.sum()) + QUAD * len(problem.sizes)) * np.dtype(problem.dtype).itemsize

    def _room(self, width: int) -> tuple[Any, int]:
        """An array for a layer of that width, and the numbers from one row to the next."""
        apart = -(-(width + 1) // QUAD) * QUAD
        return self._empty(self.rows * apart, self.dtype), apart

    def _launch(self, kernel: Any, pieces: int, *arguments: Any) -> None:
        """Launch one block per piece of work, at most _GRID."""
        kernel.launch(min(max(pieces, 1), _GRID), 0, *arguments, stream=self.stream)

    def _each(self, kernel: Any, pieces: int, *arguments: Any) -> None:
        """Launch one thread per piece of work."""
        self._launch(kernel, -(-pieces // self.threads), *arguments)

    def _below(self, layer: int) -> Matrix:
        """The matrix that a layer reads."""
        if layer == 0:
            return Matrix(self.first, 0, self.apart)
        return Matrix(self.layers[layer - 1].values, 0, self.layers[layer - 1].apart)

    def gather(self, samples: Samples, orders: Any, cursor: Any, offset: int, at: int, rows: int) -> None:
        """Copy `rows` samples from `offset` after the cursor on to the inputs, and their numbers to `at` on."""
        kernel = large_kernels.gather(self.dtype, self.threads)
        self._launch(
            kernel, rows, samples.x, orders, cursor, self.first, self.apart, self.numbers, offset, at, rows
        )  # fmt: skip

    def forward(self, rows: int) -> None:
        """Compute every layer's results."""
        kernel = large_kernels.activations(self.dtype, self.threads)
        for number, layer in enumerate(self.layers):
            x, z = self._below(number), Matrix(layer.values, 0, layer.apart)
            w = Matrix(self.home, layer.at.weight, layer.at.outputs)
            self.products.forward(x, w, layer.at.bias, z, (rows, layer.at.inputs, layer.at.outputs), self.stream)
            last = number == len(self.layers) - 1
            if not last or not self.products.biased:  # a last layer of cuBLAS still needs its biases
                activation = NUMBERS["identity"] if last else self.network.activation
                self._launch(
                    kernel, rows, activation, layer.values, layer.sums, layer.apart,
                    layer.at.outputs, rows, self.home, layer.at.bias, not self.products.biased,
                )  # fmt: skip

    def apply_loss(
        self, samples: Samples, at: int, rows: int, scale: Any, want_losses: bool, want_gradient: bool
    ) -> None:
        """Write each sample's loss and score to `at` on, and the derivatives by its outputs, if wanted."""
        last = self.layers[-1]
        self._each(
            large_kernels.apply_loss(self.dtype, self.threads), rows, self.network.loss, last.values, last.deltas,
            last.apart, last.at.outputs, rows, samples.labels, samples.targets, self.numbers, at, scale, want_losses,
            want_gradient, self.losses, self.scores, self.bound, self.odd,
        )  # fmt: skip

    def backward(self, rows: int) -> None:
        """Backpropagate the derivatives from the outputs to every hidden layer's sums."""
        kernel = large_kernels.activation_gradients(self.dtype, self.threads)
        for number in range(len(self.layers) - 1, 0, -1):
            layer, below = self.layers[number], self.layers[number - 1]
            w = Matrix(self.home, layer.at.weight, layer.at.outputs)
            d, out = Matrix(layer.deltas, 0, layer.apart), Matrix(below.deltas, 0, below.apart)
            self.products.inputs(d, w, out, (rows, layer.at.outputs, layer.at.inputs), self.stream)
            size = rows * below.apart
            self._each(
                kernel, size // QUAD, self.network.activation, below.values, below.sums, below.deltas, size
            )  # fmt: skip

    def add_up(self, rows: int, more: bool) -> None:
        """Write the gradient of these samples; if `more`, add it to that of earlier ones."""
        for number, layer in enumerate(self.layers):
            x, d = self._below(number), Matrix(layer.deltas, 0, layer.apart)
            out = Matrix(self.home, self.stride + layer.at.weight, layer.at.outputs)
            # One row more than there are inputs: the bias gradient, from the ones behind the inputs.
            self.products.weights(x, d, more, out, (layer.at.inputs + 1, rows, layer.at.outputs), self.stream)

    def penalise(self) -> None:
        """`network.add_penalty`."""
        if self.network.l2 == 0:
            return
        kernel = large_kernels.penalties(self.dtype, self.threads)
        for layer in self.layers:
            count = layer.at.bias - layer.at.weight
            self._each(
                kernel, count, self.network.l2, self.home, layer.at.weight, self.stride + layer.at.weight, count
            )  # fmt: skip

    def sum(self, x: Any, start: int, size: int, squares: bool, way: int, out: Any, at: int) -> None:
        """Write the ordered sum of x[start : start + size], or of the squares, to out[at]; way: MEAN, TOTAL or ROOT."""
        self._each(
            large_kernels.partial_sums(self.dtype, self.threads), -(-size // CHUNK), x, start, size, squares, self.parts
        )
        self._launch(large_kernels.whole_sum(self.dtype, self.threads), 1, self.parts, size, way, out, at)

    def clip(self, limit: float, bound: float) -> None:
        """`clipping.clip` of the gradient."""
        size = self.problem.size
        if limit > 0:
            self.sum(self.home, self.stride, size, True, ROOT, self.norms, 0)
        if limit > 0 or bound > 0:
            given = (self.home, self.stride, size, self.norms, self.number(limit), self.number(bound))
            self._each(large_kernels.clipped(self.dtype, self.threads), size, *given)

    def visit(
        self,
        samples: Samples,
        orders: Any,
        cursor: Any,
        offset: int,
        count: int,
        want_losses: bool,
        want_gradient: bool,
    ) -> None:
        """`visit` (networks/passes.py) of `count` samples."""
        scale = self.number(1) / self.number(count)
        for low in range(0, count, self.rows):
            here = min(self.rows, count - low)
            self.gather(samples, orders, cursor, offset + low, low, here)
            self.forward(here)
            self.apply_loss(samples, low, here, scale, want_losses, want_gradient)
            if want_gradient:
                self.backward(here)
                self.add_up(here, low > 0)
        if want_gradient:
            self.penalise()

    def step(self, gpu_trial: GpuTrial, update: Kernel, samples: Samples, held: Mapping[str, Any], size: int) -> None:
        """Take a step on a batch of `size` samples. update: the rule's. held: orders, cursor, table, on the device."""
        self.visit(samples, held["orders"], held["cursor"], 0, size, False, True)
        self.clip(gpu_trial.clip_norm, gpu_trial.clip_value)
        blocks = -(-self.stride // QUAD // self.threads)
        update.launch(blocks, 0, self.home, 0, self.stride, held["table"], held["cursor"], stream=self.stream)
        per_epoch = self.problem.steps_per_epoch(gpu_trial.batch_size)
        large_kernels.moved().launch(
            1, 0, held["cursor"], gpu_trial.batch_size, per_epoch, self.problem.reshuffle, stream=self.stream
        )

    def look(self, samples: Samples, visits: np.ndarray, orders: Any, still: Any, records: Any, record: int) -> None:
        """Evaluate, and write the numbers of a record (kernels/gpu/layout.py). still: a cursor at the first sample."""
        for split, (begin, end) in enumerate(visits[:SPLITS].tolist()):
            if end > begin:
                self.visit(samples, orders, still, begin, end - begin, True, False)
                place = record * RECORD + split
                self.sum(self.losses, 0, end - begin, False, MEAN, records, place)
                self.sum(self.scores, 0, end - begin, False, TOTAL, records, place + SPLITS)
        _, count = visits[SPLITS].tolist()
        if count:  # with the losses too, so that outputs are not judged as those of a step
            self.visit(samples, orders, still, 0, count, True, True)
            self.sum(self.home, self.stride, self.problem.size, True, ROOT, records, record * RECORD + 2 * SPLITS)
