"""Takes the steps of a scalar rule on a problem in training, in chunks of compiled code.

    stepper = ScalarStepper(rule, hyperparameters, training, rates)
    stepper.advance(100)

`rates(first, count)` returns the learning rates of steps first, first + 1, ... (from 1 on).
"""

import time
from collections.abc import Callable, Mapping

import numpy as np

from gdbench.kernels.compile.jit import first_class
from gdbench.kernels.problem import Training, Update
from gdbench.kernels.rules.contract import Rule

_LOOK = 0.5  # seconds between two checks for cancellation

Rates = Callable[[int, int], np.ndarray]
Advance = Callable[[Update, np.ndarray, np.ndarray], None]  # as `Training.advance`


class ScalarStepper:
    """A scalar rule: one gradient per step, chunks of steps in compiled code.

    seconds: time spent on steps. lr: that of the last step. ended: whether a step was not finite, so that none follows.
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
        return max(1, int(_LOOK * self.training.steps / self.seconds)) if self.seconds else 10

    @property
    def gradient_evaluations(self) -> int:
        """One per step."""
        return int(self.training.steps)

    def advance(self, count: int, by: Advance | None = None) -> None:
        """Take the next `count` steps; fewer if one is not finite. by: instead of the training's own `advance`."""
        lrs = self.rates(self.training.steps + 1, count)
        table = self.rule.table(self.hyperparameters, self.training.steps + 1, lrs, self.dtype)
        before, started = self.training.steps, time.perf_counter()
        (by or self.training.advance)(self.update, self.state, table)
        self.seconds += time.perf_counter() - started
        taken = self.training.steps - before
        self.ended = taken < count
        self.lr = float(lrs[taken - 1])
