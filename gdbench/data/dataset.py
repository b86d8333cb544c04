"""A data set in memory."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Dataset:
    """Features x (float64, samples x features) with labels (int64) or targets (float64, samples x outputs).

    test: the samples of a test file, where there is one; x and y are then those of the training file.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    test: "Dataset | None" = None

    @property
    def classes(self) -> int:
        """How many classes the labels name, 0, 1, ...; 0 for a regression."""
        return int(self.y.max()) + 1 if self.y.dtype.kind == "i" else 0

    @property
    def outputs(self) -> int:
        """How many outputs a network for this data has."""
        return self.classes or int(self.y.shape[1])
