"""`gdbench compare` and `gdbench gate`: what became worse, better or different from one run to another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

import typer

from gdbench.cli.options import (
    JsonOption,
    NoPluginsOption,
    OutOption,
    PluginOption,
    SetOption,
    SkipOption,
    StoreOption,
    find_run,
    open_run,
    readers,
    repeated,
)
from gdbench.cli.output import print_json, say
from gdbench.cli.verdicts import SUMMARY, Outputs, tell
from gdbench.errors import GdbenchError, UsageError
from gdbench.results.files import RESULTS

if TYPE_CHECKING:
    from gdbench.api.runs import Run
    from gdbench.gate.comparison import Comparison
    from gdbench.gate.sides import Side
    from gdbench.results.frames import Frames

T = TypeVar("T")
GATES = 5  # of --selfcheck
# How many names each way takes at least, and what stands for those that are not given.
WAYS = {
    "": (1, ["", "latest"]),
    "--baseline": (0, ["latest"]),
    "--update": (0, ["latest"]),
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


class Named(NamedTuple):
    """What the user calls a run, and where it is."""

    name: str
    store: str | None
    out: Path
    skip: bool


@dataclass(frozen=True)
class GateOptions:
    """By what two sides are judged (margin: a share; families: all where there is none), and what runs in a place."""

    margin: float
    level: float
    families: tuple[str, ...] = ()
    suite: str = "regression"
    overrides: tuple[str, ...] = ()
    plugins: tuple[Path, ...] = ()
    registers: bool = False


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
    skip: SkipOption = False,
    as_json: JsonOption = False,
) -> int:
    """Compare two runs, metric by metric.

    Each metric has a verdict and a reason; docs/gate.md tells what they mean. `gate` does the same as a check.
    """
    runs = [Named(name, store, out, skip) for name in (base, head)]
    tell(_of_runs(runs, _asked(margin, level, family)), Outputs(as_json=as_json, everything=everything, html=html))
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
        str | None,
        typer.Option(
            "--suite",
            metavar="SUITE",
            help="(--ab, --selfcheck) A shipped suite, regression by default, or a TOML file.",
        ),
    ] = None,
    overrides: SetOption = None,
    plugin: PluginOption = None,
    no_plugins: NoPluginsOption = False,
    registers: Annotated[
        bool,
        typer.Option(
            "--registers", help="(--ab) Count the registers of updates on GPUs too; needs no GPU, but [cuda]."
        ),
    ] = False,
    gates: Annotated[
        int | None, typer.Option("--gates", metavar="N", min=1, help="(--selfcheck) How many, 5 by default.")
    ] = None,
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
    skip: SkipOption = False,
    as_json: JsonOption = False,
) -> int:
    """Compare two runs as a check: stored ones, one with a baseline, or two that are made now, side by side.

    Exit code 0: nothing became worse. 1: a regression. 3: a trial failed, a metric is missing or nothing was compared.
    4: inconclusive, or no baseline. With --json, annotations go to standard error.
    """
    way = _way(ab, selfcheck, baseline)
    _check_options(way, ("--baseline",), {"--update": update})
    way = "--update" if update else way
    runs, places = ("", "--baseline"), ("--ab", "--selfcheck")
    _check_options(way, ("--baseline",), {"--baseline-lenient": lenient})
    _check_options(way, ("--ab",), {"--registers": registers})
    _check_options(way, places, {"--suite": suite, "--set": overrides, "--plugin": plugin})
    _check_options(way, ("--selfcheck",), {"--gates": gates})
    _check_options(way, (*runs, "--update"), {"--store": store, "--skip-damaged": skip})
    told = {"--strict": strict, "--github": github, "--junit-xml": junit_xml, "--html": html, "--all": everything}
    _check_options(way, (*runs, "--ab"), {**told, "--benchmark-json": benchmark_json})
    _check_options(way, (*runs, "--ab", "--update"), {"--family": family})
    given, asked = _given(way, names or []), _asked(margin, level, family)
    outputs = Outputs(strict, as_json, quiet, everything, github, html, junit_xml, benchmark_json)
    if way in places:
        from gdbench.cli.side_by_side import check_itself, of_places

        asked = replace(asked, suite=suite or asked.suite, overrides=tuple(overrides or ()), registers=registers)
        asked = replace(asked, plugins=tuple(plugin or ()))
        if way == "--selfcheck":
            return check_itself(given[0], asked, gates or GATES, outputs)
        return tell(of_places(given, asked, quiet or as_json), outputs)
    named = [Named(name, store, out, skip) for name in given]
    if baseline is None:
        return tell(_of_runs(named, asked), outputs)
    if update:
        return _update(baseline, named[0], asked, out, outputs)
    return _with_baseline(baseline, named[0], asked, out, outputs, lenient)


def _way(ab: bool, selfcheck: bool, baseline: str | None) -> str:
    """By which option the two sides are found; empty for two runs."""
    asked = {"--ab": ab, "--selfcheck": selfcheck, "--baseline": baseline is not None}
    chosen = [name for name, given in asked.items() if given]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} are different things; give one of them")
    return chosen[0] if chosen else ""


def _check_options(way: str, ways: tuple[str, ...], options: dict[str, Any]) -> None:
    """Raise UsageError for an option that would be ignored."""
    for name, given in options.items():
        if given and way not in ways:
            with_ = " or ".join(each or "two runs" for each in ways)
            raise UsageError(
                f"{name} goes with {with_} alone, and means nothing with {way or 'two runs'}; leave it out"
            )


def _given(way: str, names: list[str]) -> list[str]:
    """What is to be compared, with what stands for what was not named."""
    least, defaults = WAYS[way]
    if not least <= len(names) <= len(defaults):
        what = {0: "HEAD at most", 1: "BASE and HEAD"}[least]
        raise UsageError(
            f"gate {way or 'without --baseline, --ab or --selfcheck'} takes {what}, not {len(names)} names"
        )
    return names + defaults[len(names) :]


def _asked(margin: float, level: float, families: list[str] | None) -> GateOptions:
    """The numbers and names, checked before anything is run."""
    if not 0 <= margin < 1000:
        raise UsageError(f"--margin {margin:g} must be a percentage, 0 or more and less than 1000")
    if not 0 < level < 1:
        raise UsageError(f"--level {level:g} must be a share between 0 and 1")
    if families:
        from gdbench.gate.families import check

        check(families)
    return GateOptions(margin / 100, level, tuple(families or ()))


def _update(baseline: str, head: Named, asked: GateOptions, out: Path, outputs: Outputs) -> int:
    """Make a run the baseline, and tell what changed."""
    from gdbench.cli.baselines import save_baseline

    saved = _readable(head, lambda run: save_baseline(baseline, run.frames, out, asked.families or None))
    if outputs.as_json:
        print_json(saved.document())
    else:
        for sentence in saved.sentences()[: 1 if outputs.quiet else None]:
            say(sentence)
    return 0


def _with_baseline(baseline: str, head: Named, asked: GateOptions, out: Path, outputs: Outputs, lenient: bool) -> int:
    """Compare a run with a baseline; returns the exit code."""
    from gdbench.cli.baselines import compare_with_baseline
    from gdbench.gate.sides import side_of

    side = _readable(head, lambda run: side_of(run.frames))
    found = compare_with_baseline(baseline, side, out, lenient=lenient, margin=asked.margin, level=asked.level)
    return tell(_only(found, asked), outputs)


def _of_runs(runs: Sequence[Named], asked: GateOptions) -> "Comparison":
    """Two runs compared, which a process each reads where they have very many trials."""
    from gdbench.machine.processes import shared

    # The other process begins before this one imports pandas and SciPy, which take a second each.
    (mine, theirs), processes = _readers(runs)
    needed = partial(import_module, "gdbench.gate.comparison")
    base, head = shared(_side, [(mine, "baseline_of"), (theirs, "side_of")], processes, then=needed)
    from gdbench.gate.comparison import compare as compare_sides

    if base.facts["run"] == head.facts["run"] and not any(Path(each.name).exists() for each in runs):
        raise UsageError(
            f"BASE and HEAD are both run {base.facts['run']}, which says nothing; "
            "run the suite again, or name another run (`gdbench list runs`)"
        )
    return _only(compare_sides(base, head, margin=asked.margin, level=asked.level), asked)


def _side(asked: tuple[Named, str]) -> "Side":
    """A run as a side, by a function of gdbench/gate/sides.py."""
    from gdbench.gate import sides

    named, function = asked
    side: Callable[[Frames], Side] = getattr(sides, function)
    return _readable(named, lambda run: side(run.frames))


def _readers(runs: Sequence[Named]) -> tuple[Sequence[Named], int]:
    """The runs, stored ones by their ids, which are the same for all processes; and how many processes read them."""
    from gdbench.api.runs import is_export

    if any(is_export(Path(each.name)) for each in runs):
        return runs, 1
    found = [find_run(*each[:3], skip=each.skip) for each in runs]
    named = [each._replace(name=run.id) for each, run in zip(runs, found, strict=True)]
    return named, readers([run.record for run in found])


def _only(found: "Comparison", asked: GateOptions) -> "Comparison":
    from gdbench.gate.families import only

    return only(found, asked.families) if asked.families else found


def _readable(named: Named, read: "Callable[[Run], T]") -> T:
    """What `read` makes of a run; a file that somebody edited is told in a sentence."""
    run = open_run(*named[:3], skip=named.skip, points="first")
    try:
        return read(run)
    except GdbenchError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"{named.name} cannot be compared ({reason}); export the run again") from None
