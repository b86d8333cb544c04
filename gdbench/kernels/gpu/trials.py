"""Trials for a GPU, and what the CPU prepares for them: tables of coefficients, permutations, data on the GPU."""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gdbench.kernels.arithmetic.random import Stream, permutation
from gdbench.kernels.compile import cuda
from gdbench.kernels.gpu.layout import SPLITS
from gdbench.kernels.networks.mlp import MLP
from gdbench.kernels.networks.passes import Samples
from gdbench.kernels.problem import UPDATE, Scope
from gdbench.kernels.rules.contract import Rule

NEVER = int(np.iinfo(np.int64).max)  # more steps than any trial takes
LOOK = 0.3  # seconds per launch; a run can be cancelled between two
ORDERS = 2**28  # bytes of permutations that a launch may bring, and bytes of coefficients


@dataclass(frozen=True)
class GpuTrial:
    """A trial to be trained on a GPU.

    bound: an output of a step that exceeds it in size, or is NaN, ends the trial as a suspect: it may have diverged.
    """

    rule: Rule
    hyperparameters: Mapping[str, float | bool]
    rates: Callable[[int, int], np.ndarray]  # as in kernels/rules/stepper.py
    recipe: Hashable  # equal for trials whose rule, hyperparameters, schedule and budget are equal: they share a table
    seed: int
    batch_size: int
    steps: int  # its budget
    points: Sequence[int]  # steps at which it is evaluated, in order; the first is 0
    clip_norm: float = 0.0
    clip_value: float = 0.0
    bound: float = math.inf

    def rate(self, step: int) -> float:
        """The learning rate of a step, NaN for step 0."""
        return float(self.rates(step, 1)[0]) if step else np.nan


class Evaluation(NamedTuple):
    """The result of an evaluation of a trial."""

    gpu_trial: int
    step: int
    values: tuple[float, ...]  # of the problem's columns
    lr: float  # of the last step, NaN before the first


class Tables(NamedTuple):
    """Coefficients of a launch's steps, and the row where those of each trial begin."""

    rows: np.ndarray  # of the parameters' dtype: rows x the widest rule's coefficients
    starts: np.ndarray  # int64: one per trial


class Orders(NamedTuple):
    """Permutations of the training samples for the epochs of a launch's steps."""

    steps: int  # steps that they suffice for
    rows: np.ndarray  # int32: permutations x samples
    starts: np.ndarray  # int64: row of each trial's first epoch, -1 for samples in their natural order
    epochs: np.ndarray  # int64: that epoch, 0 if all epochs have the same permutation


def coefficient_tables(gpu_trials: Sequence[GpuTrial], alive: np.ndarray, first: int, count: int, dtype: str) -> Tables:
    """Coefficients of the steps first + 1 ... first + count of the trials that are alive."""
    width = max(len(gpu_trial.rule.coefficient_names) for gpu_trial in gpu_trials)
    made: dict[Hashable, int] = {}
    rows: list[np.ndarray] = []
    starts = np.zeros(len(gpu_trials), np.int64)
    for i in alive:
        gpu_trial = gpu_trials[i]
        taken = min(count, gpu_trial.steps - first)
        if taken <= 0:
            continue
        if gpu_trial.recipe not in made:
            made[gpu_trial.recipe] = len(rows) * count
            block = np.zeros((count, width), dtype)
            table = gpu_trial.rule.table(gpu_trial.hyperparameters, first + 1, gpu_trial.rates(first + 1, taken), dtype)
            block[:taken, : table.shape[1]] = table
            rows.append(block)
        starts[i] = made[gpu_trial.recipe]
    return Tables(np.concatenate(rows) if rows else np.zeros((1, width), dtype), starts)


def affordable_steps(gpu_trials: Sequence[GpuTrial], alive: np.ndarray, dtype: str, room: int) -> int:
    """The number of steps, 1 or more, whose coefficients for the trials that are alive take at most `room` bytes."""
    recipes = len({gpu_trials[i].recipe for i in alive})
    width = max(len(gpu_trial.rule.coefficient_names) for gpu_trial in gpu_trials)
    return max(1, room // (max(1, recipes) * width * np.dtype(dtype).itemsize))


def epoch_orders(
    problem: MLP, gpu_trials: Sequence[GpuTrial], alive: np.ndarray, first: int, count: int, room: int
) -> Orders:
    """The orders of the samples in every epoch of the steps, each seed's epochs one after another.

    They are for fewer steps than `count` if all permutations would take more than `room` bytes.
    """
    n, reshuffle = problem.n, problem.reshuffle
    while True:
        groups: dict[tuple[int, int], tuple[int, int]] = {}
        for i in alive:
            gpu_trial = gpu_trials[i]
            last = min(first + count, gpu_trial.steps) - 1
            if gpu_trial.batch_size < n and last >= first:
                per_epoch = problem.steps_per_epoch(gpu_trial.batch_size)
                # Trials with the same seed and steps per epoch share their permutations.
                span = (first // per_epoch, last // per_epoch) if reshuffle else (0, 0)
                low, high = groups.get((gpu_trial.seed, per_epoch), span)
                groups[gpu_trial.seed, per_epoch] = min(low, span[0]), max(high, span[1])
        total = sum(high - low + 1 for low, high in groups.values())
        if count <= 1 or total * n * 4 <= room:
            break
        count = max(1, count // 2)
    orders, at, begun = np.zeros((max(1, total), n), np.int32), 0, {}
    for (seed, per_epoch), (low, high) in groups.items():
        begun[seed, per_epoch] = at, low
        for epoch in range(low, high + 1):
            orders[at] = permutation(seed, Stream.SHUFFLE, n, epoch)
            at += 1
    starts, epochs = np.full(len(gpu_trials), -1, np.int64), np.zeros(len(gpu_trials), np.int64)
    for i in alive:
        key = gpu_trials[i].seed, problem.steps_per_epoch(gpu_trials[i].batch_size)
        if gpu_trials[i].batch_size < n and key in begun:
            starts[i], epochs[i] = begun[key]
    return Orders(count, orders, starts, epochs)


def step_count(left: int, pace: float) -> int:
    """Steps of the next launch: few at first, then as many as take about `LOOK` seconds; pace: seconds a step."""
    wanted = int(LOOK / pace) if pace else 10
    return max(1, min(left, wanted)) if left > 0 else 0


def training_shares(
    problem: MLP, scope: Scope, batch_sizes: np.ndarray, taken: np.ndarray, looks: np.ndarray
) -> np.ndarray:
    """The share of a launch's time that each trial's steps took, by samples visited; evaluations took the rest."""
    # An evaluation visits its samples forward; for the gradient, the training split forward and back.
    visited = sum(split.x.shape[0] for split in problem.evaluated(scope)) + (2 * problem.n if scope.gradient else 0)
    training = taken * (batch_sizes + UPDATE)
    weight = training.sum() + visited * looks.sum()
    return np.asarray(training / weight if weight else np.zeros(len(training)))


def samples_on_device(problem: MLP, scope: Scope) -> tuple[Samples, np.ndarray]:
    """The samples on the device, those of the training split first, and what an evaluation visits (int64).

    That is a row (first, last + 1) for the losses and scores of each split, and one for the gradient, which is empty if
    no gradient is wanted. The last row is the training split.
    """
    splits = problem.splits if scope.train is None else (*problem.splits, problem.evaluated(scope)[0])
    joined = (np.concatenate([getattr(split, name) for split in splits]) for name in Samples._fields)
    ends = np.cumsum([split.x.shape[0] for split in splits])
    rows = [(end - split.x.shape[0], end) for split, end in zip(splits, ends, strict=True)]
    train, validation, test = (rows[-1] if scope.train is not None else rows[0]), *rows[1:SPLITS]
    visits = [train, validation, test, (0, problem.n if scope.gradient else 0), (0, problem.n)]
    return Samples(*(cuda.to_device(array) for array in joined)), np.array(visits, np.int64)


def values_of(problem: MLP, scope: Scope, record: np.ndarray) -> tuple[float, ...]:
    """The values of the problem's columns from the numbers of an evaluation (kernels/gpu/layout.py)."""
    return tuple(problem.values_of(record.astype(np.float64), scope).tolist())
