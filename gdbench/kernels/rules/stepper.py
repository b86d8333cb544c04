"""Takes the steps of a scalar rule on a problem in training, in chunks of compiled code.

    stepper = ScalarStepper(rule, hyperparameters, training, rates)
    stepper.advance(100)

`rates(first, count)` returns the learning rates of steps first, first + 1, ... (from 1 on).
"""

import time
from collections.abc import Callable, Mapping

import numpy as np

from gdbench.kernels.compile.jit import first_class
from gdbench.kernels.problem import Training
from gdbench.kernels.rules.contract import Rule

_LOOK = 0.5  # seconds between two checks for cancellation

Rates = Callable[[int, int], np.ndarray]
Advance = Callable[..., None]  # as `Training.advance`


class ScalarStepper:
    """A scalar rule: one gradient per step, chunks of steps in compiled code.

    seconds: time spent on steps, without looks and evaluations. lr: that of the last step. ended: whether no step
    follows.
    """

    ended = stalled = False
    function_evaluations = 0

    def __init__(
        self, rule: Rule, hyperparameters: Mapping[str, float | bool], training: Training, rates: Rates
    ) -> None:
        self.rule, self.hyperparameters, self.training, self.rates = rule, hyperparameters, training, rates
        self.dtype = training.problem.dtype
        self.update = first_class(rule.update(self.dtype), rule.source)
        self.state = rule.state(training.problem.size, self.dtype)
        self.seconds, self.lr = 0.0, np.nan

    @property
    def chunk(self) -> int:
        """Steps between two checks for cancellation: as many as take about half a second."""
        spent = self.seconds + self._aside()
        return max(1, int(_LOOK * self.training.steps / spent)) if spent else 10

    def _aside(self) -> float:
        """Seconds spent on looks and evaluations so far."""
        return self.training.look_seconds + self.training.evaluation_seconds

    @property
    def gradient_evaluations(self) -> int:
        """One per step."""
        return int(self.training.steps)

    def advance(self, count: int, by: Advance | None = None) -> None:
        """Take the next `count` steps, fewer if the trial ends. by: instead of the training's own `advance`."""
        lrs = self.rates(self.training.steps + 1, count)
        table = self.rule.table(self.hyperparameters, self.training.steps + 1, lrs, self.dtype)
        training = self.training
        before, started, aside = training.steps, time.perf_counter(), self._aside()
        (by or training.advance)(self.update, self.state, table, lasting=self.rule.ours)
        self.seconds += time.perf_counter() - started - (self._aside() - aside)
        taken = training.steps - before
        self.ended = training.ended or taken < count
        if taken:
            self.lr = float(lrs[taken - 1])
