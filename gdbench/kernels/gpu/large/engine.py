"""One trial of a large network by the whole GPU: tiled products, one fused update, a step recorded as a CUDA graph.

large = LargeEngine(problem, trial)
while large.running:
    for found in large.advance():
        print(found.step, found.values)

Its interface and its numbers are those of `SweepEngine` with one trial: products add in order of k, sums in chunks of
fixed size. With cuBLAS (`products="cublas"`) it is faster, and its numbers differ by rounding.
"""

import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from gdbench.errors import UsageError
from gdbench.kernels.compile import cuda
from gdbench.kernels.compile.cuda import Gpu
from gdbench.kernels.gpu.large import kernels as large_kernels
from gdbench.kernels.gpu.large.kernels import THREADS, TOTAL, Cursor
from gdbench.kernels.gpu.large.multiply import Cublas, Tiled
from gdbench.kernels.gpu.large.passes import Passes
from gdbench.kernels.gpu.large.products import TILES, Tile
from gdbench.kernels.gpu.layout import RECORD
from gdbench.kernels.gpu.trials import (
    NEVER,
    ORDERS,
    Evaluation,
    GpuTrial,
    coefficient_tables,
    epoch_orders,
    samples_on_device,
    step_count,
    training_shares,
    values_of,
)
from gdbench.kernels.networks.mlp import MLP
from gdbench.kernels.problem import WHOLE, Scope

PRODUCTS = ("ordered", "cublas")
_ROWS = 8192  # samples at a time, at most
_SHARE = 4  # they may take one part in so many of the GPU's memory
_TABLE = 4096  # steps that the table of coefficients has room for
_EPOCHS = 64  # permutations that there is room for, if they take less than `ORDERS` bytes


class _Launch(NamedTuple):
    """What the CPU prepares for the next steps."""

    steps: int
    table: np.ndarray
    orders: np.ndarray
    order: int  # row of the first step's epoch in `orders`, or -1


def rows_at_a_time(problem: MLP, batch_size: int, gpu: Gpu) -> int:
    """Samples per pass: as many as a batch or split has, but no more than _ROWS or than fit in memory."""
    most = max(batch_size, *(split.x.shape[0] for split in problem.splits))
    fitting = gpu.memory // _SHARE // Passes.row_bytes(problem)
    return max(1, min(most, _ROWS, fitting))


def launches(problem: MLP, gpu_trial: GpuTrial, gpu: Gpu) -> list[str]:
    """The names of the kernels that a step launches, in order; works without a GPU."""
    tape, rows = cuda.Tape(), rows_at_a_time(problem, gpu_trial.batch_size, gpu)
    passes = Passes(problem, len(gpu_trial.rule.slots), rows, Tiled(gpu, problem.dtype), tape, empty=np.empty)
    held = dict.fromkeys(("orders", "cursor", "table"))
    update = large_kernels.update(gpu_trial.rule, problem.dtype)
    passes.step(gpu_trial, update, problem.splits[0], held, min(gpu_trial.batch_size, problem.n))
    return tape


class LargeEngine:
    """One trial in training on the GPU. Raises what numba-cuda raises when the GPU has no room for it.

    comparable: whether its digest can be compared with those of other trials. seconds: as in `SweepEngine`.
    kernel: that of the rule's update. products: "ordered" or "cublas". rows: samples at a time, by default as many as
    fit. scope: what evaluations are over. Raises UsageError for other products.
    """

    def __init__(
        self,
        problem: MLP,
        gpu_trial: GpuTrial,
        *,
        products: str = "ordered",
        tiles: Sequence[Tile] = TILES,
        rows: int | None = None,
        threads: int = THREADS,
        scope: Scope = WHOLE,
    ) -> None:
        if products not in PRODUCTS:
            raise UsageError(f"products = {products!r} must be one of {', '.join(PRODUCTS)}")
        self.problem, self.gpu_trials, self.dtype = problem, [gpu_trial], problem.dtype
        self.comparable, self.scope = products == "ordered", scope
        self.gpu = cuda.gpu()
        self.steps, self.seconds, self.ended = 0, np.zeros(1), False
        self._suspect = False
        self._place = 0  # among the trial's points
        self._pace = 0.0  # seconds a step
        self._next: _Launch | None = None
        self._stream = cuda.new_stream()
        by = Tiled(self.gpu, self.dtype, tiles) if self.comparable else Cublas(self.dtype)
        rows = rows or rows_at_a_time(problem, gpu_trial.batch_size, self.gpu)
        self.passes = Passes(problem, len(gpu_trial.rule.slots), rows, by, self._stream, threads)
        self.kernel = large_kernels.update(gpu_trial.rule, self.dtype, threads)
        self._replays: dict[int, cuda.Replay] = {}
        self._upload(gpu_trial)

    def suspect(self, gpu_trial: int = 0) -> bool:
        """See `SweepEngine`."""
        return self._suspect

    @property
    def running(self) -> bool:
        """Whether steps or evaluations are left."""
        return not self.ended and (self.steps < self.gpu_trials[0].steps or self._due())

    def advance(self, most: int = NEVER) -> Iterator[Evaluation]:
        """Take the next steps, as many as take about a third of a second, and yield the evaluations on the way.

        most: steps at most.
        """
        launch = self._next
        if launch is None or launch.steps > most:
            launch = self._prepare(self.steps, min(self._count(), most))
        gpu_trial, place, before = self.gpu_trials[0], self._place, self.steps
        looks = sum(before <= point <= before + launch.steps for point in gpu_trial.points[place:])
        records = cuda.to_device(np.zeros(max(1, looks) * RECORD, self.dtype))
        started = time.perf_counter()
        self._begin(launch)
        self._look(records, place)
        for _ in range(launch.steps):
            self._step()
            self._look(records, place)
        left = gpu_trial.steps - self.steps
        # Prepared while the GPU works.
        self._next = self._prepare(self.steps, min(self._count(), most)) if left > 0 else None
        # Their sum is finite only if all parameters are.
        self.passes.sum(self.passes.home, 0, self.problem.size, False, TOTAL, self.passes.norms, 0)
        cuda.synchronize()
        total, odd = self.passes.norms.copy_to_host()[0], self.passes.odd.copy_to_host()[0]
        self._suspect = bool(odd != 0 or not np.isfinite(total))
        self.ended = self.ended or self._suspect
        self._account(self.steps - before, self._place - place, time.perf_counter() - started)
        found = records.copy_to_host().reshape(-1, RECORD)
        for point, record in zip(gpu_trial.points[place : self._place], found, strict=False):
            yield Evaluation(0, point, values_of(self.problem, self.scope, record), gpu_trial.rate(point))

    def end(self, gpu_trial: int = 0) -> None:
        """Let the trial take no more steps."""
        self.ended = True

    def theta(self, gpu_trial: int = 0) -> np.ndarray:
        """The present parameters."""
        return np.asarray(self.passes.home[: self.problem.size].copy_to_host())

    def numbers(self, gpu_trial: int = 0) -> np.ndarray:
        """The parameters, the last gradient, and the slots: one row each."""
        held = np.asarray(self.passes.home.copy_to_host())
        return held.reshape(-1, self.passes.stride)[:, : self.problem.size]

    def close(self) -> None:
        """Free what the recorded steps hold on the device."""
        for replay in self._replays.values():
            replay.close()
        self._replays.clear()

    # -------------------------------------------------------------------------------- before the steps

    def _upload(self, gpu_trial: GpuTrial) -> None:
        """Allocate what stays on the device: recorded steps refer to these addresses."""
        problem, home = self.problem, self.passes.home
        initial = np.zeros(home.size, self.dtype)
        initial[: problem.size] = problem.initial(gpu_trial.seed)
        home.copy_to_device(initial)
        self.passes.bound = self.passes.number(gpu_trial.bound)
        self.passes.odd.copy_to_device(np.zeros(1, np.int32))
        self._samples, self._visits = samples_on_device(problem, self.scope)
        epochs = max(2, min(_EPOCHS, ORDERS // (4 * problem.n))) if gpu_trial.batch_size < problem.n else 1
        width = len(gpu_trial.rule.coefficient_names)
        self._orders = np.zeros((epochs if problem.reshuffle else 1, problem.n), np.int32)
        self._table = np.zeros((min(_TABLE, max(1, gpu_trial.steps)), width), self.dtype)
        still = np.zeros(len(Cursor), np.int64)
        still[Cursor.ORDER] = -1
        self._held = {
            "orders": cuda.to_device(self._orders),
            "table": cuda.to_device(self._table),
            "cursor": cuda.to_device(still),
            "still": cuda.to_device(still),
        }

    def _count(self) -> int:
        return min(len(self._table), step_count(self.gpu_trials[0].steps - self.steps, self._pace))

    def _prepare(self, first: int, count: int) -> _Launch:
        """Coefficients and permutations for the steps first + 1 ... first + count."""
        gpu_trials, alive = self.gpu_trials, np.zeros(1, np.int64)
        orders = epoch_orders(self.problem, gpu_trials, alive, first, count, self._orders.nbytes)
        table = coefficient_tables(gpu_trials, alive, first, orders.steps, self.dtype)
        return _Launch(orders.steps, table.rows, orders.rows, int(orders.starts[0]))

    def _begin(self, launch: _Launch) -> None:
        """Copy what the steps need to the addresses that they read."""
        gpu_trial = self.gpu_trials[0]
        per_epoch = self.problem.steps_per_epoch(gpu_trial.batch_size)
        passed = self.steps % per_epoch
        cursor = np.zeros(len(Cursor), np.int64)
        cursor[Cursor.BEGIN], cursor[Cursor.LEFT] = passed * gpu_trial.batch_size, per_epoch - passed
        cursor[Cursor.ORDER] = launch.order
        self._table[: len(launch.table)], self._orders[: len(launch.orders)] = launch.table, launch.orders
        for name, array in (("cursor", cursor), ("table", self._table), ("orders", self._orders)):
            self._held[name].copy_to_device(array)

    # -------------------------------------------------------------------------------- steps and evaluations

    def _step(self) -> None:
        gpu_trial, n = self.gpu_trials[0], self.problem.n
        begin = self.steps % self.problem.steps_per_epoch(gpu_trial.batch_size) * gpu_trial.batch_size
        size = min(gpu_trial.batch_size, n - begin)
        if size not in self._replays:  # one graph per batch size: an epoch's last batch may be short
            step = partial(self.passes.step, gpu_trial, self.kernel, self._samples, self._held, size)
            self._replays[size] = cuda.Replay(lambda _: step(), self._stream)
        self._replays[size]()
        self.steps += 1

    def _due(self) -> bool:
        points = self.gpu_trials[0].points
        return self._place < len(points) and points[self._place] == self.steps

    def _look(self, records: Any, first: int) -> None:
        """An evaluation, if one is due."""
        if self._due():
            held = self._held
            self.passes.look(
                self._samples, self._visits, held["orders"], held["still"], records, self._place - first
            )  # fmt: skip
            self._place += 1

    def _account(self, taken: int, looks: int, elapsed: float) -> None:
        batch = np.array([self.gpu_trials[0].batch_size])
        self.seconds += elapsed * training_shares(self.problem, self.scope, batch, np.array([taken]), np.array([looks]))
        if taken:
            self._pace = elapsed / taken
