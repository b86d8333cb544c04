"""A model of a step's cost on a GPU by either engine, good enough to choose the faster one.

A multiprocessor does at most 2 x lanes x clock FLOPs a second. A kernel reaches a share of that, if enough warps run.
A launch, and a barrier of a block, take a least time however little there is to do.

    choice = choose(problem, trials, gpu)
    print(choice.reason)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gdbench.kernels.compile.cuda import Gpu
from gdbench.kernels.gpu.large.products import TILES, Tile
from gdbench.kernels.gpu.sweep.planning import SweepPlan, sweep_plan
from gdbench.kernels.gpu.trials import GpuTrial
from gdbench.kernels.layers import Layers
from gdbench.kernels.networks.mlp import MLP

LAUNCH = 3e-6  # seconds of a kernel in a graph, at least
BARRIER = 1e-6  # seconds of a block from one barrier to the next, at least
BANDWIDTH = 30.0  # bytes a cycle of a multiprocessor's part of the GPU's memory: 2 TB/s on 50, 4 TB/s on 100
_WARPS = 16  # warps that keep a multiprocessor busy
_SHARES = {2: 0.7, 1: 0.35}  # share of the peak that tiled products reach, by `Tile.squares`
_NEAR, _FAR = 0.25, 0.06  # shares of the peak that a sweep reaches, with parameters in shared memory or not
_PASSES = 6  # barriers per layer in a step of the sweep


def peak(gpu: Gpu, itemsize: int) -> float:
    """FLOPs a second of one multiprocessor, at most: by NVIDIA's table of throughputs by compute capability."""
    lanes = 64 if gpu.capability in ((7, 5), (8, 0)) else 128
    double = 2 if gpu.capability in ((8, 0), (9, 0), (10, 0)) else 32
    return 2.0 * lanes * gpu.clock / (1 if itemsize == 4 else double)


def tiled_seconds(rows: int, deep: int, columns: int, tile: Tile, gpu: Gpu, itemsize: int) -> float:
    """Seconds of one product by the whole GPU, in tiles of this size, without the launch."""
    # Tiles of the busiest multiprocessor.
    waiting = -(-tile.number(rows, columns) // gpu.multiprocessors)
    together = min(tile.resident, waiting)
    busy = min(1.0, together * tile.threads / 32 / _WARPS)
    work = 2.0 * tile.rows * tile.columns * deep * waiting
    return work / (peak(gpu, itemsize) * _SHARES[tile.squares] * busy)


def best_tile(rows: int, deep: int, columns: int, gpu: Gpu, itemsize: int, tiles: Sequence[Tile] = TILES) -> Tile:
    """The tile that takes the least time for a product."""
    return min(tiles, key=lambda tile: tiled_seconds(rows, deep, columns, tile, gpu, itemsize))


def products_of(sizes: np.ndarray, rows: int) -> list[tuple[int, int, int]]:
    """A step's products: rows, depth and columns of each; the biases are one more row of the weights' gradient."""
    found = []
    for layer, (inputs, outputs) in enumerate(zip(sizes[:-1].tolist(), sizes[1:].tolist(), strict=True)):
        found += [(rows, inputs, outputs), (inputs + 1, rows, outputs)]
        if layer > 0:
            found.append((rows, outputs, inputs))
    return found


def large_seconds(sizes: np.ndarray, slots: int, itemsize: int, batch_size: int, gpu: Gpu) -> float:
    """Seconds of a step of one trial by the whole GPU."""
    products = sum(
        max(LAUNCH, tiled_seconds(*shape, best_tile(*shape, gpu, itemsize), gpu, itemsize))
        for shape in products_of(sizes, batch_size)
    )
    layers = len(sizes) - 1
    others = 4 + 2 * (layers - 1)  # gather, losses, update, cursor; each hidden layer's activation and its derivative
    # Parameters and slots are read and written, the gradient is read; then every layer's values and derivatives.
    moved = itemsize * (Layers(sizes).size * (3 + 2 * slots) + 5 * batch_size * int(sizes.sum()))
    return products + others * LAUNCH + moved / (BANDWIDTH * gpu.clock * gpu.multiprocessors)


def sweep_seconds(sizes: np.ndarray, plan: SweepPlan, trials: int, itemsize: int, batch_size: int, gpu: Gpu) -> float:
    """Seconds of a step of `trials` trials by the sweep."""
    together = min(plan.resident, -(-trials // gpu.multiprocessors))
    rounds = -(-trials // (gpu.multiprocessors * together))
    work = sum(2.0 * rows * deep * columns for rows, deep, columns in products_of(sizes, batch_size))
    share = (_NEAR if plan.near[0] else _FAR) * min(1.0, together * plan.threads / 32 / _WARPS)
    visits = -(-batch_size // plan.layout.rows)
    waits = BARRIER * _PASSES * (len(sizes) - 1) * visits
    return rounds * max(waits, together * work / (peak(gpu, itemsize) * share))


@dataclass(frozen=True)
class Choice:
    """Which engine trains a set of trials, and the estimated seconds of a step of all of them by each engine."""

    sweep: SweepPlan
    sweep_seconds: float
    large_seconds: float

    @property
    def engine(self) -> str:
        """`sweep` or `large`."""
        return "sweep" if self.sweep_seconds <= self.large_seconds else "large"

    @property
    def reason(self) -> str:
        """The choice in a sentence."""
        words = f"a step of all trials: {_time(self.sweep_seconds)} by the sweep, {_time(self.large_seconds)} one"
        words = f"{words} trial after another by the whole GPU"
        how = self.sweep.reason if self.engine == "sweep" else "tiled products, recorded in a graph"
        return f"{self.engine}: {words} (estimates); {how}"


def choose(problem: MLP, gpu_trials: Sequence[GpuTrial], gpu: Gpu) -> Choice:
    """Choose the engine that trains trials of one network fastest on a GPU."""
    itemsize = np.dtype(problem.dtype).itemsize
    slots = max(len(gpu_trial.rule.slots) for gpu_trial in gpu_trials)
    largest = max(gpu_trial.batch_size for gpu_trial in gpu_trials)
    plan = sweep_plan(problem.sizes, problem.network.activation, slots, itemsize, largest, gpu)
    mean = max(1, round(sum(gpu_trial.batch_size for gpu_trial in gpu_trials) / len(gpu_trials)))
    return Choice(
        plan,
        sweep_seconds(problem.sizes, plan, len(gpu_trials), itemsize, mean, gpu),
        sum(
            large_seconds(problem.sizes, len(gpu_trial.rule.slots), itemsize, gpu_trial.batch_size, gpu)
            for gpu_trial in gpu_trials
        ),
    )


def _time(seconds: float) -> str:
    """Seconds in words."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"
