"""Takes the steps of a rule of either kind on a problem in training.

    stepper = begin(rule, hyperparameters, training, rates)
    stepper.advance(100)

rates: as in kernels/rules/stepper.py.
"""

import time
import traceback
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from gdbench.errors import UsageError
from gdbench.kernels.problem import Training
from gdbench.kernels.rules.contract import is_scalar
from gdbench.kernels.rules.registry import BaseRule
from gdbench.kernels.rules.stepper import Rates, ScalarStepper


def begin(
    rule: BaseRule,
    hyperparameters: Mapping[str, float | bool],
    training: Training,
    rates: Rates,
    budget: Mapping[str, int] | None = None,
) -> "ScalarStepper | DirectionStepper":
    """The stepper of `rule` at the start of `training`; budget: evaluations after which a trial ends."""
    if is_scalar(rule):
        return ScalarStepper(rule, hyperparameters, training, rates)
    return DirectionStepper(rule, hyperparameters, training, rates, budget or {})


class DirectionStepper:
    """A direction rule: one step at a time, each with as many evaluations as the rule makes.

    stalled: whether the rule can go no further and the objective never changes. (If it changes, the step stays in
    place, since another batch may help.) ended: whether it has stalled, has spent a budget of evaluations, or has
    diverged.
    """

    chunk = 10  # steps between two checks for cancellation: some steps take seconds

    def __init__(
        self,
        rule: BaseRule,
        hyperparameters: Mapping[str, float | bool],
        training: Training,
        rates: Rates,
        budget: Mapping[str, int],
    ) -> None:
        self.rule, self.hyperparameters, self.training, self.rates = rule, hyperparameters, training, rates
        self.limits = {name: limit for name, limit in budget.items() if name.endswith("_evaluations")}
        self.objective = training.objective()
        self.memory: dict[str, Any] = {}
        self.seconds, self.lr = 0.0, np.nan
        self.ended = self.stalled = False

    @property
    def gradient_evaluations(self) -> int:
        """So far; products with the Hessian are among them (kernels/directions/objective.py)."""
        return int(self.objective.gradient_evaluations)

    @property
    def function_evaluations(self) -> int:
        """So far."""
        return int(self.objective.function_evaluations)

    def _step(self, c: SimpleNamespace) -> Any:
        """What the rule returns. An error in a rule that is not ours becomes a UsageError with its line."""
        try:
            with np.errstate(all="ignore"):  # values that are not finite are checked afterwards
                return self.rule.function(self.objective, self.training.theta.copy(), c, self.memory)
        except Exception as error:
            if self.rule.ours or isinstance(error, UsageError):
                raise
            place = traceback.extract_tb(error.__traceback__)[-1]
            reason = f"{type(error).__name__}: {error}"
            raise UsageError(f"rule {self.rule.name!r}, {place.filename} line {place.lineno}: {reason}") from error

    def _checked(self, x: Any) -> np.ndarray:
        """What the rule returned; raises UsageError unless it is a point."""
        point, theta = np.asarray(x), self.training.theta
        if point.shape != theta.shape or point.dtype.kind != "f":
            raise UsageError(
                f"rule {self.rule.name!r} returned {type(x).__name__} of shape {point.shape}; it must return a vector "
                f"of {theta.size} parameters, or None when it can go no further"
            )
        return point

    def advance(self, count: int) -> None:
        """Take the next `count` steps, fewer if the trial ends."""
        training = self.training
        if training.steps == 0:
            training.observe()
        lrs = self.rates(training.steps + 1, count)
        started, aside = time.perf_counter(), training.look_seconds + training.evaluation_seconds
        for lr in lrs:
            if training.ended:
                self.ended = True
                break
            c = SimpleNamespace(**{**self.hyperparameters, "lr": float(lr)})
            x = self._step(c)
            if x is None and not self.objective.changes:
                self.stalled = self.ended = True
                break
            known = self.objective.known(training.theta)
            training.move(training.theta if x is None else self._checked(x), known)
            self.lr = float(lr)
            if training.ended or any(getattr(self, name) >= limit for name, limit in self.limits.items()):
                self.ended = True
                break
        self.seconds += time.perf_counter() - started + aside - training.look_seconds - training.evaluation_seconds
