"""One trial from its definition to its curve: a pure function, whatever runs it, where and in which pieces."""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from gdbench.data.problems import build
from gdbench.kernels import schedules
from gdbench.kernels.contract import find
from gdbench.runner.points import evaluation_points, total_steps
from gdbench.store import TrialRecord
from gdbench.suites import Trial

CHUNK = 1000  # steps a call: how often a trial can be cancelled
_LOSS = "train_loss"


def train(trial: Trial, chunk: int = CHUNK, cancelled: Callable[[], bool] = lambda: False) -> TrialRecord | None:
    """Train `trial` and return what came of it, or None when it was cancelled on the way.

    Only the steps are on the clock, not the evaluations between them. `chunk` changes nothing but how often
    `cancelled` is asked.
    """
    definition = trial.definition
    dtype, schedule, budget = definition["dtype"], definition["schedule"], definition["budget"]
    problem = build(definition["problem"], dtype)
    batch_size = _batch_size(definition)
    per_epoch = problem.steps_per_epoch(batch_size)
    rule, settings = find(definition["rule"]), definition["hyperparameters"]
    update = rule.update(dtype)
    state = np.zeros((len(rule.slots), problem.size), dtype)
    clipping = {name: definition[name] for name in ("clip_norm", "clip_value")}
    training = problem.begin(seed=trial.seed, batch_size=batch_size, **clipping)
    columns = ("step", "epoch", *problem.columns, "lr")
    curve: list[tuple[float, ...]] = []
    seconds, lr, status, steps_to_target = 0.0, math.nan, "exhausted", math.inf
    total = total_steps(budget, per_epoch)
    for point in evaluation_points(definition["evaluate"], total, per_epoch):
        while training.steps < point:
            if cancelled():
                return None
            count = min(chunk, point - training.steps)
            lrs = schedules.learning_rates(schedule, settings["lr"], training.steps + 1, count, total)
            table = rule.table(settings, training.steps + 1, lrs, dtype)
            started = time.perf_counter()
            training.advance(update, state, table)
            seconds += time.perf_counter() - started
            lr = float(lrs[-1])
        values = training.evaluate()
        curve.append((float(point), point / per_epoch, *values, lr))
        now = dict(zip(columns, curve[-1], strict=True))
        if math.isinf(steps_to_target) and trial.target is not None and _past(now, *trial.target):
            steps_to_target, status = float(point), "reached"
        if _diverged(now, dict(zip(columns, curve[0], strict=True))):
            status, steps_to_target = "diverged", math.inf  # censored, whatever it passed on the way
            break
        if definition["stop"] and _past(now, *definition["stop"]):
            break
    return _record(
        trial,
        batch_size=batch_size,
        status=status,
        steps=training.steps,
        epochs=training.steps / per_epoch,
        seconds=seconds,
        steps_to_target=None if trial.target is None else steps_to_target,
        columns=columns,
        curve=np.array(curve),
    )


def failed(trial: Trial, error: Exception) -> TrialRecord:
    """What a trial that raised an error leaves."""
    return _record(
        trial,
        batch_size=_batch_size(trial.definition),
        status="failed",
        steps=0,
        epochs=0.0,
        seconds=0.0,
        steps_to_target=None if trial.target is None else math.inf,
        error=f"{type(error).__name__}: {error}",
    )


def _batch_size(definition: dict[str, Any]) -> int:
    """The number of samples in a batch."""
    size = definition["batch_size"]
    return build(definition["problem"], definition["dtype"]).n if size == "full" else int(size)


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


def _diverged(now: dict[str, float], first: dict[str, float]) -> bool:
    """Whether a loss or the gradient is not finite, or the loss has exploded; an empty split has no loss at all."""
    losses = [name for name in now if name.endswith("_loss") and (name == _LOSS or not math.isnan(first[name]))]
    if not all(math.isfinite(now[name]) for name in (*losses, "grad_norm")):
        return True
    return now[_LOSS] > 1e4 * (1.0 + abs(first[_LOSS]))
