"""What one file holds, before labels are numbered, and the words in which errors show it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gdbench.errors import shown

LIMIT = 1e100  # a greater value would overflow its square in the standard deviation
NAME = 60  # characters of a column's or a class's name in a list of them


@dataclass(frozen=True, eq=False)
class Contents:
    """The features and the answers of a file, one of each a sample.

    x: float64, samples x features. y: the answers as the file has them, a vector or samples x columns, of booleans,
    integers, finite floats, or texts (dtype object); gdbench/data/labels.py tells what they are. place(i): what errors
    call the answer of sample i, file included. columns: the features' names, None where the format has none.
    """

    path: Path
    x: np.ndarray
    y: np.ndarray
    place: Callable[[int], str]
    columns: list[str] | None = None


def first_unusable(values: np.ndarray) -> tuple[int, int] | None:
    """Row and column of the first value in a matrix that is NaN, infinite or too great to compute with."""
    good = np.abs(values) < LIMIT
    if good.all():
        return None
    row, column = np.argwhere(~good)[0]
    return int(row), int(column)


def named(name: str) -> str:
    """A name in a list of them."""
    return name if len(name) <= NAME and name.isprintable() else shown(name)
