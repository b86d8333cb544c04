"""A constant learning rate, for steps that are timed or compared outside of a trial."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Constant:
    """One learning rate for all steps, in the form of `Rates`."""

    lr: float

    def __call__(self, first: int, count: int) -> np.ndarray:
        """The rates of steps first, first + 1, ..., float64 (count)."""
        return np.full(count, self.lr)
