"""`gdbench report`, `export` and `remove`: pages and files of stored runs, and their removal."""

import math
import shutil
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gdbench.cli.options import (
    JsonOption,
    OpenOption,
    OutOption,
    RunArgument,
    SkipOption,
    StoreOption,
    open_run,
    open_store,
)
from gdbench.cli.output import note, paragraph, print_json, print_table, say, width
from gdbench.errors import UsageError, shown
from gdbench.results.files import RESULTS, is_given, run_folder

if TYPE_CHECKING:
    from gdbench.api.runs import Run


WIDE = 120  # characters from which a table shows all its columns
MOST = 6  # runs side by side: more lines of one colour cannot be told apart


def report_path(out: Path, run: str) -> Path:
    """The path of a run's page."""
    return run_folder(out, run) / "report.html"


def summary(run: "Run") -> dict[str, Any]:
    """A run in a few numbers, as JSON can hold them."""
    from gdbench.reports.caveats import answers
    from gdbench.reports.judgement import ranking
    from gdbench.reports.settings_table import settings
    from gdbench.results.export import plain_rows

    statuses = run.trials["status"].value_counts()
    about = {name: run.about[name] for name in ("run", "suite", "title", "state", "created", "code", "backend")}
    return {
        **about,
        "trials": {str(k): int(v) for k, v in statuses.items()},
        "answers": answers(run.frames),
        "ranking": plain_rows(ranking(run.frames)),
        "settings": plain_rows(settings(run.frames)),
    }


def print_answer(run: "Run") -> None:
    """Print what a run says: its advice, the ranking, and what limits it."""
    from gdbench.reports.answers import advices, overall
    from gdbench.reports.caveats import caveats
    from gdbench.reports.judgement import judgement
    from gdbench.reports.ranking_table import explained, readable

    results = run.frames
    found, several = judgement(results), run.trials["problem"].nunique() > 1
    say()
    say(run.about["title"])
    if several:
        paragraph(overall(results))
    for advice in advices(results):
        paragraph(f"{advice.problem}: {advice.words}" if several else advice.words)
    if len(found.rules):
        say()
        print_table(readable(found, results, wide=width() >= WIDE))
        paragraph(explained(found, results, wide=width() >= WIDE))
    for caveat in caveats(results):
        say()
        paragraph(f"{caveat.title} {caveat.words}".rstrip())
        if caveat.command:
            say(f"  {caveat.typed}")


def report(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="Ids, their unique beginnings, latest, latest~1, or exported files.",
            show_default="latest",
        ),
    ] = None,
    goal: Annotated[
        str | None,
        typer.Option("--target", metavar="METRIC=LEVEL", help="Judge by another target, such as val_accuracy=0.82."),
    ] = None,
    opened: OpenOption = False,
    store: StoreOption = None,
    out: OutOption = RESULTS,
    skip: SkipOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the HTML page of a stored or exported run again, or one page with several runs side by side.

    With another target nothing is trained: crossings are then known to the evaluated points alone.
    """
    found = [open_run(name, store, out, skip=skip) for name in runs or ["latest"]]
    ids = [run.id for run in found]
    if len(ids) > MOST:
        raise UsageError(f"{len(ids)} runs are too many for a page; name at most {MOST}")
    path = report_path(out, "+".join(ids))
    if goal is not None:
        metric, level = _target(goal)
        found = [run.for_target(metric, level) for run in found]
        path = path.with_name(f"report-{metric}-{level!r}.html")
    page = str(found[0].report(path, *found[1:]))
    if as_json:
        print_json([{"run": "+".join(ids), "report": page}])
    else:
        tell_page(Path(page))
    if opened:
        open_page(Path(page))


def _target(given: str) -> tuple[str, float]:
    """The metric and the level of METRIC=LEVEL."""
    metric, _, level = given.partition("=")
    try:
        value = float(level)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"--target {shown(given)} must be a metric and a level, such as val_accuracy=0.82")
    return metric.strip(), value


def tell_page(path: Path) -> None:
    """Print where a page is, so that it can be opened from any folder."""
    say(f"report: {path.absolute()}")


def open_page(path: Path) -> None:
    """Open a page in the browser; a note says so if there is none."""
    if not webbrowser.open(path.absolute().as_uri()):
        note(f"no browser could be started; open {path.absolute()}")


def export(
    run: RunArgument = "latest",
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="json (one file), csv or parquet (a folder).")
    ] = "json",
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="PATH", help="File or folder to write; beside the run's report by default."),
    ] = None,
    store: StoreOption = None,
    out: OutOption = RESULTS,
    skip: SkipOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a run's trials, curves, targets, timings and ranking as files that other programs read."""
    from gdbench.reports.judgement import ranking
    from gdbench.results.export import FORMATS, export

    if form not in FORMATS:
        raise UsageError(f"--format {form} is not one of {', '.join(FORMATS)}")
    found = open_run(run, store, out, skip=skip)
    default = run_folder(out, found.id) / ("export.json" if form == "json" else f"export-{form}")
    path = export(found.frames, to or default, form, ranking=ranking(found.frames))
    if as_json:
        print_json({"run": found.id, "format": form, "path": str(path)})
    else:
        say(f"export: {path}")


def remove(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id, its unique beginning, latest or latest~1.")],
    store: StoreOption = None,
    out: OutOption = RESULTS,
    as_json: JsonOption = False,
) -> None:
    """Delete a run from the store, and its folder."""
    database = open_store(store, out)
    record = database.find(run, damaged="take")
    folder = run_folder(out, record.run)
    database.remove(record.run)
    if is_given(record.run) and not folder.is_symlink():  # else the folder may not be the run's
        shutil.rmtree(folder, ignore_errors=True)
    if as_json:
        print_json({"removed": record.run})
    else:
        say(f"removed run {record.run} ({record.suite})")
