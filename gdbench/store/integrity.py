"""Hashes that show whether a row is still as it was written.

`trials`, `runs` and `notes` have a column `hash`: SHA-256 of the row's other cells, except those on which no number, no
choice and no identity depends. A trial's hash also covers the names of its curve's columns; its `digest` covers the
curve's points. Trials are many, so their cells are hashed column by column (`trial_hashes`).

A run stores how many trials it has and the hash of all its timings, and the store how many runs it has. So a missing
row is noticed. Rows from before there were hashes hold `unverified` instead.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import JSON, Boolean, Column, Float, Integer, Table, Text, cast

from gdbench.store import schema

UNVERIFIED = "unverified"  # in place of the hash of a row that was written before there were hashes
UNCOVERED = {
    "runs": {
        *("title", "description", "hash"),  # words
        *(
            "heartbeat",
            "uptime",
            "host",
            "boot",
            "namespace",
            "process",
            "process_started",
            "token",
        ),  # its writer
    },
    "trials": {"hash"},
    "notes": {"hash"},
}
KINDS: Sequence[tuple[type, Any, tuple[type, ...]]] = (  # of column, what converts a value for it, and its types
    (JSON, lambda value: value, (str,)),
    (Boolean, bool, (bool,)),
    (Integer, int, (int,)),
    (Float, lambda value: None if math.isnan(value) else float(value) + 0.0, (float, int)),  # no NaN, no -0.0
)


NOTHING, END = "\0", "\x1f"  # in a trial's hash: in place of a text that is missing, and after each text


def covered(table: Table) -> list[Column[Any]]:
    """The columns that the hash of a row covers, in that order."""
    return [column for column in table.columns if column.name not in UNCOVERED[table.name]]


def raw(column: Column[Any]) -> Any:
    """A column as it is stored: JSON as text."""
    return cast(column, Text).label(column.name) if isinstance(column.type, JSON) else column


def cells_hash(cells: tuple[Any, ...]) -> str:
    """SHA-256 of cells, floats to the bit. Python's `ascii` is the same in all versions and differs for all values."""
    return hashlib.sha256(ascii(cells).encode("ascii")).hexdigest()


def number_type(column: Column[Any]) -> type | None:
    """The dtype of an array of a column's numbers, with NaN for missing ones; None for a column of texts."""
    if isinstance(column.type, Integer):
        return np.float64 if column.nullable else np.int64
    return np.float64 if isinstance(column.type, Float) else None


def trial_hashes(cells: Mapping[Column[Any], Any], names: Sequence[str]) -> list[str]:
    """The hashes of trials: SHA-256 of their texts, then of their numbers as eight little-endian bytes each.

    cells: by column of `trials`, all that `covered` names in its order, with the type of the column. names: for each
    trial, the names of its curve's columns as they are stored.
    """
    types = {column: number_type(column) for column in cells}
    texts = [_written(found) for column, found in cells.items() if types[column] is None]
    numbers = [np.asarray(found, types[column]).view(np.int64) for column, found in cells.items() if types[column]]
    block, size = np.stack(numbers, axis=1).astype("<i8").tobytes(), 8 * len(numbers)
    rows = map(END.join, zip(*texts, names, strict=True))
    return [
        hashlib.sha256(row.encode("utf-8", "surrogatepass") + block[place : place + size]).hexdigest()
        for row, place in zip(rows, range(0, len(block), size), strict=True)
    ]


LATER = {schema.trials.c[name] for name in schema.ADDED[6]["trials"]}


def earlier_hash(row: Sequence[Any], names: str) -> tuple[str, ...]:
    """The hashes that earlier versions gave a trial of that row (cells in the order of `covered`); none to a later one.

    names: as `trial_hashes` takes them, for one trial.
    """
    cells = dict(zip(covered(schema.trials), row, strict=True))
    if any(cells.pop(column) is not None for column in LATER):
        return ()
    return (
        *trial_hashes({column: [cell] for column, cell in cells.items()}, [names]),
        cells_hash((*cells.values(), names)),
    )


def _written(texts: Sequence[Any]) -> Sequence[str]:
    return [NOTHING if text is None else text for text in texts] if None in texts else texts


def hashes_of_trials(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    """The hashes of rows of `trials` as they are stored (`trial_hashes`); columns that a row lacks are NULL."""
    if not rows:
        return []
    columns = zip(*map(stored_cells, rows), strict=True)
    return trial_hashes(dict(zip(covered(schema.trials), columns, strict=True)), names)


def stored_cells(row: Mapping[str, Any]) -> list[Any]:
    """The cells of a row of `trials` as they are stored, in the order of `covered`; a column that it lacks is NULL."""
    return [
        _text(row.get(column.name)) if isinstance(column.type, JSON) else row.get(column.name)
        for column in covered(schema.trials)
    ]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) or value is None else json.dumps(value)


def as_stored(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """The row that a database gives back for `row`: without NaN, negative zero and NumPy's types."""
    return {name: None if value is None else _of(table.columns[name], value) for name, value in row.items()}


def _of(column: Column[Any], value: Any) -> Any:
    return next((make(value) for kind, make, _ in KINDS if isinstance(column.type, kind)), value)


def row_hash(table: Table, row: Mapping[str, Any], *more: str) -> str:
    """The hash of a row as it is stored. Columns that it lacks are NULL, and JSON may be text already."""
    cells = (
        json.dumps(row[column.name])
        if isinstance(column.type, JSON) and not isinstance(row[column.name], str)
        else row.get(column.name)
        for column in covered(table)
    )
    return cells_hash((*cells, *more))


def names_text(names: Sequence[str]) -> str:
    """The names of a curve's columns as they are stored; the hash of its trial covers them."""
    return json.dumps(list(names))


def timed_hash(timings: Iterable[tuple[Any, ...]], subjects: Iterable[tuple[Any, ...]]) -> str:
    """The hash of everything timed in a run; the order of the rows does not matter."""
    found = hashlib.sha256()
    for rows in (timings, subjects):
        for line in sorted(ascii(tuple(row)).encode("ascii") for row in rows):
            found.update(line + b"\n")
        found.update(b"\n")
    return found.hexdigest()


def types_of(column: Column[Any]) -> set[type]:
    """The types of values that a cell of this column may hold."""
    types = next((types for kind, _, types in KINDS if isinstance(column.type, kind)), (str,))
    return {*types, *([type(None)] if column.nullable else [])}


def odd_cell(columns: Sequence[Column[Any]], cells: Sequence[Any]) -> str | None:
    """Words about the first cell that holds something its column cannot hold; None if there is none."""
    for column, cell in zip(columns, cells, strict=True):
        if type(cell) not in types_of(column):
            return f"its {column.name} holds {_short(cell)}"
        if cell is not None and isinstance(column.type, JSON) and not _is_json(cell):
            return f"its {column.name} holds {_short(cell)}, which is not JSON"
    return None


def _short(cell: Any) -> str:
    text = "nothing" if cell is None else ascii(cell)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
