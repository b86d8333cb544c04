"""How long a suite would take, from a short calibration: nothing is stored."""

import math
import time
from collections import Counter
from dataclasses import dataclass

import numpy as np

from gdbench.data.problems import build
from gdbench.environment import usable_cores
from gdbench.kernels import steps
from gdbench.kernels.registry import find
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
    problem = build(definition["problem"], definition["dtype"])
    batch_size = problem.n if definition["batch_size"] == "full" else definition["batch_size"]
    per_epoch = problem.steps_per_epoch(batch_size)
    budget = definition["budget"]
    total = total_steps(budget, per_epoch)
    function = definition["problem"]["kind"] == "function"

    def rates(first: int, count: int) -> np.ndarray:
        return np.full(count, 1e-6)  # so small that nothing diverges while it is measured

    training = problem.begin(seed=0, batch_size=batch_size)
    walk = steps.begin(find(definition["rule"]), definition["hyperparameters"], training, rates)
    walk.advance(1)  # compiles
    training.evaluate()
    warm, spent = training.steps, walk.seconds
    while not walk.ended and walk.seconds - spent < SECONDS:
        walk.advance(1)
    for name in ("gradient_evaluations", "function_evaluations"):
        if name in budget and training.steps:
            total = min(total, max(1, math.ceil(budget[name] * training.steps / max(1, getattr(walk, name)))))
    points = evaluation_points(definition["evaluate"], total, None if function else per_epoch)
    cost = (walk.seconds - spent) / max(1, training.steps - warm)
    started = time.perf_counter()
    training.evaluate()
    return total, total * cost + len(points) * (time.perf_counter() - started), len(points)
