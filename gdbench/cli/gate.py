"""`gdbench compare` and `gdbench gate`: what became worse, better or different between two runs."""

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
from gdbench.cli.output import print_json
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
# For each way to find the sides: the least number of names, and the defaults of those that are not given.
WAYS = {
    "": (1, ["", "latest"]),
    "--baseline": (0, ["latest"]),
    "--update": (0, ["latest"]),
    "--ab": (1, ["", "."]),
    "--selfcheck": (0, ["."]),
}
RUN = "Id, its unique beginning, latest, latest~1, or an exported file"

BaseArgument = Annotated[str, typer.Argument(metavar="BASE", help=f"The run to compare with. {RUN}.")]
HeadArgument = Annotated[str, typer.Argument(metavar="HEAD", help="The run to judge, named the same way.")]
MarginOption = Annotated[
    float, typer.Option("--margin", metavar="PERCENT", help="How much head may differ and still be unchanged.")
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
    """A run as the user named it, and where to look for it."""

    name: str
    store: str | None
    out: Path
    skip: bool


@dataclass(frozen=True)
class GateOptions:
    """How to judge two sides, and what to run in a place. margin: a share. families: empty for all."""

    margin: float
    level: float
    families: tuple[str, ...] = ()
    suite: str = "regression"
    overrides: tuple[str, ...] = ()
    plugins: tuple[Path, ...] = ()
    registers: bool = False
    rounds: int | None = None


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

    Each metric has a verdict and a reason; docs/gate.md explains them. `gate` does the same as a check.
    """
    runs = [Named(name, store, out, skip) for name in (base, head)]
    tell(_of_runs(runs, _asked(margin, level, family)), Outputs(as_json=as_json, everything=everything, html=html))
    return 0


def gate(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[BASE] [HEAD]",
            help=f"BASE: the run to compare with. HEAD: the run to judge. {RUN}. With --baseline, only HEAD; with "
            "--ab, two environments, folders or git revisions; with --selfcheck, one of these.",
            show_default="HEAD: latest, or the current folder",
        ),
    ] = None,
    ab: Annotated[
        bool, typer.Option("--ab", help="Run a suite in two places now, and measure their steps side by side.")
    ] = False,
    selfcheck: Annotated[
        bool, typer.Option("--selfcheck", help="Compare one place with itself: false alarms, and what would be found.")
    ] = False,
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", metavar="NAME|FILE", help="Compare with what `run --save-baseline` wrote."),
    ] = None,
    lenient: Annotated[
        bool, typer.Option("--baseline-lenient", help="Accept a missing baseline, or one that lacks metrics.")
    ] = False,
    update: Annotated[
        bool, typer.Option("--update", help="Write HEAD into the baseline, and report what changed.")
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
        typer.Option("--registers", help="(--ab) Compare the registers of GPU updates too; needs [cuda], but no GPU."),
    ] = False,
    gates: Annotated[
        int | None, typer.Option("--gates", metavar="N", min=1, help="(--selfcheck) How many times, 5 by default.")
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option(
            "--rounds",
            metavar="N",
            min=6,
            help="(--ab, --selfcheck) How often to time each step in both places, in threes; 18 by default.",
        ),
    ] = None,
    margin: MarginOption = 3.0,
    level: LevelOption = 0.05,
    family: FamilyOption = None,
    few_pairs: Annotated[
        bool,
        typer.Option("--allow-few-pairs", help="Accept what looks worse in too few pairs to ever be called regressed."),
    ] = False,
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
        typer.Option("--benchmark-json", metavar="FILE", help="Write JSON for github-action-benchmark."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the verdict.")] = False,
    everything: AllOption = False,
    skip: SkipOption = False,
    as_json: JsonOption = False,
) -> int:
    """Compare two runs as a check: two stored runs, a run and a baseline, or two runs made now, side by side.

    Exit code 0: nothing became worse. 1: a regression. 3: a trial failed, a metric is missing, nothing was compared, or
    something is undecided in too few pairs to ever be called regressed.
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
    _check_options(way, places, {"--rounds": rounds})
    _check_options(way, (*runs, "--update"), {"--store": store, "--skip-damaged": skip})
    told = {"--strict": strict, "--allow-few-pairs": few_pairs, "--github": github, "--junit-xml": junit_xml}
    told |= {"--html": html, "--all": everything, "--benchmark-json": benchmark_json}
    _check_options(way, (*runs, "--ab"), told)
    _check_options(way, (*runs, "--ab", "--update"), {"--family": family})
    given, asked = _given(way, names or []), _asked(margin, level, family)
    outputs = Outputs(strict, few_pairs, as_json, quiet, everything, github, html, junit_xml, benchmark_json)
    if way in places:
        from gdbench.cli.side_by_side import check_itself, of_places

        asked = replace(asked, suite=suite or asked.suite, overrides=tuple(overrides or ()), registers=registers)
        asked = replace(asked, plugins=tuple(plugin or ()), rounds=rounds)
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
    """The option that says how the two sides are found; empty for two runs."""
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
            raise UsageError(f"{name} works only with {with_}, not with {way or 'two runs'}; leave it out")


def _given(way: str, names: list[str]) -> list[str]:
    """The names to compare, with the defaults for those that were not given."""
    least, defaults = WAYS[way]
    if not least <= len(names) <= len(defaults):
        what = {0: "HEAD at most", 1: "BASE and HEAD"}[least]
        raise UsageError(
            f"gate {way or 'without --baseline, --ab or --selfcheck'} takes {what}, not {len(names)} names"
        )
    return names + defaults[len(names) :]


def _asked(margin: float, level: float, families: list[str] | None) -> GateOptions:
    """The options, checked before anything runs."""
    if not 0 <= margin < 1000:
        raise UsageError(f"--margin {margin:g} must be a percentage, 0 or more and less than 1000")
    if not 0 < level < 1:
        raise UsageError(f"--level {level:g} must be a share between 0 and 1")
    if families:
        from gdbench.gate.families import check

        check(families)
    return GateOptions(margin / 100, level, tuple(families or ()))


def _update(baseline: str, head: Named, asked: GateOptions, out: Path, outputs: Outputs) -> int:
    """Write a run into the baseline, and report what changed; returns the exit code."""
    from gdbench.cli.baselines import save_baseline

    saved = _readable(head, lambda run: save_baseline(baseline, run.frames, out, asked.families or None))
    saved.tell(silent=outputs.as_json, few=outputs.quiet)
    if outputs.as_json:
        print_json(saved.document())
    return 0


def _with_baseline(baseline: str, head: Named, asked: GateOptions, out: Path, outputs: Outputs, lenient: bool) -> int:
    """Compare a run with a baseline; returns the exit code."""
    from gdbench.cli.baselines import compare_with_baseline
    from gdbench.gate.sides import side_of

    side = _readable(head, lambda run: side_of(run.frames))
    found = compare_with_baseline(baseline, side, out, lenient=lenient, margin=asked.margin, level=asked.level)
    return tell(_only(found, asked), outputs)


def _of_runs(runs: Sequence[Named], asked: GateOptions) -> "Comparison":
    """Two runs compared. If they have very many trials, each is read by a process of its own."""
    from gdbench.machine.processes import shared

    # The other process starts before this one imports pandas and SciPy, which take a second each.
    (mine, theirs), processes = _readers(runs)
    needed = partial(import_module, "gdbench.gate.comparison")
    base, head = shared(_side, [(mine, "baseline_of"), (theirs, "side_of")], processes, then=needed)
    from gdbench.gate.comparison import compare as compare_sides

    if base.facts["run"] == head.facts["run"] and not any(Path(each.name).exists() for each in runs):
        raise UsageError(
            f"BASE and HEAD are both run {base.facts['run']}, so there is nothing to compare; "
            "run the suite again, or name another run (`gdbench list runs`)"
        )
    return _only(compare_sides(base, head, margin=asked.margin, level=asked.level), asked)


def _side(asked: tuple[Named, str]) -> "Side":
    """A run as a side, made by the named function of gdbench/gate/sides.py."""
    from gdbench.gate import sides

    named, function = asked
    side: Callable[[Frames], Side] = getattr(sides, function)
    return _readable(named, lambda run: side(run.frames))


def _readers(runs: Sequence[Named]) -> tuple[Sequence[Named], int]:
    """The runs, stored ones by their full ids so that all processes read the same; and the number of processes."""
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
    """What `read` makes of a run. A file that somebody edited raises UsageError instead of a traceback."""
    run = open_run(*named[:3], skip=named.skip, points="first")
    try:
        return read(run)
    except GdbenchError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"{named.name} cannot be compared ({reason}); export the run again") from None
