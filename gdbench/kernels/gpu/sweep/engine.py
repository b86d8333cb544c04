"""Trains many trials of one network on a GPU together: the CPU prepares each launch and reads its records.

engine = SweepEngine(problem, trials)
while engine.running:
    for found in engine.advance():
        print(found.trial, found.step, found.values)
"""

from bisect import bisect_right
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from gdbench.kernels.compile import cuda
from gdbench.kernels.gpu.layout import RECORD, SUSPECT, Job, Limit, padded
from gdbench.kernels.gpu.sweep.kernel import sweep
from gdbench.kernels.gpu.sweep.planning import SweepPlan, sweep_plan
from gdbench.kernels.gpu.trials import (
    NEVER,
    ORDERS,
    Evaluation,
    GpuTrial,
    affordable_steps,
    coefficient_tables,
    epoch_orders,
    samples_on_device,
    step_count,
    training_shares,
    values_of,
)
from gdbench.kernels.networks.mlp import MLP
from gdbench.kernels.networks.network import Network
from gdbench.kernels.problem import WHOLE, Scope
from gdbench.kernels.rules.contract import Rule


@dataclass
class _Launch:
    """What the CPU prepares for a launch."""

    first: int
    count: int
    tables: np.ndarray
    orders: np.ndarray
    jobs: dict[Job, np.ndarray] = field(default_factory=dict)


class SweepEngine:
    """Trials of one network in training on the GPU. Raises what numba-cuda raises when the GPU has no room for them.

    rules, largest: rules and greatest batch size of other engines that are to share a compiled kernel with this one.
    scope: what evaluations are over.
    comparable: whether digests can be compared with those of other trials: yes, since the bits are the CPU's.
    seconds: each trial's share of the launches' time, by the samples of its steps, without evaluations.
    """

    comparable = True

    def __init__(
        self,
        problem: MLP,
        gpu_trials: Sequence[GpuTrial],
        *,
        rules: Sequence[Rule] = (),
        largest: int = 0,
        scope: Scope = WHOLE,
    ) -> None:
        self.problem, self.gpu_trials, self.scope = problem, list(gpu_trials), scope
        self.dtype = problem.dtype
        known = {rule.name: rule for rule in (*rules, *(gpu_trial.rule for gpu_trial in self.gpu_trials))}
        self.rules = tuple(known[name] for name in sorted(known))
        slots = max(len(rule.slots) for rule in self.rules)
        network = problem.network
        self.gpu = cuda.gpu()
        self.plan = plan_of(problem, self.rules, max(largest, *(m.batch_size for m in self.gpu_trials)), self.gpu)
        self.kernel = sweep(self.rules, self.dtype, self.plan.threads, self.plan.blocks, self.plan.near)
        self.first, self.seconds = 0, np.zeros(len(self.gpu_trials))
        self._places = {rule.name: place for place, rule in enumerate(self.rules)}
        self._jobs = self._first_jobs()
        self._points, self._starts = _joined([gpu_trial.points for gpu_trial in self.gpu_trials])
        self._jobs[:, Job.POINT] = self._starts
        self._next: _Launch | None = None
        self._from, self._to = cuda.Event(), cuda.Event()
        self._pace = 0.0  # seconds a step, of all trials that ran
        self._upload(network, slots)

    @property
    def steps(self) -> int:
        """The steps that each trial has taken, unless it has ended."""
        return self.first

    def suspect(self, gpu_trial: int) -> bool:
        """Whether a step of the trial may have diverged: its numbers are of no use, and the CPU must train it."""
        return bool(self._jobs[gpu_trial, Job.ENDED] == SUSPECT)

    @property
    def running(self) -> bool:
        """Whether any trial has steps or evaluations left."""
        return bool(self._alive().any())

    def advance(self, most: int = NEVER) -> Iterator[Evaluation]:
        """Run one launch, and yield its evaluations in order of trials and steps.

        most: steps at most.
        """
        launch = self._next
        if launch is None or launch.count > most:
            launch = self._prepare(self.first, min(self._count(), most))
        records, before = self._begin(launch, self._order_of_start()), self._jobs.copy()
        self.first += launch.count
        self._next = None
        if (before[:, Job.LAST] > self.first).any():  # while the GPU works
            self._next = self._prepare(self.first, min(self._count(), most))
        cuda.synchronize()
        elapsed = cuda.elapsed(self._from, self._to)
        self._jobs = self._on_device["jobs"].copy_to_host()
        found = records.copy_to_host()
        self._account(before, launch.count, elapsed)
        yield from self._read(before, found)

    def end(self, gpu_trial: int) -> None:
        """Let a trial take no more steps."""
        self._jobs[gpu_trial, Job.ENDED] = 1

    def theta(self, gpu_trial: int) -> np.ndarray:
        """A trial's present parameters."""
        return self.numbers(gpu_trial)[0]

    def numbers(self, gpu_trial: int) -> np.ndarray:
        """A trial's parameters, its last gradient, and its slots: one row each."""
        layout = self.plan.layout
        start = gpu_trial * layout.parameters
        held = self._on_device["parameters"][start : start + layout.parameters].copy_to_host()
        return np.asarray(held).reshape(-1, layout.stride)[:, : self.problem.size]

    # -------------------------------------------------------------------------------- before a launch

    def _first_jobs(self) -> np.ndarray:
        jobs = np.zeros((len(self.gpu_trials), len(Job)), np.int64)
        for row, gpu_trial in zip(jobs, self.gpu_trials, strict=True):
            row[Job.BATCH] = gpu_trial.batch_size
            row[Job.PER_EPOCH] = self.problem.steps_per_epoch(gpu_trial.batch_size)
            row[Job.LAST] = gpu_trial.steps
            row[Job.RULE] = self._places[gpu_trial.rule.name]
            row[Job.RESHUFFLE] = self.problem.reshuffle
        return jobs

    def _limits(self) -> np.ndarray:
        limits = np.zeros((len(self.gpu_trials), len(Limit)), self.dtype)
        for row, gpu_trial in zip(limits, self.gpu_trials, strict=True):
            row[Limit.CLIP_NORM], row[Limit.CLIP_VALUE] = gpu_trial.clip_norm, gpu_trial.clip_value
            row[Limit.BOUND] = gpu_trial.bound
        return limits

    def _upload(self, network: Network, slots: int) -> None:
        """Allocate what stays on the device as long as this object lives."""
        layout, count = self.plan.layout, len(self.gpu_trials)
        parameters = np.zeros((count, layout.parameters), self.dtype)
        initial = lru_cache(maxsize=64)(self.problem.initial)
        for row, gpu_trial in zip(parameters, self.gpu_trials, strict=True):
            row[: self.problem.size] = initial(gpu_trial.seed)
        self._samples, visits = samples_on_device(self.problem, self.scope)
        far = 0 if self.plan.near[1] else count * layout.activations
        sizes = [layout.stride, layout.parameters, layout.rows, layout.deltas, layout.sums, layout.activations]
        self._network = network._replace(layers=cuda.to_device(padded(self.problem.sizes).table))
        self._on_device = {
            "parameters": cuda.to_device(parameters.reshape(-1)),
            "activations": cuda.empty(max(far, 4), self.dtype),
            "points": cuda.to_device(self._points),
            "limits": cuda.to_device(self._limits()),
            "visits": cuda.to_device(visits),
            "sizes": cuda.to_device(np.array(sizes, np.int64)),
        }

    def _alive(self) -> np.ndarray:
        jobs = self._jobs
        due = self._points[jobs[:, Job.POINT]] == jobs[:, Job.STEPS]
        alive: np.ndarray = (jobs[:, Job.ENDED] == 0) & (due | (jobs[:, Job.STEPS] < jobs[:, Job.LAST]))
        return alive

    def _order_of_start(self) -> np.ndarray:
        """The running trials, those with the largest batches first: if one began last, the others would wait for it."""
        alive = np.flatnonzero(self._alive())
        return alive[np.argsort(-self._jobs[alive, Job.BATCH], kind="stable")].astype(np.int64)

    def _count(self) -> int:
        return step_count(int(self._jobs[:, Job.LAST].max()) - self.first, self._pace)

    def _prepare(self, first: int, count: int) -> _Launch:
        """Coefficients and permutations for the steps first + 1 ... first + count of every trial."""
        alive = np.flatnonzero(self._alive())
        count = min(count, affordable_steps(self.gpu_trials, alive, self.dtype, ORDERS))
        orders = epoch_orders(self.problem, self.gpu_trials, alive, first, count, ORDERS)
        tables = coefficient_tables(self.gpu_trials, alive, first, orders.steps, self.dtype)
        places = {Job.TABLE: tables.starts, Job.ORDER: orders.starts, Job.EPOCH: orders.epochs}
        return _Launch(first, orders.steps, tables.rows, orders.rows, places)

    def _begin(self, launch: _Launch, which: np.ndarray) -> Any:
        """Start a launch; returns the array of its records on the device."""
        for column, values in launch.jobs.items():
            self._jobs[:, column] = values
        # Each trial has rows of its own for its records, one trial after another.
        due = [self._due(i, launch.first + launch.count) if going else 0 for i, going in enumerate(self._alive())]
        self._jobs[:, Job.CURVE] = np.cumsum([0, *due[:-1]])
        on = self._on_device
        on["jobs"] = cuda.to_device(self._jobs)
        records = cuda.to_device(np.zeros((max(1, sum(due)), RECORD), self.dtype))
        # Kept until the next launch: the device reads them after this function has returned.
        on["which"], on["tables"] = cuda.to_device(which), cuda.to_device(launch.tables)
        on["orders"] = cuda.to_device(launch.orders)
        self._from.record()
        self.kernel.launch(
            len(which), self.plan.shared, on["which"], on["jobs"], on["limits"], on["tables"], on["orders"],
            on["points"], self._network, self._samples, on["visits"], on["parameters"], on["activations"], records,
            launch.first, launch.count, on["sizes"],
        )  # fmt: skip
        self._to.record()
        return records

    def _due(self, gpu_trial: int, until: int) -> int:
        """How many evaluations a trial has left up to a step."""
        return bisect_right(self.gpu_trials[gpu_trial].points, until) - int(
            self._jobs[gpu_trial, Job.POINT] - self._starts[gpu_trial]
        )

    # -------------------------------------------------------------------------------- after a launch

    def _account(self, before: np.ndarray, count: int, elapsed: float) -> None:
        taken = self._jobs[:, Job.STEPS] - before[:, Job.STEPS]
        looks = self._jobs[:, Job.POINT] - before[:, Job.POINT]
        self.seconds += elapsed * training_shares(self.problem, self.scope, before[:, Job.BATCH], taken, looks)
        if count:
            self._pace = elapsed / count

    def _read(self, before: np.ndarray, records: np.ndarray) -> Iterator[Evaluation]:
        rates: dict[tuple[Hashable, int], float] = {}
        for i, gpu_trial in enumerate(self.gpu_trials):
            for k in range(int(self._jobs[i, Job.POINT] - before[i, Job.POINT])):
                step = int(self._points[before[i, Job.POINT] + k])
                record = records[before[i, Job.CURVE] + k]
                key = gpu_trial.recipe, step
                if key not in rates:
                    rates[key] = gpu_trial.rate(step)
                yield Evaluation(i, step, values_of(self.problem, self.scope, record), rates[key])


def plan_of(problem: MLP, rules: Sequence[Rule], largest: int, gpu: cuda.Gpu) -> SweepPlan:
    """The plan for trials of these rules, with batches of at most `largest` samples, on a GPU."""
    slots, itemsize = max(len(rule.slots) for rule in rules), np.dtype(problem.dtype).itemsize
    return sweep_plan(problem.sizes, problem.network.activation, slots, itemsize, largest, gpu)


def room(problem: MLP, rules: Sequence[Rule], largest: int) -> tuple[int, float]:
    """Bytes of the GPU's memory that each trial takes, and bytes that are free."""
    plan = plan_of(problem, rules, largest, cuda.gpu())
    numbers = plan.layout.parameters + (0 if plan.near[1] else plan.layout.activations)
    return numbers * np.dtype(problem.dtype).itemsize, cuda.cuda.current_context().get_memory_info().free


def _joined(lists: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """The lists joined, each followed by NEVER, and where each begins."""
    ended = [[*numbers, NEVER] for numbers in lists]
    starts = np.cumsum([0, *(len(numbers) for numbers in ended[:-1])])
    return np.array([number for numbers in ended for number in numbers], np.int64), starts
