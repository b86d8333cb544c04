"""Judge a trial on its way, whatever trains it: its curve, its status, and when it has ended.

trajectory = Trajectory(trial, problem)
for point in trajectory.points:
    ...                                          # train up to that step
    trajectory.observe(point, training.evaluate(), lr)
    if trajectory.ended:
        break
record = trajectory.record(seconds=...)
"""

import math
from typing import Any

import numpy as np

from gdbench.data.problems import build
from gdbench.kernels.problem import DIVERGED, Problem
from gdbench.kernels.rules import schedules
from gdbench.results.metrics import rises
from gdbench.runner.points import evaluation_points, total_steps
from gdbench.store import TrialRecord
from gdbench.suites import Trial


class Trajectory:
    """A trial on its way, which depends on nothing but the evaluations that it is given.

    total: steps of the budget. points: the steps to evaluate it at, from 0 to total. ended: whether it has ended.
    """

    def __init__(self, trial: Trial, problem: Problem) -> None:
        definition = trial.definition
        self.trial, self.problem = trial, problem
        self.batch_size = batch_size(definition)
        self.per_epoch = problem.steps_per_epoch(self.batch_size)
        self.total = total_steps(definition["budget"], self.per_epoch)
        epochs = self.per_epoch if problem.batched else None  # a function has no epochs: each step would end one
        self.points = evaluation_points(definition["evaluate"], self.total, epochs)
        self.columns = ("step", "epoch", *problem.columns, "lr")
        self.ended = False
        self._schedule, self._lr = definition["schedule"], definition["hyperparameters"]["lr"]
        self._stop = definition["stop"]
        self._curve: list[tuple[float, ...]] = []
        self._status, self._steps_to_target = "exhausted", math.inf

    @property
    def step(self) -> int:
        """The step of the last evaluation; -1 before the first one."""
        return int(self._curve[-1][0]) if self._curve else -1

    def rates(self, first: int, count: int) -> np.ndarray:
        """The learning rates of steps first, first + 1, ... (1 is the first), in float64."""
        return schedules.learning_rates(self._schedule, self._lr, first, count, self.total)

    def observe(self, step: int, values: tuple[float, ...], lr: float) -> None:
        """Judge the trial by an evaluation after `step` steps.

        values: of the problem's columns. lr: of the last step.
        """
        self._curve.append((float(step), step / self.per_epoch, *values, lr))
        now = dict(zip(self.columns, self._curve[-1], strict=True))
        target = self.trial.target
        if math.isinf(self._steps_to_target) and target is not None and _past(now, *target):
            self._steps_to_target, self._status = float(step), "reached"
        if _diverged(self.problem.columns[0], now, dict(zip(self.columns, self._curve[0], strict=True))):
            self._status, self._steps_to_target = "diverged", math.inf  # censored, though it may have met the target
            self.ended = True
        elif step >= self.total or (self._stop and _past(now, *self._stop)):
            self.ended = True

    def record(self, *, seconds: float, stalled: bool = False, **counted: int) -> TrialRecord:
        """The record of the trial.

        seconds: of its steps. stalled: whether its rule found no further step. counted: `gradient_evaluations` and
        `function_evaluations`; by default one gradient per step.
        """
        return _record(
            self.trial,
            batch_size=self.batch_size,
            parameters=self.problem.size,
            status="stalled" if stalled and self._status == "exhausted" else self._status,
            steps=self.step,
            epochs=self.step / self.per_epoch,
            seconds=seconds,
            steps_to_target=None if self.trial.target is None else self._steps_to_target,
            columns=self.columns,
            curve=np.array(self._curve),
            **{"gradient_evaluations": self.step, "function_evaluations": 0, **counted},
        )


def failed(trial: Trial, error: str) -> TrialRecord:
    """The record of a trial that could not be trained."""
    return _record(
        trial,
        batch_size=batch_size(trial.definition),
        status="failed",
        steps=0,
        epochs=0.0,
        seconds=0.0,
        steps_to_target=None if trial.target is None else math.inf,
        error=error,
    )


def named(error: Exception) -> str:
    """An error with its type, as failed trials store it."""
    return f"{type(error).__name__}: {error}"


def batch_size(definition: dict[str, Any]) -> int:
    """The number of samples in a batch of a trial with this definition."""
    size = definition["batch_size"]
    return int(build(definition["problem"], definition["dtype"]).n) if size == "full" else int(size)


def clipping(definition: dict[str, Any]) -> dict[str, float]:
    """How gradients are clipped, as `Problem.begin` takes it."""
    return {name: definition[name] for name in ("clip_norm", "clip_value")}


def _record(trial: Trial, **outcome: Any) -> TrialRecord:
    return TrialRecord(
        trial=trial.index,
        key=trial.key,
        setting=trial.setting.hash,
        problem=trial.setting.problem,
        rule=trial.setting.rule,
        role=trial.role,
        seed=trial.seed,
        dtype=trial.definition["dtype"],
        definition=trial.definition,
        **outcome,
    )


def _past(now: dict[str, float], metric: str, level: float) -> bool:
    """Whether a metric is at or past its level; NaN never is."""
    return now[metric] >= level if rises(metric) else now[metric] <= level


def _diverged(objective: str, now: dict[str, float], first: dict[str, float]) -> bool:
    """Whether the objective, a loss or the gradient is not finite, or the objective has exploded.

    first: the evaluation at step 0, where the loss of an empty split is NaN.
    """
    losses = [name for name in now if name.endswith("_loss") and not math.isnan(first[name])]
    if not all(math.isfinite(now[name]) for name in (objective, *losses, "grad_norm")):
        return True
    return now[objective] > DIVERGED * (1.0 + abs(first[objective]))
