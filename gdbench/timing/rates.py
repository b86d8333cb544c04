"""Learning rates that stay as they are, for what is timed or compared by itself."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Constant:
    """One learning rate for all steps, as `Rates` has them."""

    lr: float

    def __call__(self, first: int, count: int) -> np.ndarray:
        """The rates of steps first, first + 1, ..."""
        return np.full(count, self.lr)
