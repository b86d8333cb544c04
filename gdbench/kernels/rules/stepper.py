"""A scalar rule at work on a problem in training: chunks of steps in compiled code.

    stepper = ScalarStepper(rule, hyperparameters, training, rates)
    stepper.advance(100)

`rates(first, count)` gives the learning rates of steps first, first + 1, ... (1 is the first).
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gdbench.kernels.compile.jit import first_class
from gdbench.kernels.problem import Training
from gdbench.kernels.rules.contract import Rule

_LOOK = 0.5  # seconds

Rates = Callable[[int, int], np.ndarray]


class ScalarStepper:
    """A scalar rule: one gradient a step, chunks of steps in compiled code.

    seconds: spent on steps. lr: of the last step. ended: whether no step can follow, since one was not finite.
    """

    ended = stalled = False
    function_evaluations = 0

    def __init__(self, rule: Rule, settings: Mapping[str, float | bool], training: Training, rates: Rates) -> None:
        self.rule, self.settings, self.training, self.rates = rule, settings, training, rates
        self.dtype = training.problem.dtype
        self.update = first_class(rule.update(self.dtype), rule.source)
        self.state = rule.state(training.problem.size, self.dtype)
        self.seconds, self.lr = 0.0, np.nan

    @property
    def chunk(self) -> int:
        """Steps between two looks at whether the trial is cancelled: as many as take about half a second."""
        return max(1, int(_LOOK * self.training.steps / self.seconds)) if self.seconds else 10

    @property
    def gradient_evaluations(self) -> int:
        """One a step."""
        return int(self.training.steps)

    def advance(self, count: int, **path: Any) -> None:
        """The next `count` steps."""
        lrs = self.rates(self.training.steps + 1, count)
        table = self.rule.table(self.settings, self.training.steps + 1, lrs, self.dtype)
        before, started = self.training.steps, time.perf_counter()
        self.training.advance(self.update, self.state, table, **path)
        self.seconds += time.perf_counter() - started
        taken = self.training.steps - before
        self.ended = taken < count
        self.lr = float(lrs[taken - 1])
