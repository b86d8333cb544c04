"""Printing: tables for people, JSON for programs, errors on standard error.

Only this file writes to the streams (gdbench/cli/streams.py). The text may come from anybody's file. So it is made
visible first (inputs/visible.py), it is never read as markup, and characters that the encoding lacks are spelled out.
"""

import json
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gdbench.cli.streams import encodable
from gdbench.inputs.visible import inert, visible

UNBROKEN: Any = {"break_long_words": False, "break_on_hyphens": False}
console = Console(highlight=False, soft_wrap=False)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def fail(message: str, code: int) -> int:
    """Print one sentence on standard error; returns the exit code."""
    _put(Text("error: ", style="bold red") + Text(shown(message, errors), style="not bold"), errors)
    return code


def note(line: str) -> None:
    """Print a line on standard error, above the progress if there is any."""
    _put(Text(shown(line, errors)), errors)


def warn(of: str | None) -> None:
    """Print a warning on standard error; prints nothing for None."""
    if of:
        _put(Text("warning: ", style="bold yellow") + Text(shown(of, errors), style="not bold"), errors)


def say(*lines: str) -> None:
    """Print lines as they are; without any, print an empty line."""
    for line in lines or ("",):
        _put(Text(shown(line, console)), console, soft_wrap=True)


def print_lines(text: str) -> None:
    """Print a document of several lines as it stands, but for characters that could change the terminal."""
    for line in text.splitlines():
        _put(Text(shown(line, console)), console, soft_wrap=True)


def paragraph(words: str, indent: str = "") -> None:
    """Print sentences, broken between words at the width of the console."""
    for line in wrap(shown(words, console), width(), initial_indent=indent, subsequent_indent=indent, **UNBROKEN):
        _put(Text(line), console, soft_wrap=True)


def width() -> int:
    """Columns of the console; without a terminal COLUMNS, or 80."""
    return console.width


def print_json(value: Any) -> None:
    """Print a JSON document on standard output."""
    text = json.dumps(_finite(value), indent=1, allow_nan=False, default=str)
    sys.stdout.write(text.replace("##[", r"#\u0023[") + "\n")  # the same to JSON, and no command to GitHub's runner


def _finite(value: Any) -> Any:
    """The value as JSON can hold it: infinite numbers and NaN become null."""
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_commands(lines: Iterable[str], *, on_errors: bool = False) -> None:
    """Print workflow commands for GitHub Actions, which are escaped already, as they are."""
    target = sys.stderr if on_errors else sys.stdout
    for line in lines:
        target.write(line + "\n")


def print_table(rows: Sequence[Mapping[str, Any]], title: str | None = None) -> None:
    """Print rows that have the same keys as a table. If the output is not a terminal, nothing is cut off.

    A cell that is a list has several lines.
    """
    if not rows:
        return
    table = Table(
        title=Text(shown(title, console)) if title else None,
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="bold",
        padding=(0, 2, 0, 0),
    )
    for name in rows[0]:
        table.add_column(_cell(name), overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row.values()))
    _put(table, _whole())


def print_facts(facts: Iterable[tuple[str, Any]]) -> None:
    """Print names and values, one pair per line."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for name, value in facts:
        table.add_row(_cell(name, style="dim"), _cell(value))
    _put(table, _whole())


@contextmanager
def status(words: str, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """Show on a terminal what is going on; yields a function that changes the text. quiet: show nothing."""
    if quiet:
        yield lambda words: None
        return
    with errors.status(Text(shown(words, errors))) as spinner:
        yield lambda words: spinner.update(Text(shown(words, errors)))


def shown(text: object, target: Console) -> str:
    """Any text as one line that the console can show."""
    return encodable(visible(text), getattr(target.file, "encoding", None))


def _cell(value: Any, style: str = "") -> Text:
    lines = value if isinstance(value, list) else [value]
    return Text("\n".join(shown(line, console) for line in lines), style=style)


def _whole() -> Console:
    """The console for tables: the terminal, or one that is wide enough for all of them."""
    return console if console.is_terminal else Console(highlight=False, width=240)


def _put(what: Any, target: Console, **options: Any) -> None:
    """Print so that GitHub's runner takes no line for a command."""
    with target.capture() as caught:
        target.print(what, **options)
    target.file.write(inert(caught.get()))
    target.file.flush()
