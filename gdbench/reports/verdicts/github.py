"""A comparison for GitHub Actions: annotations, which are lines on standard output, and a job summary in Markdown.

    for line in annotations(found): print(line)

GitHub keeps 10 errors, 10 warnings and 10 notices of a step and drops the others silently. A step's summary may have
1 MiB. (docs.github.com, "Workflow commands for GitHub Actions"; actions/toolkit, docs/problem-matchers.md,
"Limitations".)
"""

import re
from collections.abc import Iterator

import pandas as pd

from gdbench.gate.comparison import Comparison
from gdbench.inputs.visible import visible
from gdbench.reports.verdicts import table
from gdbench.reports.verdicts.words import GRAVE, NOTHING, headline, listed, metric_name, plural, why

MOST = 10  # annotations of a level in a step
ROOM = 2**20  # bytes of a step's summary
TITLE, MESSAGE = 200, 4000  # characters: GitHub shows 255 of a title, and 64 KiB of a message
NAMES = 5  # metrics that one annotation names
_MARKUP = re.compile(r"[^\w\s.,;:()/%+=×–∞'…-]|(?<!\w)_|_(?!\w)|:(?=//)|(?<=www)\.", re.IGNORECASE)


def annotations(comparison: Comparison, *, strict: bool = False) -> list[str]:
    """Workflow commands: errors for metrics that fail the check, warnings for undecided ones, notices for the rest.

    Metrics with the same verdict and reason share an annotation if they have one cause, or too little data.
    """
    levels: dict[str, list[tuple[str, str]]] = {"error": [], "warning": [], "notice": []}
    for verdict, reason, title, message in _annotated(comparison.findings):
        fails = comparison.fails(verdict, reason, strict=strict)
        level = "error" if fails else "warning" if verdict == "inconclusive" else "notice"
        levels[level].append((f"{verdict}: {title}", message))
    if not len(comparison.findings):
        levels["error"].append((comparison.verdict, NOTHING))
    return [_command(level, *each) for level, found in levels.items() for each in _fewer(found)]


def _annotated(findings: pd.DataFrame) -> Iterator[tuple[str, str, str, str]]:
    """The verdict, reason, title and message of each annotation, the gravest first."""
    one = findings["verdict"].isin([*GRAVE, "improved"]) & (findings["reason"] != "suite-wide")
    kinds = findings["family"] + ":" + findings["verdict"] + ":" + findings["reason"]
    keys = kinds.where(~one, [str(number) for number in range(len(findings))])
    for _, group in findings[findings["verdict"] != "unchanged"].groupby(keys, sort=False):
        rows = group.to_dict("records")
        names = [metric_name(row) for row in rows]
        many = len(rows) > 1
        title = f"{plural(len(rows), 'metric')} ({rows[0]['family']}, {rows[0]['reason']})" if many else names[0]
        message = f"{listed(names, NAMES, '; ')}: {why({**rows[0], **_NO_NUMBERS})}" if many else why(rows[0])
        yield rows[0]["verdict"], rows[0]["reason"], title, message


_NO_NUMBERS = dict.fromkeys(("ratio", "margin", "q", "detail"), float("nan"))  # those of one metric, not of all


def _fewer(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """As many annotations (title, message) as GitHub keeps; the last one counts those that it replaces."""
    if len(found) <= MOST:
        return found
    rest = found[MOST - 1 :]
    titles = listed([title for title, _ in rest], NAMES, "; ")
    return [*found[: MOST - 1], (f"{len(rest)} more", f"{titles}. The job's log and summary have all of them.")]


def _command(level: str, title: str, message: str) -> str:
    """A workflow command, escaped as actions/toolkit does (packages/core/src/command.ts)."""
    title = _data(_short(visible(f"gdbench {title}"), TITLE)).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={title}::{_data(_short(visible(message), MESSAGE))}"


def _data(words: str) -> str:
    return words.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _short(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"


def summary(comparison: Comparison, *, everything: bool = False, room: int = ROOM) -> str:
    """The job summary in Markdown, at most `room` bytes of UTF-8; rows without room are counted."""
    rows = table.rows(comparison, everything)
    head = [f"### gdbench {_text(headline(comparison))}", ""]
    if rows:
        head += ["| " + " | ".join(rows[0]) + " |", "| " + " | ".join("---" for _ in rows[0]) + " |"]
    tail = ["", *(f"- {name}: {_text(words)}" for name, words in table.sides(comparison))]
    tail += [f"- {_text(sentence)}" for sentence in table.sentences(comparison, everything)]
    lines = ["| " + " | ".join(map(_text, row.values())) + " |" for row in rows]
    left = room - _size([*head, *tail]) - 200  # 200 for the sentence about rows that are left out
    kept = 0
    while kept < len(lines) and left >= _size([lines[kept]]):
        left -= _size([lines[kept]])
        kept += 1
    cut = ["", f"{plural(len(lines) - kept, 'more row')} found no room here: see the log."] if kept < len(lines) else []
    whole = "\n".join([*head, *lines[:kept], *cut, *tail]) + "\n"
    if len(whole.encode()) <= room:
        return whole
    short = f"{head[0]}\n\nThere is no room here for more: see the log.\n"
    return short if len(short.encode()) <= room else ""


def _size(lines: list[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def _text(words: object) -> str:
    """Text that Markdown and HTML show as it is: possible markup and middles of links become character references."""
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", visible(words))
