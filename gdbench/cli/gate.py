"""`gdbench compare` and `gdbench gate`: what became worse, better or different from one run to another."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gdbench.cli.options import (
    JsonOption,
    OutOption,
    PluginOption,
    SetOption,
    StoreOption,
    open_run,
    repeated,
)
from gdbench.cli.output import print_json, print_table, say
from gdbench.errors import GdbenchError, UsageError
from gdbench.files import RESULTS, write_text

if TYPE_CHECKING:
    from gdbench.gate import Comparison, Side
    from gdbench.store.frames import Frames

SUMMARY = "GITHUB_STEP_SUMMARY"  # where GitHub Actions wants a job's summary
FAMILIES = ("digest", "convergence", "count", "cost")
# How many names each way takes at least, and what stands for those that are not given.
WAYS = {
    "": (1, ["", "latest"]),
    "--baseline": (0, ["latest"]),
    "--ab": (1, ["", "."]),
    "--selfcheck": (0, ["."]),
}
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
    _check_numbers(margin, level, family)
    found = _of_runs(base, head, margin, level, family, store, out)
    _tell(found, Outputs(as_json=as_json, everything=everything, html=html))
    return 0


def gate(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[BASE] [HEAD]",
            help=f"BASE: the run to compare with. HEAD: the run in question. {RUN}. With --baseline, HEAD alone; with "
            "--ab, two environments, folders or git revisions; with --selfcheck, one of these.",
            show_default="HEAD: latest, or the current folder",
        ),
    ] = None,
    ab: Annotated[
        bool, typer.Option("--ab", help="Run a suite in two places now, and measure their steps side by side.")
    ] = False,
    selfcheck: Annotated[
        bool, typer.Option("--selfcheck", help="Measure one place with itself: false alarms, and what would be found.")
    ] = False,
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", metavar="NAME|FILE", help="Compare with what `run --save-baseline` wrote."),
    ] = None,
    lenient: Annotated[
        bool, typer.Option("--baseline-lenient", help="No baseline yet is no mistake, nor is what it lacks.")
    ] = False,
    update: Annotated[
        bool, typer.Option("--update", help="Write HEAD into the baseline, and tell what changed.")
    ] = False,
    suite: Annotated[
        str, typer.Option("--suite", metavar="SUITE", help="(--ab, --selfcheck) A shipped suite, or a TOML file.")
    ] = "regression",
    overrides: SetOption = None,
    plugin: PluginOption = None,
    registers: Annotated[
        bool,
        typer.Option(
            "--registers", help="(--ab) Count the registers of updates on GPUs too; needs no GPU, but [cuda]."
        ),
    ] = False,
    gates: Annotated[int, typer.Option("--gates", metavar="N", min=1, help="(--selfcheck) How many.")] = 5,
    margin: MarginOption = 3.0,
    level: LevelOption = 0.05,
    family: FamilyOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Changed bits and counts are regressions too.")] = False,
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
    """Compare two runs as a check: stored ones, one with a baseline, or two that are made now, side by side.

    Exit code 0: nothing became worse. 1: a regression. 3: a trial failed, a metric is missing or nothing was compared.
    4: inconclusive, or no baseline. With --json, annotations go to standard error.
    """
    way = _way(ab, selfcheck, baseline)
    _check_options(way, {"--update": update, "--baseline-lenient": lenient}, "--baseline")
    _check_options(way, {"--registers": registers}, "--ab")
    given = _given(way, names or [])
    _check_numbers(margin, level, family)
    outputs = Outputs(strict, as_json, quiet, everything, github, html, junit_xml, benchmark_json)
    if way in ("--ab", "--selfcheck"):
        from gdbench.cli import side_by_side

        asked = (suite, overrides or [], plugin or [])
        judged = (margin / 100, level, quiet or as_json)
        if way == "--selfcheck":
            return side_by_side.tell_selfcheck(side_by_side.of_itself(given[0], *asked, gates, *judged), as_json)
        return _tell(
            side_by_side.of_places(given[0], given[1], *asked, family or FAMILIES, *judged, registers), outputs
        )
    if baseline is None:
        return _tell(_of_runs(given[0], given[1], margin, level, family, store, out), outputs)
    return _with_baseline(baseline, given[0], margin, level, family, store, out, lenient, update, outputs)


def _way(ab: bool, selfcheck: bool, baseline: str | None) -> str:
    """By which option the two sides are found; empty for two runs."""
    asked = {"--ab": ab, "--selfcheck": selfcheck, "--baseline": baseline is not None}
    chosen = [name for name, given in asked.items() if given]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} are different things; give one of them")
    return chosen[0] if chosen else ""


def _check_options(way: str, options: dict[str, bool], needed: str) -> None:
    """Raise UsageError for an option that only goes with another."""
    for name, given in options.items():
        if given and way != needed:
            raise UsageError(f"{name} goes with {needed} alone; give it too")


def _given(way: str, names: list[str]) -> list[str]:
    """What is to be compared, with what stands for what was not named."""
    least, defaults = WAYS[way]
    if not least <= len(names) <= len(defaults):
        what = {0: "HEAD at most", 1: "BASE and HEAD"}[least]
        raise UsageError(
            f"gate {way or 'without --baseline, --ab or --selfcheck'} takes {what}, not {len(names)} names"
        )
    return names + defaults[len(names) :]


def _with_baseline(
    baseline: str,
    head: str,
    margin: float,
    level: float,
    families: list[str] | None,
    store: str | None,
    out: Path,
    lenient: bool,
    update: bool,
    outputs: Outputs,
) -> int:
    """Compare a run with a baseline, or write it there; returns the exit code."""
    from gdbench.cli.baselines import compare_with_baseline, no_baseline, save_baseline
    from gdbench.gate import side_of

    if update:
        saved = save_baseline(baseline, open_run(head, store, out).frames, out, families)
        if outputs.as_json:
            print_json(saved.document())
        else:
            for sentence in saved.sentences():
                say(sentence)
        return 0
    side = _side(head, side_of, store, out)
    found = compare_with_baseline(baseline, side, out, lenient=lenient, margin=margin / 100, level=level)
    if found is not None:
        return _tell(_only(found, families), outputs)
    sentence = str(no_baseline(baseline, out))
    if outputs.as_json:
        print_json({"verdict": None, "exit_code": 0, "why": sentence})
    else:
        say(sentence)
    return 0


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

    return _only(compare_sides(base, head, margin=margin / 100, level=level), families)


def _only(found: "Comparison", families: list[str] | None) -> "Comparison":
    from gdbench.gate.families import only

    return only(found, families) if families else found


def _check_numbers(margin: float, level: float, families: list[str] | None) -> None:
    """Before anything is run."""
    from gdbench.gate.families import check

    if not 0 <= margin < 1000:
        raise UsageError(f"--margin {margin:g} must be a percentage, 0 or more and less than 1000")
    if not 0 < level < 1:
        raise UsageError(f"--level {level:g} must be a share between 0 and 1")
    check(families or ())


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
