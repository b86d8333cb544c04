"""Report a comparison: on the terminal, as JSON, in files, and to GitHub Actions."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gdbench.cli.output import print_commands, print_json, print_table, say
from gdbench.errors import GdbenchError
from gdbench.inputs.writing import write_text

if TYPE_CHECKING:
    from gdbench.gate.comparison import Comparison

SUMMARY = "GITHUB_STEP_SUMMARY"  # the variable that names the file for a job's summary


@dataclass(frozen=True)
class Outputs:
    """Where and how to report a comparison.

    strict: changed bits and counts are regressions. few_pairs: too few pairs to ever say so do not fail.
    """

    strict: bool = False
    few_pairs: bool = False
    as_json: bool = False
    quiet: bool = False
    everything: bool = False
    github: bool = False
    html: Path | None = None
    junit_xml: Path | None = None
    benchmark_json: Path | None = None


def tell(found: "Comparison", outputs: Outputs) -> int:
    """Print and write the comparison; returns the exit code."""
    from gdbench.reports.verdicts.document import document

    found = replace(found, few_pairs=outputs.few_pairs)
    if outputs.as_json:
        print_json(document(found, strict=outputs.strict))
    else:
        _print(found, outputs)
    for path, text in _files(found, outputs):
        write_text(path, text)
        if not (outputs.as_json or outputs.quiet):
            say(f"written: {path}")
    if outputs.github:
        _annotate(found, outputs)
    return found.exit_code(strict=outputs.strict)


def _print(found: "Comparison", outputs: Outputs) -> None:
    from gdbench.reports.verdicts import table
    from gdbench.reports.verdicts.words import headline

    say(headline(found))
    if outputs.quiet:
        return
    for name, words in table.sides(found):
        say(f"{name}: {words}")
    rows, sentences = table.rows(found, outputs.everything), list(table.sentences(found, outputs.everything))
    if rows:
        say()
        print_table(rows)
    if sentences:
        say()
    for sentence in sentences:
        say(sentence)


def _files(found: "Comparison", outputs: Outputs) -> list[tuple[Path, str]]:
    """The files that the user asked for, with their contents."""
    import json

    from gdbench.reports.verdicts.action import benchmarks
    from gdbench.reports.verdicts.junit import junit
    from gdbench.reports.verdicts.page import page

    files = []
    if outputs.html:
        files.append((outputs.html, page(found)))
    if outputs.junit_xml:
        files.append((outputs.junit_xml, junit(found, strict=outputs.strict)))
    if outputs.benchmark_json:
        files.append((outputs.benchmark_json, json.dumps(benchmarks(found), indent=1, allow_nan=False) + "\n"))
    return files


def _annotate(found: "Comparison", outputs: Outputs) -> None:
    """Print annotations for GitHub Actions, and append the summary to what the step has already written there."""
    from gdbench.reports.verdicts.github import ROOM, annotations, summary

    print_commands(annotations(found, strict=outputs.strict), on_errors=outputs.as_json)
    path = os.environ.get(SUMMARY)
    if not path:
        return
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(summary(found, everything=outputs.everything, room=ROOM - file.tell()))
    except OSError as error:
        raise GdbenchError(f"{path} (${SUMMARY}) cannot be written: {error.strerror}") from None
