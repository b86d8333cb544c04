"""A data set in memory."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gdbench.data.contents import named

NAMES = 6  # names of classes that a sentence lists


@dataclass(frozen=True, eq=False)
class Dataset:
    """Features x (float64, samples x features) with y: labels (int64) or targets (float64, samples x outputs).

    test: the samples of a test file if there is one; x and y are then those of the training file. columns: the
    features' names, if they have any. names: the file's names for the labels 0, 1, ... guessed: the task was inferred
    from the answers' type, because the user did not name it.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    test: "Dataset | None" = None
    columns: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    guessed: bool = False

    @cached_property
    def contents(self) -> str:
        """SHA-256 of the dtype, shape and little-endian bytes of x and y, then of a test file's.

        Names of classes and features are left out, and so is the file's format: equal numbers train alike.
        """
        digest = hashlib.sha256()
        for part in (self, self.test) if self.test else (self,):
            for array in (part.x, part.y):
                plain = np.ascontiguousarray(array, f"<{array.dtype.kind}8")
                digest.update(f"{plain.dtype.str} {plain.shape}\n".encode())
                digest.update(plain.data)
        return digest.hexdigest()

    @property
    def classes(self) -> int:
        """The number of classes; 0 for a regression."""
        return int(self.y.max()) + 1 if self.y.dtype.kind == "i" else 0

    @property
    def outputs(self) -> int:
        """The number of outputs of a network for this data."""
        return self.classes or int(self.y.shape[1])

    @property
    def summary(self) -> str:
        """The data set in a sentence: samples, features and task."""
        samples = counted(len(self.x), "sample") + (f" and {len(self.test.x):,} to test on" if self.test else "")
        if self.classes:
            more = ", ..." if self.classes > NAMES else ""
            names = f" ({', '.join(map(named, self.names[:NAMES]))}{more})" if self.names else ""
            task, other = f"classification with {counted(self.classes, 'class')}{names}", "regression"
        else:
            task, other = f"regression on {counted(self.outputs, 'target')}", "classification"
        numbers = not self.classes or all(map(_is_number, self.names))  # texts can be classes alone
        remedy = f'; if that is not meant, say task = "{other}" in a suite' if self.guessed and numbers else ""
        return f"{self.name}: {samples}, {counted(self.x.shape[1], 'feature')}, {task}{remedy}"

    def column(self, j: int) -> str:
        """The name of feature j in sentences."""
        return f"column {named(self.columns[j])}" if self.columns else f"feature {j + 1}"


def counted(number: int, noun: str) -> str:
    """A number and its noun, in the plural where it needs one.

    >>> counted(1, "feature"), counted(3, "class"), counted(1200, "sample")
    ('1 feature', '3 classes', '1,200 samples')
    """
    many = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else many}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
