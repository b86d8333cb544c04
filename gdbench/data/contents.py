"""What one file holds, before labels are numbered, and the words in which errors show it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

LIMIT = 1e100  # a greater value would overflow its square in the standard deviation
SHOWN = 60  # characters of a cell or a name in a message


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


def shown(value: object) -> str:
    """A value of a file in a message: on one line, cut where it is long."""
    if isinstance(value, int) and value.bit_length() > 1000:  # Python writes no more than 4,300 digits
        return f"a number of {value.bit_length() * 0.30103:,.0f} digits"
    text = repr(value[:SHOWN] if isinstance(value, str | bytes) else value)
    cut = isinstance(value, str | bytes) and len(value) > SHOWN
    return f"{text[:SHOWN]}..." if cut or len(text) > SHOWN + 2 else text


def named(name: str) -> str:
    """A column's name in a list of them."""
    return name if len(name) <= SHOWN and name.isprintable() else shown(name)
