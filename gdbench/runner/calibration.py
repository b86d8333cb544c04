"""How long a suite would take, from a short calibration: nothing is stored."""

import time
from collections import Counter
from dataclasses import dataclass

import numpy as np

from gdbench.data.problems import build
from gdbench.environment import usable_cores
from gdbench.kernels import schedules
from gdbench.kernels.contract import find
from gdbench.runner.points import evaluation_points, total_steps
from gdbench.suites import Setting, Suite

SECONDS = 0.02  # of steps for each kind of trial: enough to tell seconds from minutes


@dataclass(frozen=True)
class Estimate:
    """Trials and steps of a suite, and the seconds that `jobs` threads would take for them."""

    trials: int
    steps: int
    evaluations: int
    jobs: int
    seconds: float


def estimate(suite: Suite, jobs: int | None = None) -> Estimate:
    """Count a suite's trials and measure a few steps of each kind (problem, rule, batch size, dtype) of them.

    Divergence and early stops are not foreseen, so this is an upper estimate; compilation is not in it.
    """
    jobs = jobs or usable_cores()
    at_once = min(jobs, usable_cores())
    costs: dict[tuple[object, ...], tuple[int, float, int]] = {}
    kinds: Counter[tuple[object, ...]] = Counter()
    first = suite.settings
    repeats = len(suite.tune_seeds) or len(suite.seeds)
    chosen = suite.defaults * 2 if suite.tune_seeds else []
    for setting, seeds in [*((s, repeats) for s in first), *((s, len(suite.seeds)) for s in chosen)]:
        definition = setting.definition
        kind = (setting.problem, definition["rule"], definition["batch_size"], definition["dtype"])
        if kind not in costs:
            costs[kind] = _measure(setting)
        kinds[kind] += seeds
    steps = sum(count * costs[kind][0] for kind, count in kinds.items())
    evaluations = sum(count * costs[kind][2] for kind, count in kinds.items())
    seconds = sum(count * costs[kind][1] for kind, count in kinds.items()) / at_once
    return Estimate(sum(kinds.values()), steps, evaluations, jobs, seconds)


def _measure(setting: Setting) -> tuple[int, float, int]:
    """Steps, seconds and evaluations of one trial of this setting."""
    definition = setting.definition
    dtype = definition["dtype"]
    problem = build(definition["problem"], dtype)
    batch_size = problem.n if definition["batch_size"] == "full" else definition["batch_size"]
    per_epoch = problem.steps_per_epoch(batch_size)
    total = total_steps(definition["budget"], per_epoch)
    points = evaluation_points(definition["evaluate"], total, per_epoch)
    rule = find(definition["rule"])
    update = rule.update(dtype)
    training = problem.begin(seed=0, batch_size=batch_size)
    state = np.zeros((len(rule.slots), problem.size), dtype)
    lrs = schedules.learning_rates(definition["schedule"], 1e-6, 1, 1, total)
    table = rule.table(definition["hyperparameters"], 1, lrs, dtype)
    training.advance(update, state, table)  # compiles
    training.evaluate()
    taken = 0
    started = time.perf_counter()
    while (spent := time.perf_counter() - started) < SECONDS:
        training.advance(update, state, table)
        taken += 1
    started = time.perf_counter()
    training.evaluate()
    return total, total * spent / taken + len(points) * (time.perf_counter() - started), len(points)
