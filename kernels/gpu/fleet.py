"""Many trials of one network on a GPU together: what the CPU prepares for each launch, and what it reads afterwards.

fleet = Fleet(problem, members)
while fleet.running:
    for found in fleet.advance():
        print(found.member, found.step, found.values)
"""

import time
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from gdbench.kernels import cuda
from gdbench.kernels.contract import Rule
from gdbench.kernels.gpu.layout import RECORD, SPLITS, Job, Limit
from gdbench.kernels.gpu.planning import sweep_plan
from gdbench.kernels.gpu.sweep import sweep
from gdbench.kernels.mlp import MLP
from gdbench.kernels.random import Stream, permutation
from gdbench.kernels.training import Samples

NEVER = np.iinfo(np.int64).max
_LOOK = 0.3  # seconds of a launch: how often a run can be cancelled
_ORDERS = 2**28  # bytes of permutations that a launch may bring
_UPDATE = 10  # samples that an update costs as much as


class Stop(NamedTuple):
    """An evaluation that ends a trial: the column of the problem's `columns`, and its level."""

    column: int
    level: float
    at_least: bool


@dataclass(frozen=True)
class Member:
    """A trial of a fleet."""

    rule: Rule
    settings: Mapping[str, float | bool]
    rates: Callable[[int, int], np.ndarray]  # as of kernels/steps.py
    recipe: Hashable  # equal for members whose rule, settings, schedule and budget are equal: they share a table
    seed: int
    batch_size: int
    steps: int  # its budget
    points: Sequence[int]  # steps at which it is looked at, in order; the first is 0
    clip_norm: float = 0.0
    clip_value: float = 0.0
    stop: Stop | None = None


class Found(NamedTuple):
    """What an evaluation of a member gave."""

    member: int
    step: int
    values: tuple[float, ...]  # of the problem's columns
    lr: float  # of the last step, NaN before the first


@dataclass
class _Launch:
    """What a launch needs beside what lies on the device already."""

    first: int
    count: int
    tables: np.ndarray
    orders: np.ndarray
    jobs: dict[Job, np.ndarray] = field(default_factory=dict)


class Fleet:
    """Trials of one network in training on the GPU. Raises what numba-cuda raises when the card has no room for them.

    seconds: of each member, its share of the launches by the samples it visited, evaluations apart.
    """

    def __init__(self, problem: MLP, members: Sequence[Member]) -> None:
        self.problem, self.members = problem, list(members)
        self.dtype = problem.dtype
        number = np.dtype(self.dtype)
        rules = {member.rule.name: member.rule for member in self.members}
        self.rules = tuple(rules[name] for name in sorted(rules))
        slots = max(len(rule.slots) for rule in self.rules)
        largest = max(member.batch_size for member in self.members)
        network = problem.network
        self.card = cuda.card()
        self.plan = sweep_plan(problem.sizes, network.activation, slots, number.itemsize, largest, self.card)
        self.kernel = sweep(self.rules, self.dtype, self.plan.threads, self.plan.blocks, self.plan.near)
        self.first, self.seconds = 0, np.zeros(len(self.members))
        self._width = max(len(rule.coefficient_names) for rule in self.rules)
        self._places = {rule.name: place for place, rule in enumerate(self.rules)}
        self._jobs = self._first_jobs()
        self._points, self._starts = _joined([member.points for member in self.members])
        self._jobs[:, Job.POINT] = self._starts
        self._next: _Launch | None = None
        self._pace = 0.0  # seconds a step, of all members that ran
        self._upload(network, slots)

    @property
    def running(self) -> bool:
        """Whether any member has steps or evaluations before it."""
        return bool(self._alive().any())

    def advance(self) -> Iterator[Found]:
        """One launch, and what was found at the evaluations on its way, in order of members and steps."""
        launch = self._next or self._prepare(self.first, self._count())
        records, before = self._begin(launch, self._order_of_start()), self._jobs.copy()
        started = time.perf_counter()
        self.first += launch.count
        self._next = None
        if (before[:, Job.LAST] > self.first).any():  # while the GPU works
            self._next = self._prepare(self.first, self._count())
        cuda.synchronize()
        elapsed = time.perf_counter() - started
        self._jobs = self._on_device["jobs"].copy_to_host()
        found = records.copy_to_host()
        self._account(before, launch.count, elapsed)
        yield from self._read(before, found)

    def end(self, member: int) -> None:
        """Let a member take no more steps."""
        self._jobs[member, Job.ENDED] = 1

    def theta(self, member: int) -> np.ndarray:
        """A member's present parameters."""
        start = member * self.plan.layout.parameters
        held = self._on_device["parameters"][start : start + self.problem.size].copy_to_host()
        return np.asarray(held)

    # -------------------------------------------------------------------------------- before a launch

    def _first_jobs(self) -> np.ndarray:
        jobs = np.zeros((len(self.members), len(Job)), np.int64)
        for row, member in zip(jobs, self.members, strict=True):
            row[Job.BATCH] = member.batch_size
            row[Job.PER_EPOCH] = self.problem.steps_per_epoch(member.batch_size)
            row[Job.LAST] = member.steps
            row[Job.RULE] = self._places[member.rule.name]
            row[Job.RESHUFFLE] = self.problem.reshuffle
            if member.stop is not None:
                place = 1 + member.stop.column
                row[Job.STOP] = place if member.stop.at_least else -place
        return jobs

    def _limits(self) -> np.ndarray:
        limits = np.zeros((len(self.members), len(Limit)), self.dtype)
        for row, member in zip(limits, self.members, strict=True):
            row[Limit.CLIP_NORM], row[Limit.CLIP_VALUE] = member.clip_norm, member.clip_value
            if member.stop is not None:
                row[Limit.STOP] = self._level(member.stop)
        return limits

    def _level(self, stop: Stop) -> np.floating:
        """The level in the kernel's numbers, which are sums of scores, a little beyond: the host judges exactly."""
        level, number = stop.level, np.dtype(self.dtype).type
        if SPLITS <= stop.column < 2 * SPLITS:
            level *= self.problem.splits[stop.column - SPLITS].x.shape[0] * self.problem.scores_a_sample
        return np.nextafter(number(level), number(np.inf if stop.at_least else -np.inf))

    def _upload(self, network: Any, slots: int) -> None:
        """What stays on the device as long as this object lives."""
        layout, count, splits = self.plan.layout, len(self.members), self.problem.splits
        parameters = np.zeros((count, layout.parameters), self.dtype)
        initial = lru_cache(maxsize=64)(self.problem.initial)
        for row, member in zip(parameters, self.members, strict=True):
            row[: self.problem.size] = initial(member.seed)
        joined = Samples(*(np.concatenate([getattr(s, name) for s in splits]) for name in Samples._fields))
        bounds = np.cumsum([0, *(split.x.shape[0] for split in splits)])
        far = 0 if self.plan.near[1] else count * layout.activations
        sizes = [layout.stride, layout.parameters, layout.rows, layout.deltas, layout.sums, layout.activations]
        self._network = network._replace(sizes=cuda.to_device(network.sizes))
        self._samples = Samples(*(cuda.to_device(array) for array in joined))
        self._on_device = {
            "parameters": cuda.to_device(parameters.reshape(-1)),
            "activations": cuda.empty(max(far, 4), self.dtype),
            "points": cuda.to_device(self._points),
            "limits": cuda.to_device(self._limits()),
            "bounds": cuda.to_device(bounds.astype(np.int64)),
            "sizes": cuda.to_device(np.array(sizes, np.int64)),
        }

    def _alive(self) -> np.ndarray:
        jobs = self._jobs
        due = self._points[jobs[:, Job.POINT]] == jobs[:, Job.STEPS]
        alive: np.ndarray = (jobs[:, Job.ENDED] == 0) & (due | (jobs[:, Job.STEPS] < jobs[:, Job.LAST]))
        return alive

    def _order_of_start(self) -> np.ndarray:
        """The members that go on, those with the largest steps first: one that began last would keep all waiting."""
        alive = np.flatnonzero(self._alive())
        return alive[np.argsort(-self._jobs[alive, Job.BATCH], kind="stable")].astype(np.int64)

    def _count(self) -> int:
        """Steps of the next launch: few at first, then as many as take about `_LOOK` seconds."""
        left = int(self._jobs[:, Job.LAST].max()) - self.first
        wanted = int(_LOOK / self._pace) if self._pace else 10
        return max(1, min(left, wanted)) if left > 0 else 0

    def _prepare(self, first: int, count: int) -> _Launch:
        """Coefficients and permutations for the steps first + 1 ... first + count of every member."""
        alive = np.flatnonzero(self._alive())
        count, orders, places = self._permutations(alive, first, count)
        tables: dict[Hashable, int] = {}
        rows: list[np.ndarray] = []
        starts = np.zeros(len(self.members), np.int64)
        for i in alive:
            member = self.members[i]
            taken = min(count, member.steps - first)
            if taken <= 0:
                continue
            if member.recipe not in tables:
                tables[member.recipe] = len(rows) * count
                block = np.zeros((count, self._width), self.dtype)
                made = member.rule.table(member.settings, first + 1, member.rates(first + 1, taken), self.dtype)
                block[:taken, : made.shape[1]] = made
                rows.append(block)
            starts[i] = tables[member.recipe]
        table = np.concatenate(rows) if rows else np.zeros((1, self._width), self.dtype)
        return _Launch(first, count, table, orders, {Job.TABLE: starts, **places})

    def _permutations(self, alive: np.ndarray, first: int, count: int) -> tuple[int, np.ndarray, dict[Job, np.ndarray]]:
        """The orders of the samples in every epoch that the steps touch, each seed's epochs one after another.

        Of fewer steps than asked for, where the permutations of all would take too much room.
        """
        n, reshuffle = self.problem.n, self.problem.reshuffle
        while True:
            groups: dict[tuple[int, int], tuple[int, int]] = {}
            for i in alive:
                member, per_epoch = self.members[i], int(self._jobs[i, Job.PER_EPOCH])
                last = min(first + count, member.steps) - 1
                if member.batch_size < n and last >= first:
                    span = (first // per_epoch, last // per_epoch) if reshuffle else (0, 0)
                    low, high = groups.get((member.seed, per_epoch), span)
                    groups[member.seed, per_epoch] = min(low, span[0]), max(high, span[1])
            total = sum(high - low + 1 for low, high in groups.values())
            if count <= 1 or total * n * 4 <= _ORDERS:
                break
            count = max(1, count // 2)
        orders, at, starts = np.zeros((max(1, total), n), np.int32), 0, {}
        drawn = lru_cache(maxsize=1024)(lambda seed, epoch: permutation(seed, Stream.SHUFFLE, n, epoch))
        for (seed, per_epoch), (low, high) in groups.items():
            starts[seed, per_epoch] = at, low
            for epoch in range(low, high + 1):
                orders[at] = drawn(seed, epoch)
                at += 1
        rows, epochs = np.full(len(self.members), -1, np.int64), np.zeros(len(self.members), np.int64)
        for i in alive:
            key = self.members[i].seed, int(self._jobs[i, Job.PER_EPOCH])
            if self.members[i].batch_size < n and key in starts:
                rows[i], epochs[i] = starts[key]
        return count, orders, {Job.ORDER: rows, Job.EPOCH: epochs}

    def _begin(self, launch: _Launch, which: np.ndarray) -> Any:
        """Start a launch; returns where its records will be."""
        for column, values in launch.jobs.items():
            self._jobs[:, column] = values
        due = [self._due(i, launch.first + launch.count) if going else 0 for i, going in enumerate(self._alive())]
        self._jobs[:, Job.CURVE] = np.cumsum([0, *due[:-1]])
        on = self._on_device
        on["jobs"] = cuda.to_device(self._jobs)
        records = cuda.to_device(np.zeros((max(1, sum(due)), RECORD), self.dtype))
        self.kernel.launch(
            len(which), self.plan.shared, cuda.to_device(which), on["jobs"], on["limits"],
            cuda.to_device(launch.tables), cuda.to_device(launch.orders), on["points"], self._network, self._samples,
            on["bounds"], on["parameters"], on["activations"], records, launch.first, launch.count, on["sizes"],
        )  # fmt: skip
        return records

    def _due(self, member: int, until: int) -> int:
        """How many evaluations a member comes to before or at a step."""
        return bisect_right(self.members[member].points, until) - int(
            self._jobs[member, Job.POINT] - self._starts[member]
        )

    # -------------------------------------------------------------------------------- after a launch

    def _account(self, before: np.ndarray, count: int, elapsed: float) -> None:
        taken = self._jobs[:, Job.STEPS] - before[:, Job.STEPS]
        looks = self._jobs[:, Job.POINT] - before[:, Job.POINT]
        visited = sum(split.x.shape[0] for split in self.problem.splits) + self.problem.n
        training = taken * (before[:, Job.BATCH] + _UPDATE)
        weight = training.sum() + visited * looks.sum()
        if weight:
            self.seconds += elapsed * training / weight
        if count:
            self._pace = elapsed / count

    def _read(self, before: np.ndarray, records: np.ndarray) -> Iterator[Found]:
        for i, member in enumerate(self.members):
            for k in range(int(self._jobs[i, Job.POINT] - before[i, Job.POINT])):
                step = int(self._points[before[i, Job.POINT] + k])
                record = records[before[i, Job.CURVE] + k]
                values = self.problem.record(record[:SPLITS], record[SPLITS : 2 * SPLITS], record[2 * SPLITS])
                yield Found(i, step, values, float(member.rates(step, 1)[0]) if step else np.nan)


def _joined(lists: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Lists one after another, each with NEVER at its end, and where each begins."""
    ended = [[*numbers, NEVER] for numbers in lists]
    starts = np.cumsum([0, *(len(numbers) for numbers in ended[:-1])])
    return np.array([number for numbers in ended for number in numbers], np.int64), starts
