"""CSV files: a header, commas, UTF-8, gzipped or not.

Python parses the numbers, exactly. The rounding of pandas differs from version to version.
"""

import csv
from array import array
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from itertools import pairwise
from pathlib import Path
from typing import NoReturn, TextIO

import numpy as np

from gdbench.data.contents import Contents
from gdbench.data.limits import check_values
from gdbench.data.packed import ERRORS, first_bytes, open_unpacked
from gdbench.data.tables import (
    BOOLEANS,
    Place,
    answers,
    check_matrix,
    divided,
    is_number,
    miss,
    no_number,
    one_hot,
    parsed,
)
from gdbench.errors import UsageError, shown
from gdbench.inputs.limits import CLASSES, DATA_BYTES, DATA_VALUES, FEATURES, SAMPLES

ROW = 32 * FEATURES  # characters that a record may have: more than the widest one needs
BLANK = 100_000  # blank lines that a file may have
_OTHER_MARKS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_OTHER_KINDS = {
    b"PK\x03\x04": "a ZIP archive, as Excel's files are; save it as CSV, or unpack it",
    b"PAR1": "a Parquet file; let its name end in .parquet",
    b"BZh": "packed by bzip2; unpack it",
    b"\xfd7zXZ": "packed by xz; unpack it",
    b"\x28\xb5\x2f\xfd": "packed by zstd; unpack it",
}


def read_csv(path: Path, target: str | list[str], encode: bool = False) -> Contents:
    """The contents of a CSV file. Raises UsageError for a wrong file.

    target: the column or columns to predict. encode: whether columns of texts become columns of 0 and 1, one per text.
    """
    records = _records(path)
    _, header = next(records, (0, None))
    if header is None:
        raise UsageError(f"{path} is empty; a CSV file needs a header with the columns' names, and rows of numbers")
    names = [name.strip() for name in header]
    _check_header(path, names)
    wanted, features = divided(path, names, target)
    positions = [names.index(name) for name in wanted]
    lines, values = array("q"), array("d")
    texts: list[list[str]] = [[] for _ in wanted]
    kept: list[list[str]] = [[] for _ in features]  # the features as texts, if they may have to be encoded
    same: dict[str, str] = {}  # one object for each label, to save memory

    def place(row: int, column: str) -> str:
        return f"{path}, line {lines[row]} (row {row + 1}), column {shown(column)}"

    for line, cells in records:
        if len(cells) != len(names):
            raise UsageError(
                f"{path}, line {line}, has {len(cells)} fields and the header {len(names)}; give each row as many"
            )
        lines.append(line)
        for column, j in zip(texts, positions, strict=True):
            text = cells[j].strip()
            if not text:
                miss(place(len(lines) - 1, names[j]))
            column.append(same.setdefault(text, text) if len(same) < CLASSES else same.get(text, text))
        for j in sorted(positions, reverse=True):  # from the end, since a deletion shifts the cells behind it
            del cells[j]
        if encode:
            for column, name, cell in zip(kept, features, cells, strict=True):
                text = cell.strip()
                if not text:
                    miss(place(len(lines) - 1, name))
                column.append(same.setdefault(text, text) if len(same) < CLASSES else same.get(text, text))
        else:
            _extend(values, cells, features, len(lines) - 1, place)
        if len(lines) * len(features) >= DATA_VALUES or len(lines) > SAMPLES:
            check_values(str(path), len(lines), len(features), "keep fewer samples in it")
    if not lines:
        raise UsageError(f"{path} has a header and no rows; add a row a sample")
    for name, column in zip(wanted, texts, strict=True):
        if name in same and not is_number(name) and name in column:
            raise UsageError(_headless(path, names, f", and {shown(name)} stands in its column again"))
    encoded: frozenset[str] = frozenset()
    if encode:
        x, features, encoded = one_hot([parsed(column) for column in kept], features, place)
    else:
        x = np.frombuffer(values).reshape(len(lines), len(features))
    check_matrix(x, features, place)
    y = answers([parsed(column) for column in texts], wanted, place)
    return Contents(path, x, y, lambda row: place(row, wanted[0]), features, encoded)


def _extend(values: "array[float]", cells: list[str], names: Sequence[str], row: int, place: Place) -> None:
    """Append a row of numbers; booleans are 1 and 0. Raises UsageError for anything else."""
    before = len(values)
    try:
        values.extend(map(float, cells))
    except ValueError:
        del values[before:]
        stripped = [cell.strip() for cell in cells]
        if not all(is_number(cell) or cell in BOOLEANS for cell in stripped):
            _complain(cells, names, row, place)
        values.extend(BOOLEANS[cell] if cell in BOOLEANS else float(cell) for cell in stripped)
    if "_" in "".join(cells):  # Python allows it in numbers
        _complain(cells, names, row, place)


def _check_header(path: Path, names: list[str]) -> None:
    """Refuse a first line that looks like a sample: as a header it would be lost silently.

    Columns may be named 0, 1, 2, ..., as in tables made from arrays, or by years. Samples seldom count like that.
    """
    found = [name for name in names if is_number(name)]
    if len(found) == len(names):
        raise UsageError(
            f"{path}, line 1, holds numbers alone ({shown(names[0])}, ...); put a header with names above it"
        )
    if 2 * len(found) >= len(names) and not _counts_up(found):
        raise UsageError(_headless(path, names))


def _counts_up(names: list[str]) -> bool:
    """Whether these are consecutive whole numbers that begin with 0, 1 or a year."""
    if not all(name.isdecimal() and len(name) < 10 for name in names):
        return False
    first, *_ = numbers = [int(name) for name in names]
    return (first in (0, 1) or 1000 <= first < 3000) and all(b - a == 1 for a, b in pairwise(numbers))


def _headless(path: Path, names: list[str], more: str = "") -> str:
    count = sum(map(is_number, names))
    return f"{path}, line 1 looks like data ({count} of {len(names)} names are numbers{more}); put a header above it"


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The line number and the cells of every record that is not blank."""
    line, header, blank = 1, True, 0
    lines = _Lines(path)
    try:
        _check_kind(path, first_bytes(path, 8))
        with TextIOWrapper(open_unpacked(path), encoding="utf-8", newline="") as file:
            for cells in csv.reader(lines.of(file), skipinitialspace=True, strict=True):
                if len(cells) > 1 or any(cell.strip() for cell in cells):
                    if header and len(cells) == 1:
                        _check_marks(path, lines.first)
                    header = False
                    yield line, cells
                else:
                    blank += 1
                    if blank > BLANK:
                        raise UsageError(f"{path}, line {line}, is blank, as {BLANK:,} before it are; leave them out")
                line = lines.count + 1  # where the next record begins
                lines.taken = 0
    except csv.Error as error:
        if header:
            _check_marks(path, lines.first)
        raise UsageError(f"{path}, line {line}, is not CSV ({error}); mend its quotes") from None
    except UnicodeDecodeError:
        with open_unpacked(path) as raw:
            line = next(number for number, text in enumerate(raw, 1) if not _is_utf8(text))
        raise UsageError(f"{path}, line {line}, is not text in UTF-8; save the file in UTF-8") from None
    except ERRORS as error:
        raise UsageError(f"{path} cannot be read ({error}); fetch or write it again") from None


class _Lines:
    """The lines of a file, up to the limits on rows and files.

    count: the lines so far. taken: the characters since it was last set to 0. first: the first line that is not blank.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.count, self.taken, self.all, self.first = path, 0, 0, 0, ""

    def of(self, file: TextIO) -> Iterator[str]:
        while line := file.readline(ROW + 1):
            if self.count == 0:
                line = line.lstrip("\ufeff")  # byte-order marks: some editors add one to those that are there
            self.count += 1
            self.taken += len(line)
            self.all += len(line)
            if not self.first.strip():
                self.first = line
            if self.taken > ROW:
                raise UsageError(f"{self.path}, line {self.count}, ends a row of more than {ROW:,} characters; cut it")
            if self.all > DATA_BYTES:
                raise UsageError(f"{self.path} holds more than {DATA_BYTES:,} characters; keep fewer samples in it")
            if "\0" in line:
                raise UsageError(
                    f"{self.path}, line {self.count}, holds a zero byte, as text in UTF-16 does; save it in UTF-8"
                )
            yield line


def _check_kind(path: Path, first: bytes) -> None:
    """Refuse a file whose first bytes show another format: the errors of a CSV reader would mislead."""
    kind = next((kind for magic, kind in _OTHER_KINDS.items() if first.startswith(magic)), None)
    if kind:
        raise UsageError(f"{path} is no CSV file but {kind}")


def _check_marks(path: Path, header: str) -> None:
    """Refuse a header whose columns are not separated by commas."""
    for mark, name in _OTHER_MARKS.items():
        try:
            names = next(csv.reader([header], delimiter=mark, strict=True), [])
        except csv.Error:
            continue
        if len(names) > 1:
            raise UsageError(
                f"{path} has one column, {shown(header.strip())}, since {name} separate its columns; it needs features "
                "and a target, separated by commas"
            )


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _complain(cells: Sequence[str], names: Sequence[str], row: int, place: Place) -> NoReturn:
    """Raise UsageError for the first cell of a row that is not a number."""
    odd = (
        pair for pair in zip(names, cells, strict=True) if not is_number(pair[1]) and pair[1].strip() not in BOOLEANS
    )
    name, cell = next(odd)
    if not cell.strip():
        miss(place(row, name))
    no_number(place(row, name), cell)
