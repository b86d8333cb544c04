"""CSV and Parquet files: named columns, one or more to predict and the others features.

Numbers of a CSV file are parsed by Python, exactly; what pandas rounds differs from version to version. In both kinds
row 1 is the first sample; errors about a CSV file name its line too.
"""

import csv
import gzip
import re
import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from gdbench.data.contents import Contents, first_unusable
from gdbench.errors import UsageError, nearest

if TYPE_CHECKING:
    import pandas as pd

Place = Callable[[int, str], str]  # what errors call a cell: its row (0, 1, ...) and its column's name
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}").fullmatch


def read_csv(path: Path, target: str | list[str]) -> Contents:
    """The contents of a CSV file with a header, in UTF-8, gzipped if its name ends in .gz."""
    records = _records(path)
    _, header = next(records, (0, None))
    if header is None:
        raise UsageError(f"{path} is empty; a CSV file needs a header with the columns' names, and rows of numbers")
    names = [name.strip() for name in header]
    if all(is_number(name) for name in names):
        raise UsageError(f"{path}, line 1, holds numbers alone ({names[0]}, ...); put a header with names above it")
    wanted, features = _columns(path, names, target)
    positions = [names.index(name) for name in wanted]
    lines: list[int] = []
    answers, values = [], array("d")

    def place(row: int, column: str) -> str:
        return f"{path}, line {lines[row]} (row {row + 1}), column {column!r}"

    for line, cells in records:
        if len(cells) != len(names):
            raise UsageError(
                f"{path}, line {line}, has {len(cells)} fields and the header {len(names)}; give each row as many"
            )
        lines.append(line)
        answers.append([cells[j] for j in positions])
        for j in sorted(positions, reverse=True):
            del cells[j]
        try:
            values.extend(map(float, cells))
        except ValueError:
            _complain(cells, features, len(lines) - 1, place)
        if "_" in "".join(cells):  # which Python allows in numbers
            _complain(cells, features, len(lines) - 1, place)
    if not lines:
        raise UsageError(f"{path} has a header and no rows; add a row a sample")
    x = np.frombuffer(values).reshape(len(lines), len(features))
    _check_matrix(x, features, place)
    texts = zip(wanted, zip(*answers, strict=True), strict=True)
    y = _answers([_parsed(column, name, place) for name, column in texts], wanted, place)
    return Contents(path, x, y, lambda row: place(row, wanted[0]), features)


def read_parquet(path: Path, target: str | list[str]) -> Contents:
    """The contents of a Parquet file; needs pyarrow."""
    import pandas as pd

    try:
        frame = pd.read_parquet(path, engine="pyarrow")
    except ImportError:
        raise UsageError(
            f"{path} is a Parquet file, which needs pyarrow, and that is not installed; run: pip install pyarrow"
        ) from None
    except (OSError, ValueError, NotImplementedError) as error:  # what pyarrow's own errors derive from
        reason = str(error).partition("\n")[0]
        raise UsageError(f"{path} cannot be read as a Parquet file ({reason}); write it again") from None
    frame.columns = [str(name) for name in frame.columns]
    wanted, features = _columns(path, list(frame.columns), target)
    if not len(frame):
        raise UsageError(f"{path} has columns and no rows; add a row a sample")

    def place(row: int, column: str) -> str:
        return f"{path}, row {row + 1}, column {column!r}"

    x = np.empty((len(frame), len(features)))
    for j, name in enumerate(features):
        x[:, j] = _numbers(_cells(frame[name], place), name, place)
    _check_matrix(x, features, place)
    y = _answers([_cells(frame[name], place) for name in wanted], wanted, place)
    return Contents(path, x, y, lambda row: place(row, wanted[0]), features)


def is_number(text: str) -> bool:
    """Whether a text is a decimal number, infinity or NaN."""
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The line number and the cells of every record that is not blank."""
    opened: Any = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, skipinitialspace=True, strict=True)
            line = 1
            for cells in reader:
                if len(cells) > 1 or any(cell.strip() for cell in cells):
                    yield line, cells
                line = reader.line_num + 1  # where the next record begins
    except csv.Error as error:
        raise UsageError(f"{path}, line {line}, is not CSV ({error}); mend its quotes") from None
    except UnicodeDecodeError:
        with opened(path, "rb") as file:
            line = next(number for number, text in enumerate(file, 1) if not _is_utf8(text))
        raise UsageError(f"{path}, line {line}, is not text in UTF-8; save the file in UTF-8") from None
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"{path} cannot be read ({error}); fetch or write it again") from None


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _columns(path: Path, names: list[str], target: str | list[str]) -> tuple[list[str], list[str]]:
    """The names of the columns to predict and of the features."""
    twice = next((name for name, count in Counter(names).items() if count > 1 and name), None)
    if twice is not None:
        raise UsageError(f"{path} has {names.count(twice)} columns with the name {twice!r}; give each its own")
    if not all(names):
        raise UsageError(f"{path}: column {names.index('') + 1} has no name; give it one, or leave the column out")
    if len(names) < 2:
        raise UsageError(
            f"{path} has one column, {names[0][:80]!r}; it needs features and a target, separated by commas"
        )
    wanted = [target] if isinstance(target, str) else target
    for name in wanted:
        if name not in names:
            raise UsageError(
                f"{path} has no column {name!r} to predict; say which it is by target = ...{nearest(name, names)}"
            )
    features = [name for name in names if name not in wanted]
    if not features:
        raise UsageError(f"{path}: target = {target!r} leaves no column as a feature; name fewer")
    return wanted, features


def _complain(cells: Sequence[str], names: Sequence[str], row: int, place: Place) -> NoReturn:
    """Raise for the first of a row's cells that is no number."""
    name, cell = next((name, cell) for name, cell in zip(names, cells, strict=True) if not is_number(cell))
    if not cell.strip():
        _miss(place(row, name))
    raise UsageError(f"{place(row, name)}, is {cell!r}; it must be a number")


def _miss(place: str) -> NoReturn:
    raise UsageError(f"{place}, is missing; fill it in, or leave the row or the column out")


def _parsed(texts: Sequence[str], name: str, place: Place) -> Any:
    """A CSV file's column without gaps: a vector of whole numbers or of floats, else the list of texts."""
    texts = [text.strip() for text in texts]
    if "" in texts:
        _miss(place(texts.index(""), name))
    if all(map(_WHOLE, texts)):
        return np.array([int(text) for text in texts], np.int64)
    return np.array([float(text) for text in texts]) if all(map(is_number, texts)) else texts


def _cells(column: "pd.Series", place: Place) -> Any:
    """The same of a Parquet file's column, which has a type."""
    missing = np.flatnonzero(column.isna().to_numpy())
    if missing.size:
        _miss(place(int(missing[0]), str(column.name)))
    if column.dtype.name == "category":
        column = column.astype(column.cat.categories.dtype)
    dtype = {"f": np.float64, "i": np.int64, "u": np.uint64, "b": np.int64}.get(column.dtype.kind)
    return column.to_numpy(dtype) if dtype else column.tolist()


def _numbers(cells: Any, name: str, place: Place) -> np.ndarray:
    """A column as float64."""
    if isinstance(cells, np.ndarray):
        return cells.astype(np.float64)
    row = next((i for i, cell in enumerate(cells) if not (isinstance(cell, str) and is_number(cell))), 0)
    raise UsageError(f"{place(row, name)}, is {cells[row]!r}; it must be a number")


def _answers(columns: Sequence[Any], names: list[str], place: Place) -> np.ndarray:
    """Labels or targets as Contents has them: one column may hold labels, several are targets."""
    first = columns[0]
    if len(columns) == 1 and isinstance(first, list):
        row = next((i for i, cell in enumerate(first) if not isinstance(cell, str)), None)
        if row is not None:
            raise UsageError(f"{place(row, names[0])}, is {first[row]!r}; it must be a number or text")
        return np.array(first, object)
    if len(columns) == 1 and first.dtype.kind in "iu":
        return np.asarray(first, np.int64)
    targets = np.column_stack([_numbers(cells, name, place) for name, cells in zip(names, columns, strict=True)])
    _check_matrix(targets, names, place)
    return targets


def _check_matrix(values: np.ndarray, names: Sequence[str], place: Place) -> None:
    bad = first_unusable(values)
    if bad:
        raise UsageError(f"{place(bad[0], names[bad[1]])}, is {values[bad]}; values must be finite, below 1e100")
