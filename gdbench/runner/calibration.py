"""Estimate how long a suite would take, from a short calibration; nothing is stored."""

import math
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from gdbench.data.problems import build
from gdbench.kernels.rules.registry import find
from gdbench.machine.environment import usable_cores
from gdbench.runner.points import MAX_EPOCH_ENDS, evaluation_points, total_steps
from gdbench.runner.trajectory import batch_size, clipping, scope
from gdbench.suites import Setting, Suite
from gdbench.timing import Case
from gdbench.timing.pace import LEAST
from gdbench.timing.sampling import by_the_clock, calibrated
from gdbench.timing.steps import endless_steps

PATIENCE = 4.0  # seconds; kinds that are left then are not measured, but taken to cost the mean of the others
DENSE = 1000  # parameters; above, a step that solves with a Hessian is estimated, since it takes seconds
SOLVED = 1e9  # parameters cubed that one core solves in a second, roughly
SPREAD = 1000  # evaluation points; above, points that coincide are counted separately


@dataclass(frozen=True)
class Estimate:
    """Trials and steps of a suite, and the seconds that `jobs` threads would take for them."""

    trials: int
    steps: int
    evaluations: int
    jobs: int
    seconds: float


@dataclass(frozen=True)
class _Length:
    """Steps and evaluations of a trial."""

    steps: int
    evaluations: int


@dataclass(frozen=True)
class _Pace:
    """Seconds of a step and of an evaluation, and the most steps that a budget of evaluations allows.

    affordable: None where the budget counts steps or epochs.
    """

    step: float
    evaluation: float
    affordable: int | None


def estimate(suite: Suite, jobs: int | None = None) -> Estimate:
    """Count a suite's trials, and measure a few steps of each kind: problem, rule, batch size and dtype.

    This is an upper estimate, since trials may diverge or stop early. It leaves out compilation. After `PATIENCE`
    seconds, the kinds that are left are taken to cost the mean of the others. jobs: threads, one per core by default.
    """
    jobs = jobs or usable_cores()
    until = time.perf_counter() + PATIENCE
    trials = steps = evaluations = 0
    seconds = 0.0
    paces: list[_Pace] = []
    lengths: dict[tuple[Any, ...], _Length] = {}
    for kind in suite.kinds():
        if not paces or time.perf_counter() < until:
            pace = _pace(suite.example(kind))
            paces.append(pace)
            step, evaluation = np.mean([(each.step, each.evaluation) for each in paces], axis=0)
            mean = _Pace(float(step), float(evaluation), None)
        else:
            pace = mean
        alike = (kind.problem, kind.batch_size, kind.dtype, pace.affordable)
        if alike not in lengths:
            lengths[alike] = _length(suite.example(kind), pace)
        length = lengths[alike]
        trials += kind.trials
        steps += kind.trials * length.steps
        evaluations += kind.trials * length.evaluations
        seconds += kind.trials * (length.steps * pace.step + length.evaluations * pace.evaluation)
    return Estimate(trials, steps, evaluations, jobs, seconds / min(jobs, usable_cores()))


def _length(setting: Setting, pace: _Pace) -> _Length:
    definition = setting.definition
    problem = build(definition["problem"], definition["dtype"])
    per_epoch = problem.steps_per_epoch(batch_size(definition))
    total = total_steps(definition["budget"], per_epoch)
    if pace.affordable is not None:
        total = min(total, pace.affordable)
    evaluate, epochs = definition["evaluate"], per_epoch if problem.batched else None
    return _Length(total, _looks(evaluate.get("every"), evaluate.get("points"), total, epochs))


@lru_cache(maxsize=4096)
def _looks(every: int | None, points: int | None, total: int, per_epoch: int | None) -> int:
    """How often a trial is evaluated; of more than `SPREAD` points, an upper bound."""
    if every is not None:
        return -(-total // every) + 1
    assert points is not None
    if points > SPREAD:
        return min(total + 1, points + (min(MAX_EPOCH_ENDS, total // per_epoch) if per_epoch else 0))
    return len(evaluation_points({"points": points}, total, per_epoch))


def _pace(setting: Setting) -> _Pace:
    """Measure a step and an evaluation of a setting."""
    definition = setting.definition
    problem, rule = build(definition["problem"], definition["dtype"]), find(definition["rule"])
    case = Case(setting.problem, problem, batch_size(definition), clipping(definition))
    training = problem.begin(seed=0, batch_size=case.batch_size, scope=scope(definition))
    evaluated = by_the_clock(lambda count: training.evaluate())
    evaluated(1)  # compiles
    evaluation = evaluated(1)
    if rule.dense and problem.size > DENSE:
        return _Pace(problem.size**3 / SOLVED, evaluation, None)
    endless = endless_steps(case, rule, definition["hyperparameters"])
    endless.run(1)  # compiles; `calibrated` would take a long first step for a long step, and measure no other
    count, seconds = calibrated(by_the_clock(endless.run), LEAST)
    budget = definition["budget"]
    affordable = [
        max(1, math.ceil(budget[name] * endless.steps / max(1, getattr(endless, name))))
        for name in ("gradient_evaluations", "function_evaluations")
        if name in budget and endless.steps
    ]
    return _Pace(seconds / count, evaluation, min(affordable, default=None))
