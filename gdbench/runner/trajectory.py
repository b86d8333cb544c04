"""A trial on its way, whatever trains it: when to evaluate it, its curve, and its record at the end.

trajectory = Trajectory(trial, problem)
training = problem.begin(..., target=trajectory.target, points=trajectory.points)
...                                              # train up to the last point, or to where the trial ends
record = trajectory.record(training, training.curve, seconds=...)
"""

import math
from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np

from gdbench.data.problems import build
from gdbench.kernels.problem import Clipping, Problem, Scope, Target
from gdbench.kernels.rules import schedules
from gdbench.results.metrics import rises
from gdbench.runner.points import evaluation_points, steps_between_looks, total_steps
from gdbench.store import TrialRecord
from gdbench.suites import Setting, Trial


class Outcome(Protocol):
    """What came of a trial: `Training` in kernels/problem.py has it."""

    diverged_step: float

    @property
    def crossings(self) -> tuple[float, ...]: ...

    @property
    def look_seconds(self) -> float: ...


class Trajectory:
    """A trial on its way. Evaluations decide nothing.

    total: steps of the budget. points: the steps to evaluate it at, from 0 to total. target: what to look for, and how
    often.
    """

    def __init__(self, trial: Trial, problem: Problem) -> None:
        definition = trial.definition
        self.trial, self.problem = trial, problem
        self.batch_size = batch_size(definition)
        self.per_epoch = problem.steps_per_epoch(self.batch_size)
        self.total = total_steps(definition["budget"], self.per_epoch)
        epochs = self.per_epoch if problem.batched else None  # a function has no epochs: each step would end one
        self.points = evaluation_points(definition["evaluate"], self.total, epochs)
        self.target = self._target()
        self.scope = scope(definition)
        self.columns = ("step", "epoch", *problem.columns, "lr")
        self._schedule, self._lr = definition["schedule"], definition["hyperparameters"]["lr"]

    def _target(self) -> Target | None:
        trial, stop = self.trial, self.trial.definition["stop"]
        metric, levels = trial.target or (stop[0], (stop[1],)) if trial.target or stop else ("", ())
        if not metric:
            return None
        every = steps_between_looks(trial.role, self.total, self.problem.look_cost(metric, self.batch_size))
        return Target(metric, levels, every, rises(metric), bool(stop))

    def rates(self, first: int, count: int) -> np.ndarray:
        """The learning rates of steps first, first + 1, ... (1 is the first), in float64."""
        return schedules.learning_rates(self._schedule, self._lr, first, count, self.total)

    def _curve(self, steps: np.ndarray, values: np.ndarray) -> np.ndarray:
        """The rows of `columns`; lr is that of the last step, so that there is none at step 0."""
        lrs = np.full(len(steps), math.nan)
        lrs[steps > 0] = schedules.learning_rates_at(self._schedule, self._lr, steps[steps > 0], self.total)
        return np.column_stack([steps, steps / self.per_epoch, values, lrs])

    def record(
        self,
        outcome: Outcome,
        curve: tuple[np.ndarray, np.ndarray],
        *,
        seconds: float,
        whole: dict[str, float],
        stalled: bool = False,
        **counted: int,
    ) -> TrialRecord:
        """The record of the trial.

        curve: the steps of its evaluations, and the values of the problem's columns. seconds: of its steps. whole:
        `Training.whole` at its end. stalled: whether its rule found no further step. counted: `gradient_evaluations`
        and `function_evaluations`; by default one gradient per step.
        """
        crossings = list(outcome.crossings) if self.trial.target else []
        reached = bool(crossings) and math.isfinite(crossings[-1])
        diverged, last = math.isfinite(outcome.diverged_step), int(curve[0][-1])
        return _record(
            self.trial,
            batch_size=self.batch_size,
            parameters=self.problem.size,
            status="reached" if reached else "diverged" if diverged else "stalled" if stalled else "exhausted",
            steps=last,
            epochs=last / self.per_epoch,
            seconds=seconds,
            crossing_seconds=outcome.look_seconds,
            steps_to_target=crossings[-1] if crossings else None,
            crossings=crossings,
            diverged_step=outcome.diverged_step,
            columns=self.columns,
            curve=self._curve(*curve),
            whole=whole,
            **{"gradient_evaluations": last, "function_evaluations": 0, **counted},
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
        crossings=[math.inf] * len(trial.target[1]) if trial.target else [],
        error=error,
    )


def named(error: Exception) -> str:
    """An error with its type, as failed trials store it."""
    return f"{type(error).__name__}: {error}"


def batch_size(definition: dict[str, Any]) -> int:
    """The number of samples in a batch of a trial with this definition."""
    size = definition["batch_size"]
    return int(build(definition["problem"], definition["dtype"]).n) if size == "full" else int(size)


def rare_looks(settings: Iterable[Setting], metric: str) -> list[str]:
    """Where reported trials do not look at the target after each step, such as `cars, batch 4: after every 3 steps`."""
    found: dict[str, None] = {}
    for setting in settings:
        definition = setting.definition
        problem, size = build(definition["problem"], definition["dtype"]), batch_size(definition)
        every = steps_between_looks("report", 0, problem.look_cost(metric, size))
        if every > 1:
            found[f"{setting.problem}, batch {size}: after every {every} steps"] = None
    return list(found)


def partly_evaluated(settings: Iterable[Setting]) -> list[str]:
    """Over how many training samples curves are, where not over all: such as `digits: 270 of 1,257 samples`."""
    found: dict[str, None] = {}
    for setting in settings:
        definition = setting.definition
        count, problem = scope(definition).train, build(definition["problem"], definition["dtype"])
        if count is not None:
            found[f"{setting.problem}: {count:,} of {problem.n:,} samples"] = None
    return list(found)


def scope(definition: dict[str, Any]) -> Scope:
    """What the evaluations of a trial with this definition are over; everything where it does not say, as once."""
    evaluate = definition["evaluate"]
    train = evaluate.get("train", "all")
    return Scope(None if train == "all" else train, evaluate.get("gradient", True))


def clipping(definition: dict[str, Any]) -> Clipping:
    """How the gradients of a trial with this definition are clipped."""
    return {"clip_norm": definition["clip_norm"], "clip_value": definition["clip_value"]}


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
