"""Checks and parsing of named columns, for CSV and Parquet files: some to predict, the others as features.

In both formats row 1 is the first sample. Errors about a CSV file name its line too.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np

from gdbench.data.contents import first_unusable, named
from gdbench.errors import UsageError, nearest, shown
from gdbench.inputs.limits import DATA_VALUES, FEATURES

Place = Callable[[int, str], str]  # how errors name a cell, from its row (0, 1, ...) and its column's name
CATEGORIES = 1000  # different texts of a column that are encoded
BOOLEANS = {"True": 1.0, "False": 0.0, "true": 1.0, "false": 0.0, "TRUE": 1.0, "FALSE": 0.0}
_MISSING = {"na", "n/a", "nan", "null", "none"}  # what programs write for a missing value
_WHOLE = re.compile(r"[+-]?[0-9]{1,20}").fullmatch


def is_number(text: str) -> bool:
    """Whether a text is a decimal number, infinity or NaN."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text  # Python allows it in numbers


def parsed(texts: Sequence[str]) -> np.ndarray:
    """Texts as booleans, int64, uint64 where needed, or float64; as objects if one of them is not a number.

    >>> parsed(["1", "-2"]).dtype, parsed(["9223372036854775808"]).dtype, parsed(["1", "2.5"]).dtype, parsed(["1", "u"])
    (dtype('int64'), dtype('uint64'), dtype('float64'), array(['1', 'u'], dtype=object))
    """
    if all(map(_WHOLE, texts)):
        whole = [int(text) for text in texts]
        for dtype in (np.int64, np.uint64):
            if np.iinfo(dtype).min <= min(whole) and max(whole) <= np.iinfo(dtype).max:
                return np.array(whole, dtype)
    if set(texts) <= BOOLEANS.keys():  # as pandas, R and databases write them
        return np.array([BOOLEANS[text] == 1.0 for text in texts])
    if all(map(is_number, texts)):
        return np.array([float(text) for text in texts])
    return np.array(texts, object)


def divided(path: Path, names: list[str], target: str | list[str]) -> tuple[list[str], list[str]]:
    """The names of the columns to predict and of the features; raises UsageError for names that do not allow it."""
    if len(names) > FEATURES:
        raise UsageError(f"{path} has {len(names):,} columns, and at most {FEATURES:,} are read; keep fewer")
    twice = next((name for name, count in Counter(names).items() if count > 1 and name), None)
    if twice is not None:
        raise UsageError(f"{path} has {names.count(twice)} columns with the name {shown(twice)}; give each its own")
    if not all(names):
        raise UsageError(f"{path}: column {names.index('') + 1} has no name; give it one, or leave the column out")
    if len(names) < 2:
        raise UsageError(
            f"{path} has one column, {shown(names[0])}; it needs features and a target, separated by commas"
        )
    wanted = [target] if isinstance(target, str) else target
    for name in wanted:
        if name not in names:
            raise UsageError(
                f"{path} has no column {shown(name)} to predict; say which it is by target = ..."
                f"{nearest(name, map(named, names))}"
            )
    chosen = set(wanted)
    features = [name for name in names if name not in chosen]
    if not features:
        raise UsageError(f"{path}: target = {target!r} leaves no column as a feature; name fewer")
    return wanted, features


def one_hot(
    columns: Sequence[np.ndarray], names: Sequence[str], place: Place
) -> tuple[np.ndarray, list[str], frozenset[str]]:
    """The features of these columns: numbers as they are, texts as a column of 0 and 1 for each text, in sorted order.

    Returns them with their names, such as `colour=red`, and which of these stand for texts. Raises UsageError for too
    many texts.
    """
    parts: list[np.ndarray] = []
    found: list[str] = []
    texts: list[str] = []
    for cells, name in zip(columns, names, strict=True):
        if cells.dtype.kind != "O":
            parts.append(cells.astype(np.float64).reshape(-1, 1))
            found.append(name)
            continue
        if not all(isinstance(cell, str) for cell in cells):
            numbers(cells, name, place)
        odd = next(row for row, cell in enumerate(cells) if not is_number(cell))
        if 2 * sum(map(is_number, cells)) > len(cells):
            raise UsageError(f"{place(odd, name)}, is {shown(cells[odd])}; it must be a number, as most of its column")
        kinds = sorted(set(cells.tolist()))
        made = len(found) + len(kinds)
        if len(kinds) > CATEGORIES or made > FEATURES or made * len(cells) > DATA_VALUES:
            raise UsageError(
                f"{place(odd, name)}: the column has {len(kinds):,} different texts, too many to encode; leave it out"
            )
        parts.append((cells.reshape(-1, 1) == np.array(kinds, object)).astype(np.float64))
        texts += [f"{name}={kind}" for kind in kinds]
        found += texts[-len(kinds) :]
    twice = next((name for name, count in Counter(found).items() if count > 1), None)
    if twice is not None:
        raise UsageError(f"{place(0, twice)}: an encoded column has this name too; rename one")
    return np.hstack(parts), found, frozenset(texts)


def no_number(place: str, cell: object) -> NoReturn:
    """Raise UsageError for a cell that is no number; a word may be encoded."""
    word = isinstance(cell, str) and cell.strip()[:1].isalpha() and cell.strip().lower() not in _MISSING
    remedy = ', or encode the texts (encode = "onehot", --encode)' if word else ""
    raise UsageError(f"{place}, is {shown(cell)}; it must be a number{remedy}")


def miss(place: str) -> NoReturn:
    """Raise UsageError for an empty cell."""
    raise UsageError(f"{place}, is missing; fill it in, or leave the row or the column out")


def numbers(cells: np.ndarray, name: str, place: Place) -> np.ndarray:
    """A column as float64; raises UsageError for its first cell that is not a number."""
    if cells.dtype.kind != "O":
        return cells.astype(np.float64)
    row = next((i for i, cell in enumerate(cells) if not (isinstance(cell, str) and is_number(cell))), 0)
    no_number(place(row, name), cells[row])


def answers(columns: Sequence[np.ndarray], names: list[str], place: Place) -> np.ndarray:
    """The columns to predict as the y of `Contents`: a single one may hold texts, several must be numbers."""
    if len(columns) == 1 and columns[0].dtype.kind == "O":
        row = next((i for i, cell in enumerate(columns[0]) if not isinstance(cell, str)), None)
        if row is not None:
            raise UsageError(f"{place(row, names[0])}, is {shown(columns[0][row])}; it must be a number or text")
        return columns[0]
    for cells, name in zip(columns, names, strict=True):
        check_matrix(numbers(cells, name, place).reshape(-1, 1), [name], place)
    return columns[0] if len(columns) == 1 else np.column_stack(columns)


def check_matrix(values: np.ndarray, names: Sequence[str], place: Place) -> None:
    """Raise UsageError for the first number that is NaN, infinite or too great."""
    bad = first_unusable(values)
    if bad:
        raise UsageError(f"{place(bad[0], names[bad[1]])}, is {values[bad]}; values must be finite, below 1e100")
