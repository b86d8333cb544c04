"""The large engine in the CUDA simulator beside the CPU without the compiler: run by test_gpu_large.py, prints JSON.

A process of its own: the simulator takes the place of numba.cuda for as long as a process lives.
"""

import json
import os
import sys
import warnings

os.environ |= {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}

import numpy as np
from numba.core import types

from gdbench.kernels import MLP, RULES, Samples
from gdbench.kernels.arithmetic.intrinsics import fma
from gdbench.kernels.compile import cuda
from gdbench.kernels.directions.stepper import begin
from gdbench.kernels.gpu.large import multiply as large_multiply
from gdbench.kernels.gpu.large.engine import LargeEngine, launches
from gdbench.kernels.gpu.large.multiply import Matrix, Tiled
from gdbench.kernels.gpu.large.products import Tile
from gdbench.kernels.gpu.trials import GpuTrial
from gdbench.kernels.problem import WHOLE, Scope

BIG, SMALL = Tile(16, 16, 4, 2), Tile(8, 8, 4, 1)
THREADS = 8


def problem(hidden, activation, loss, *, features=5, outputs=3, n=13, others=(4, 0), dtype="float32", **options):
    """A network on random data."""
    rng = np.random.default_rng(0)

    def split(size):
        x = rng.standard_normal((size, features)).astype(dtype)
        labels = rng.integers(0, max(2, outputs), size)
        if loss == "cross-entropy":
            return Samples(x, labels, np.zeros((0, outputs), dtype))
        if loss == "binary-cross-entropy":
            return Samples(x, labels, labels[:, None].astype(dtype))
        return Samples(x, labels[:0], rng.standard_normal((size, outputs)).astype(dtype))

    splits = [split(size) for size in (n, *others)]
    options = {"l2": 0.0, "init": "glorot-normal", **options}
    return MLP(splits, outputs, hidden=hidden, activation=activation, loss=loss, dtype=dtype, **options)


# What to train, by which rule, in batches of how many, the points, the tiles, and what else.
TRIALS = {
    "no hidden layer": (problem([], "relu", "mse"), "sgd", 13, [0, 2], [SMALL], {}),
    "short last batch": (problem([4], "relu", "cross-entropy"), "adam", 5, [0, 3, 4], [BIG], {}),
    "blocks, clipping, one step a launch": (
        problem([6, 5], "gelu", "huber", l2=0.01), "momentum", 5, [0, 3], [BIG, SMALL],
        {"clip_norm": 0.1, "clip_value": 0.05, "rows": 3, "pace": 1e9},
    ),
    "float64": (problem([18], "tanh", "mse", outputs=7, dtype="float64"), "lion", 6, [0, 2], [BIG], {"rows": 17}),
    "one output, one order": (
        problem([4], "sigmoid", "binary-cross-entropy", outputs=1, drop_last=True, shuffle="once"), "amsgrad", 4,
        [0, 4], [SMALL], {},
    ),
    "rows at multiples of 16 bytes": (
        problem([8, 4], "leaky-relu", "mse", features=8, outputs=4), "sgd", 6, [0, 2], [BIG, SMALL],
        {"clip_value": 0.01},
    ),
    "evaluated over a part": (
        problem([4], "relu", "mse"), "sgd", 13, [0, 2], [SMALL], {"scope": Scope(5, gradient=False), "rows": 3}
    ),
    "not finite": (problem([4], "identity", "cross-entropy"), "sgd", 4, [0, 3], [SMALL], {"lr": 1e30}),
}  # fmt: skip


def checked(launch):
    """`Kernel.launch` that first holds what it is given to the types that the kernel is compiled for."""

    def launching(self, blocks, shared, *arguments, stream=None):
        for kind, value in zip(self.signature, arguments, strict=True):
            if isinstance(kind, types.Array):
                right = value.ndim == kind.ndim and value.dtype == np.dtype(str(kind.dtype))
            elif isinstance(kind, types.Boolean):
                right = isinstance(value, bool)
            elif isinstance(kind, types.Integer):
                right = isinstance(value, int) and not isinstance(value, bool)
            else:
                right = np.asarray(value).dtype == np.dtype(str(kind))
            if not right:
                raise TypeError(f"{self.name}: {value!r} for {kind}")
        launch(self, blocks, shared, *arguments, stream=stream)

    return launching


def trained(given, *, products="ordered"):
    """What the engine finds, and its parameters: two lists of numbers."""
    problem, tiles, options = given[0], given[4], given[5]
    scope, more = options.get("scope", WHOLE), {"rows": options.get("rows"), "threads": THREADS, "products": products}
    large = LargeEngine(problem, member_of(given), tiles=tiles, scope=scope, **more)
    large._pace = options.get("pace", 0.0)  # seconds a step, after which a launch is as long as it is
    found = [(each.step, *each.values, each.lr) for _ in iter(lambda: large.running, False) for each in large.advance()]
    return [number for values in found for number in values], large.theta().tolist()


def counted(given):
    """How many kernels each step launches."""
    made, replay, launch = [], cuda.Replay.__call__, cuda.Kernel.launch

    def counting(self):
        made.append(0)
        replay(self)

    def launching(self, *arguments, stream=None):
        made[-1] += 1

    large = LargeEngine(given[0], member_of(given), tiles=given[4], threads=THREADS)
    cuda.Replay.__call__, cuda.Kernel.launch = counting, launching
    for _ in range(given[3][-1]):
        large._step()
    cuda.Replay.__call__, cuda.Kernel.launch = replay, launch
    return made


def member_of(given):
    _, rule, batch_size, points, _, options = given
    lr, clipping = options.get("lr", 0.05), {name: options[name] for name in options if name.startswith("clip")}
    rates = lambda first, count: np.full(count, lr)  # noqa: E731
    settings = RULES[rule].with_defaults({"lr": lr})
    return GpuTrial(RULES[rule], settings, rates, rule, 1, batch_size, points[-1], points, **clipping)


def expected(given):
    """The same by the CPU."""
    network, points, gpu_trial = given[0], given[3], member_of(given)
    training = network.begin(
        seed=1, batch_size=gpu_trial.batch_size, clip_norm=gpu_trial.clip_norm, clip_value=gpu_trial.clip_value,
        scope=given[5].get("scope", WHOLE),
    )  # fmt: skip
    stepper, found = begin(gpu_trial.rule, gpu_trial.hyperparameters, training, gpu_trial.rates), []
    for point in points:
        if point > training.steps:
            stepper.advance(point - training.steps)
        *values, slope = training.evaluate()
        found += [point, *values, float(np.dtype(network.dtype).type(slope)), stepper.lr]
    return found, training.theta.tolist()


def product(kind, tile, seed):
    """Whether a product by tiles has the bits of the sums written out; the numbers include -0, inf and NaN."""
    rng = np.random.default_rng(seed)
    rows, deep, columns = (int(size) for size in rng.integers(1, 21, 3))
    pad = lambda width: -(-width // 4) * 4  # noqa: E731
    x, d = rng.standard_normal((2, 24, 24)).astype(np.float32)
    x[0, 0], x[rng.integers(24), rng.integers(24)], d[rng.integers(24), 1] = -0.0, np.inf, np.nan
    a_shape = {"weights": (deep, rows)}.get(kind, (rows, deep))
    b_shape = {"inputs": (columns, deep)}.get(kind, (deep, columns))
    apart_b = pad(b_shape[1]) if kind == "weights" else b_shape[1]
    a, b = (
        np.full((a_shape[0], pad(a_shape[1])), np.nan, np.float32),
        np.full((b_shape[0], apart_b), np.nan, np.float32),
    )
    a[:, : a_shape[1]], b[:, : b_shape[1]] = x[: a_shape[0], : a_shape[1]], d[: b_shape[0], : b_shape[1]]
    bias, start = np.full(columns, -0.0, np.float32), rng.standard_normal((rows, columns)).astype(np.float32)
    left = a[:, : a_shape[1]].T if kind == "weights" else a[:, : a_shape[1]]
    right = b[:, : b_shape[1]].T if kind == "inputs" else b[:, : b_shape[1]]
    out = {"forward": np.tile(bias, (rows, 1)), "inputs": np.zeros((rows, columns), np.float32), "weights": start}[kind]
    want = out.copy()
    for i in range(rows):
        for j in range(columns):
            for k in range(deep):
                want[i, j] = fma(left[i, k], right[k, j], want[i, j])
    on_device = cuda.to_device(start.reshape(-1))
    by, shape = Tiled(cuda.gpu(), "float32", [tile]), (rows, deep, columns)
    held = cuda.to_device(np.concatenate([b.reshape(-1), bias]))
    first, second = Matrix(cuda.to_device(a.reshape(-1)), 0, a.shape[1]), Matrix(held, 0, apart_b)
    result = Matrix(on_device, 0, columns)
    if kind == "forward":
        by.forward(first, second, b.size, result, shape, None)
    elif kind == "inputs":
        by.inputs(first, second, result, shape, None)
    else:
        by.weights(first, second, True, result, shape, None)
    got = on_device.copy_to_host().reshape(rows, columns)
    bits = lambda array: np.where(np.isnan(array), np.float32(np.nan), array).view(np.int32)  # noqa: E731
    return bool(np.array_equal(bits(got), bits(want)))


class Column(large_multiply.Cublas):
    """cuBLAS in NumPy: the columns of its matrices lie side by side."""

    def __init__(self, dtype):
        pass

    def _multiply(self, stream, turned, shape, a, b, beta, out):
        m, n, k = shape

        def view(matrix, down, across):  # its columns are rows for NumPy
            size, flat = matrix.array.dtype.itemsize, matrix.array._ary[matrix.start :]
            return np.lib.stride_tricks.as_strided(flat, (down, across), (size, matrix.apart * size))

        left = view(a, k, m).T if turned[0] else view(a, m, k)
        right = view(b, n, k).T if turned[1] else view(b, k, n)
        result = view(out, m, n)
        result[:] = left @ right + (beta * result if beta else 0)


def main():
    warnings.simplefilter("ignore")
    told = {name: len(launches(given[0], member_of(given), cuda.gpu())) for name, given in TRIALS.items()}
    cuda.Kernel.launch = checked(cuda.Kernel.launch)
    found = {"trials": {}, "products": {}}
    for name, given in TRIALS.items():
        found["trials"][name] = {"got": trained(given), "want": expected(given), "made": counted(given)}
        found["trials"][name]["told"] = told[name]
    for kind in ("forward", "inputs", "weights"):
        for tile in (BIG, SMALL):
            found["products"][f"{kind} {tile.rows}"] = [product(kind, tile, seed) for seed in range(3)]
    large_multiply.Cublas = sys.modules["gdbench.kernels.gpu.large.engine"].Cublas = Column
    given = TRIALS["blocks, clipping, one step a launch"]
    found["cublas"] = {"got": trained(given, products="cublas"), "want": expected(given)}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
