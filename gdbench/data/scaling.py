"""Features scaled by what the training samples show: what should be 0 or equal is so exactly, whatever was rounded.

Sums run in a fixed order (rules/moments.py), since NumPy's depend on the processor. A mean is rounded, so a constant
feature is shifted by its value, not by its mean, and of a feature that varies by a small part of its size the least
value is subtracted first, which is exact (Sterbenz, "Floating-point computation", 1974).
"""

from dataclasses import dataclass

import numpy as np

from gdbench.kernels.rules.moments import column_means_and_deviations

SCALES = ("standard", "minmax", "none")
ROUNDING = 8 * np.finfo(np.float64).eps  # of a feature's size: what varies by no more is one value, rounded
NARROW = 2.0**-20  # of a feature's size: what varies by less is nearly constant
TINY = 1e-150  # what varies by less has squares that are rounded to 0


@dataclass(frozen=True, eq=False)
class Spread:
    """How far each feature goes in some samples: its least and greatest value, and their distance."""

    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray) -> "Spread":
        """That of these samples (float64, samples x features)."""
        return cls(x.min(axis=0) + 0.0, x.max(axis=0) + 0.0)  # + 0.0: no -0.0, which NumPy may or may not take for less

    @property
    def width(self) -> np.ndarray:
        """The greatest value minus the least."""
        return np.asarray(self.high - self.low)

    @property
    def size(self) -> np.ndarray:
        """The greatest absolute value."""
        return np.asarray(np.maximum(np.abs(self.low), np.abs(self.high)))

    @property
    def constant(self) -> np.ndarray:
        """Which features are one value, but for rounding."""
        return np.asarray(self.width <= ROUNDING * self.size)

    @property
    def narrow(self) -> np.ndarray:
        """Which features vary by a small part of their size."""
        return np.asarray((self.width <= NARROW * self.size) & ~self.constant)


@dataclass(frozen=True, eq=False)
class Scaling:
    """(x - shift) / width, of which the columns `again` then become (x - mean) / deviation.

    rounding: how far from the shift a value may be and still count as it; 0 but for features of one value, rounded.
    """

    shift: np.ndarray
    rounding: np.ndarray
    width: np.ndarray
    again: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Samples x features, scaled; what is too far from the training samples is infinite."""
        with np.errstate(over="ignore"):
            difference = x - self.shift
            difference[np.abs(difference) <= self.rounding] = 0.0
            scaled: np.ndarray = difference / self.width
            if self.again.any():
                scaled[:, self.again] = (scaled[:, self.again] - self.mean) / self.deviation
        return scaled


def scaling(train: np.ndarray, scale: str) -> Scaling:
    """How features are scaled by the training samples: to mean 0 and deviation 1, to 0 ... 1, or not at all."""
    features = train.shape[1]
    none, nothing = np.zeros(features, np.bool_), np.zeros(0)
    if scale == "none":
        zeros = np.zeros(features)
        return Scaling(zeros, zeros, np.ones(features), none, nothing, nothing)
    spread = Spread.of(train)
    constant = spread.constant
    rounding = np.where(constant, spread.width, 0.0)
    if scale == "minmax":
        return Scaling(spread.low, rounding, np.where(constant, 1.0, spread.width), none, nothing, nothing)
    again = ~constant & (spread.narrow | (spread.width < TINY))
    means, deviations = column_means_and_deviations(train)
    shift = np.where(constant | again, spread.low, means)
    width = np.where(constant, 1.0, np.where(again, spread.width, deviations))
    moments = column_means_and_deviations((train[:, again] - shift[again]) / width[again])
    return Scaling(shift, rounding, width, again, *moments)
