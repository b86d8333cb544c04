"""Printing: tables for people, JSON for programs, errors on standard error."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

console = Console(highlight=False, soft_wrap=False)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def fail(message: str, code: int) -> int:
    """Print one sentence on standard error; returns the exit code."""
    errors.print(Text("error: ", style="bold red") + Text(message, style="not bold"))
    return code


def print_json(value: Any) -> None:
    """Print a JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=1, allow_nan=False, default=str) + "\n")


def print_table(rows: Sequence[Mapping[str, Any]], title: str | None = None) -> None:
    """Print rows of the same keys as a table; nothing is cut off when the output is not a terminal."""
    if not rows:
        return
    table = Table(
        title=Text(title) if title else None,
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="bold",
        padding=(0, 2, 0, 0),
    )
    for name in rows[0]:
        table.add_column(Text(str(name)), overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(value)) for value in row.values()))
    target = console if console.is_terminal else Console(highlight=False, width=240)
    target.print(table)


def print_facts(facts: Iterable[tuple[str, Any]]) -> None:
    """Print names and values, one a line."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name, value in facts:
        table.add_row(Text(name, style="dim"), Text(str(value)))
    target = console if console.is_terminal else Console(highlight=False, width=240)
    target.print(table)


def say(text: str = "") -> None:
    """Print a line as it stands."""
    console.print(Text(text), soft_wrap=True)
