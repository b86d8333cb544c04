"""One trial from its definition to its curve: a pure function, whatever runs it, where and in which pieces."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gdbench.data.problems import build
from gdbench.kernels import MLP, Direction, Rule, schedules, steps
from gdbench.kernels.registry import BaseRule, find
from gdbench.runner.points import evaluation_points, total_steps
from gdbench.store import TrialRecord
from gdbench.suites import Trial

_UPDATE = 10  # samples that an update costs as much as
CHUNK = 1000  # steps a call: how often a trial can be cancelled
TEAM = 2**20  # samples x parameters of a step from which on it is worth sharing out among threads


def train(
    trial: Trial, chunk: int = CHUNK, cancelled: Callable[[], bool] = lambda: False, threads: int = 1
) -> TrialRecord | None:
    """Train `trial` and return what came of it, or None when it was cancelled on the way.

    Only the steps are on the clock, not the evaluations between them. `chunk` changes nothing but how often
    `cancelled` is asked, and `threads` nothing but how soon a large trial ends, which they then train together.
    """
    definition = trial.definition
    budget = definition["budget"]
    problem = build(definition["problem"], definition["dtype"])
    size = batch_size(definition)
    per_epoch = problem.steps_per_epoch(size)
    total = total_steps(budget, per_epoch)
    rule, settings = find(definition["rule"]), definition["hyperparameters"]
    team = {"threads": threads} if threads > 1 and _for_a_team(problem, rule, size) else {}
    training = problem.begin(seed=trial.seed, batch_size=size, **clipping(definition), **team)

    def rates(first: int, count: int) -> np.ndarray:
        return schedules.learning_rates(definition["schedule"], settings["lr"], first, count, total)

    walk = steps.begin(rule, settings, training, rates, budget)
    columns = ("step", "epoch", *problem.columns, "lr")
    curve: list[tuple[float, ...]] = []
    status, steps_to_target = "exhausted", math.inf
    function = definition["problem"]["kind"] == "function"  # whose every step would be the end of an epoch
    for point in evaluation_points(definition["evaluate"], total, None if function else per_epoch):
        while training.steps < point and not walk.ended:
            if cancelled():
                return None
            walk.advance(min(chunk, walk.chunk, point - training.steps))
        if curve and training.steps == curve[-1][0]:  # stalled where it was looked at last
            break
        curve.append((float(training.steps), training.steps / per_epoch, *training.evaluate(), walk.lr))
        now = dict(zip(columns, curve[-1], strict=True))
        if math.isinf(steps_to_target) and trial.target is not None and _past(now, *trial.target):
            steps_to_target, status = float(training.steps), "reached"
        if _diverged(problem.columns[0], now, dict(zip(columns, curve[0], strict=True))):
            status, steps_to_target = "diverged", math.inf  # censored, whatever it passed on the way
            break
        if walk.ended or (definition["stop"] and _past(now, *definition["stop"])):
            break
    if walk.stalled and status == "exhausted":
        status = "stalled"
    return _record(
        trial,
        batch_size=size,
        parameters=problem.size,
        status=status,
        steps=training.steps,
        epochs=training.steps / per_epoch,
        seconds=walk.seconds,
        gradient_evaluations=walk.gradient_evaluations,
        function_evaluations=walk.function_evaluations,
        steps_to_target=None if trial.target is None else steps_to_target,
        columns=columns,
        curve=np.array(curve),
    )


def _for_a_team(problem: Any, rule: BaseRule, batch_size: int) -> bool:
    """Whether a step is long enough to be shared out, and its update our own: a plug-in's might raise an error."""
    ours = isinstance(rule, Rule) and rule.source == ""
    return ours and isinstance(problem, MLP) and batch_size * problem.size >= TEAM


def work(trial: Trial) -> float:
    """Roughly how much `trial` has to do, so that the longest can begin first: steps x samples x parameters.

    An update costs as much as some samples do; a direction rule may look at every pair of parameters.
    """
    definition = trial.definition
    problem, size = build(definition["problem"], definition["dtype"]), batch_size(definition)
    total = total_steps(definition["budget"], problem.steps_per_epoch(size))
    pairs = problem.size if isinstance(find(definition["rule"]), Direction) else 1
    return float(total * (size + _UPDATE) * problem.size * pairs)


def failed(trial: Trial, error: Exception) -> TrialRecord:
    """What a trial that raised an error leaves."""
    return _record(
        trial,
        batch_size=batch_size(trial.definition),
        status="failed",
        steps=0,
        epochs=0.0,
        seconds=0.0,
        steps_to_target=None if trial.target is None else math.inf,
        error=f"{type(error).__name__}: {error}",
    )


def batch_size(definition: dict[str, Any]) -> int:
    """The number of samples in a batch."""
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
    return now[metric] >= level if metric.endswith("accuracy") else now[metric] <= level


def _diverged(objective: str, now: dict[str, float], first: dict[str, float]) -> bool:
    """Whether a loss or the gradient is not finite, or the objective has exploded; an empty split has no loss."""
    losses = [name for name in now if name.endswith("_loss") and not math.isnan(first[name])]
    if not all(math.isfinite(now[name]) for name in (objective, *losses, "grad_norm")):
        return True
    return now[objective] > 1e4 * (1.0 + abs(first[objective]))
