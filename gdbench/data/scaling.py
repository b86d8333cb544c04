"""Scales features by the training samples. A constant feature becomes exactly 0, whatever was rounded.

Sums run in a fixed order (rules/moments.py), since the order of NumPy's depends on the processor. A mean is rounded, so
a constant feature is shifted by its value, not by its mean. From a feature that varies by a small part of its size the
least value is subtracted first; this is exact (Sterbenz, "Floating-point computation", 1974).
"""

from dataclasses import dataclass

import numpy as np

from gdbench.kernels.rules.moments import column_means_and_deviations

SCALES = ("standard", "minmax", "none")
ROUNDING = 8 * np.finfo(np.float64).eps  # of a feature's size: one that varies by no more is constant, but rounded
NARROW = 2.0**-20  # of a feature's size: one that varies by no more is nearly constant
TINY = 1e-150  # the squares of a feature that varies by less may be rounded to 0


@dataclass(frozen=True, eq=False)
class Spread:
    """The range of each feature in some samples. low, high: its least and greatest value, float64 vectors."""

    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray) -> "Spread":
        """The spread of these samples (float64, samples x features)."""
        # + 0.0 turns -0.0 into 0.0: whether NumPy takes -0.0 for the lesser of the two may differ.
        return cls(x.min(axis=0) + 0.0, x.max(axis=0) + 0.0)

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
        """Which features are constant but for rounding."""
        return np.asarray(self.width <= ROUNDING * self.size)

    @property
    def narrow(self) -> np.ndarray:
        """Which features vary by a small part of their size, but are not constant."""
        return np.asarray((self.width <= NARROW * self.size) & ~self.constant)


@dataclass(frozen=True, eq=False)
class Scaling:
    """Computes (x - shift) / width; the columns `again` of the result then become (x - mean) / deviation.

    rounding: a value that is no further than this from the shift counts as equal to it; 0 unless a feature is constant.
    All are vectors: `again` of booleans, `mean` and `deviation` of its columns alone.
    """

    shift: np.ndarray
    rounding: np.ndarray
    width: np.ndarray
    again: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Samples x features (float64), scaled; a value too far from the training samples becomes infinite."""
        with np.errstate(over="ignore"):
            difference = x - self.shift
            difference[np.abs(difference) <= self.rounding] = 0.0
            scaled: np.ndarray = difference / self.width
            if self.again.any():
                scaled[:, self.again] = (scaled[:, self.again] - self.mean) / self.deviation
        return scaled


def scaling(train: np.ndarray, scale: str) -> Scaling:
    """The scaling by the training samples (float64, samples x features).

    scale: `standard` (mean 0 and deviation 1), `minmax` (0 to 1) or `none`.
    """
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
