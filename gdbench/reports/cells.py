"""The page's tables: each cell has the number that sorts it, each row the facts that filter it.

grid([{"rule": "adam", "step": "2.5 µs"}]), numbers(frame)
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import pandas as pd

from gdbench.reports import text

# The facts that filter the whole page, and the columns that hold them.
FACTS = {"problem": "problem", "rule": "rule", "batch": "batch", "batch_size": "batch"}


class Cell(NamedTuple):
    """A cell. words: its text. value: what sorts it, if not the text. parts: pieces of the text, never broken."""

    words: str
    value: str | None
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table. columns: names, and whether they are sorted as numbers. rows: facts and cells."""

    columns: list[tuple[str, bool]]
    rows: list[tuple[dict[str, str], list[Cell]]]


def grid(rows: Sequence[Mapping[str, str]]) -> Table | None:
    """A table of rows of text; None without rows. A column is numeric if every cell begins with a number."""
    if not rows:
        return None
    keys = {name: [text.sort_key(row[name]) for row in rows] for name in rows[0]}
    numeric = {name: None not in column and not all(map(_missing, column)) for name, column in keys.items()}
    cells = [
        [_spoken(words, keys[name][place]) if numeric[name] else Cell(words, None) for name, words in row.items()]
        for place, row in enumerate(rows)
    ]
    return Table(list(numeric.items()), list(zip(map(facts, rows), cells, strict=True)))


def numbers(frame: pd.DataFrame) -> Table | None:
    """A table of a whole frame. Numbers are shown rounded, but sorted and downloaded with all digits."""
    if frame.empty:
        return None
    rows = frame.astype(object).to_dict("records")
    numeric = {str(name): all(isinstance(row[name], Real) or _missing(row[name]) for row in rows) for name in frame}
    return Table(
        list(numeric.items()),
        [(facts(row), [_cell(value, numeric[str(name)]) for name, value in row.items()]) for row in rows],
    )


def facts(row: Mapping[Any, Any]) -> dict[str, str]:
    """The facts that filter a row."""
    return {fact: str(row[name]) for name, fact in FACTS.items() if name in row and not _missing(row[name])}


def _spoken(words: str, key: float | None) -> Cell:
    """A cell for a number's text; if there is little room, its interval or remark goes below it."""
    return Cell(words, _plain(key), tuple(re.split(r" (?=[\[(])|(?<=steps,) ", words)))


def _cell(value: Any, numeric: bool) -> Cell:
    if _missing(value):
        return Cell(text.NONE, "NaN" if numeric else "")
    if isinstance(value, bool) or not isinstance(value, Real):
        return Cell(str(value), None)
    words, plain = text.number(float(value), 5), _plain(value)
    return Cell(words, None if plain == words else plain)


def _plain(value: Any) -> str:
    """A number in the form that scripts read."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return repr(float(value)).removesuffix(".0") if isinstance(value, float) else str(value)


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
