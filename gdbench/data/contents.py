"""The contents of one file, before labels are numbered."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gdbench.errors import shown

LIMIT = 1e100  # a greater value would overflow its square in the standard deviation
NAME = 60  # characters of a column's or a class's name in a list of them


@dataclass(frozen=True, eq=False)
class Contents:
    """The features and the answers of a file; an answer is what a sample's label or targets are made from.

    x: float64, samples x features. y: the answers as the file has them, a vector or samples x columns, of booleans,
    integers, finite floats, or texts (dtype object). gdbench/data/labels.py turns them into labels or targets.
    place(i): how an error names the answer of sample i, with its file. columns: the features' names, or None if the
    format has none. encoded: names of columns of 0 and 1 that stand for a text (`tables.one_hot`).
    """

    path: Path
    x: np.ndarray
    y: np.ndarray
    place: Callable[[int], str]
    columns: list[str] | None = None
    encoded: frozenset[str] = frozenset()


def first_unusable(values: np.ndarray) -> tuple[int, int] | None:
    """The row and column of the first value that is NaN, infinite or at least `LIMIT`; None if there is none."""
    good = np.abs(values) < LIMIT
    if good.all():
        return None
    row, column = np.argwhere(~good)[0]
    return int(row), int(column)


def named(name: str) -> str:
    """A column's or a class's name for a list of names: quoted and cut if it is long or not printable."""
    return name if len(name) <= NAME and name.isprintable() else shown(name)
