"""`gdbench compare` and `gdbench gate`: what became worse, better or different from one run to another."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gdbench.cli.options import JsonOption, OutOption, StoreOption, open_run, repeated
from gdbench.cli.output import print_json, print_table, say
from gdbench.errors import GdbenchError, UsageError
from gdbench.files import RESULTS, write_text

if TYPE_CHECKING:
    from gdbench.gate import Comparison, Side
    from gdbench.store.frames import Frames

SUMMARY = "GITHUB_STEP_SUMMARY"  # where GitHub Actions wants a job's summary
RUN = "Id, its unique beginning, latest, latest~1, or an exported file"

BaseArgument = Annotated[str, typer.Argument(metavar="BASE", help=f"The run to compare with. {RUN}.")]
HeadArgument = Annotated[str, typer.Argument(metavar="HEAD", help="The run in question, named alike.")]
MarginOption = Annotated[
    float, typer.Option("--margin", metavar="PERCENT", help="By how much head may differ and count as unchanged.")
]
LevelOption = Annotated[
    float, typer.Option("--level", metavar="SHARE", help="False discovery rate of each family of metrics.")
]
FamilyOption = Annotated[
    list[str] | None, repeated("--family", "NAME", "Only these metrics: digest, convergence, count, cost")
]
AllOption = Annotated[bool, typer.Option("--all", help="List unchanged metrics too.")]
HtmlOption = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page.")]


@dataclass(frozen=True)
class Outputs:
    """Where and how a comparison is told; `strict` makes changed bits a regression."""

    strict: bool = False
    as_json: bool = False
    quiet: bool = False
    everything: bool = False
    github: bool = False
    html: Path | None = None
    junit_xml: Path | None = None
    benchmark_json: Path | None = None


def compare(
    base: BaseArgument,
    head: HeadArgument = "latest",
    margin: MarginOption = 3.0,
    level: LevelOption = 0.05,
    family: FamilyOption = None,
    store: StoreOption = None,
    out: OutOption = RESULTS,
    html: HtmlOption = None,
    everything: AllOption = False,
    as_json: JsonOption = False,
) -> int:
    """Compare two runs, metric by metric.

    Each metric has a verdict and a reason; docs/gate.md tells what they mean. `gate` does the same as a check.
    """
    found = _of_runs(base, head, margin, level, family, store, out)
    _tell(found, Outputs(as_json=as_json, everything=everything, html=html))
    return 0


def gate(
    base: BaseArgument,
    head: HeadArgument = "latest",
    margin: MarginOption = 3.0,
    level: LevelOption = 0.05,
    family: FamilyOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Changed bits are a regression too.")] = False,
    store: StoreOption = None,
    out: OutOption = RESULTS,
    github: Annotated[
        bool, typer.Option("--github", help=f"Print annotations; append a summary to the file that ${SUMMARY} names.")
    ] = False,
    junit_xml: Annotated[Path | None, typer.Option("--junit-xml", metavar="FILE", help="Write JUnit XML.")] = None,
    html: HtmlOption = None,
    benchmark_json: Annotated[
        Path | None,
        typer.Option("--benchmark-json", metavar="FILE", help="Write what github-action-benchmark reads."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the verdict alone.")] = False,
    everything: AllOption = False,
    as_json: JsonOption = False,
) -> int:
    """Compare two runs as a check.

    Exit code 0: nothing became worse. 1: a regression. 3: a trial failed, a metric is missing or nothing was compared.
    4: inconclusive, or no baseline. With --json, annotations go to standard error.
    """
    found = _of_runs(base, head, margin, level, family, store, out)
    return _tell(found, Outputs(strict, as_json, quiet, everything, github, html, junit_xml, benchmark_json))


def _of_runs(
    base: str, head: str, margin: float, level: float, families: list[str] | None, store: str | None, out: Path
) -> "Comparison":
    """Two runs compared."""
    from gdbench.gate import baseline_of, side_of

    mine, theirs = _side(base, baseline_of, store, out), _side(head, side_of, store, out)
    if mine.facts["run"] == theirs.facts["run"] and not any(Path(name).exists() for name in (base, head)):
        raise UsageError(
            f"BASE and HEAD are both run {mine.facts['run']}, which says nothing; "
            "run the suite again, or name another run (`gdbench list runs`)"
        )
    return _compared(mine, theirs, margin, level, families)


def _compared(base: "Side", head: "Side", margin: float, level: float, families: list[str] | None) -> "Comparison":
    """Two sides compared, as the options say."""
    from gdbench.gate import compare as compare_sides
    from gdbench.gate.families import only

    if not 0 <= margin < 1000:
        raise UsageError(f"--margin {margin:g} must be a percentage, 0 or more and less than 1000")
    if not 0 < level < 1:
        raise UsageError(f"--level {level:g} must be a share between 0 and 1")
    found = compare_sides(base, head, margin=margin / 100, level=level)
    return only(found, families) if families else found


def _side(name: str, make: "Callable[[Frames], Side]", store: str | None, out: Path) -> "Side":
    """One run as a side."""
    run = open_run(name, store, out)
    try:
        return make(run.frames)
    except GdbenchError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:  # of a file that somebody edited
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"{name} cannot be compared ({reason}); export the run again") from None


def _tell(found: "Comparison", outputs: Outputs) -> int:
    """Print and write what was found; returns the exit code."""
    from gdbench.reports.verdicts.document import document

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
    """The files that were asked for, with what goes into them."""
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
    """Annotations where GitHub Actions reads them, and the summary below what the step has already said."""
    from gdbench.reports.verdicts.github import ROOM, annotations, summary

    target = sys.stderr if outputs.as_json else sys.stdout
    for line in annotations(found, strict=outputs.strict):
        target.write(line + "\n")
    path = os.environ.get(SUMMARY)
    if not path:
        return
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(summary(found, everything=outputs.everything, room=ROOM - file.tell()))
    except OSError as error:
        raise GdbenchError(f"{path} (${SUMMARY}) cannot be written: {error.strerror}") from None
