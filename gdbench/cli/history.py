"""`gdbench history`: metrics over the stored runs of one machine, with their change points. It never fails a check."""

from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gdbench.cli.options import JsonOption, OutOption, SkipOption, StoreOption, open_store, readers
from gdbench.cli.output import note, print_json, print_table, say
from gdbench.errors import GdbenchError, UsageError, nearest
from gdbench.inputs.writing import replacing
from gdbench.results.files import RESULTS

if TYPE_CHECKING:
    import pandas as pd

    from gdbench.store import RunRecord, Store

FORMS = (".svg", ".png")
PANELS = 30  # most metrics in a figure; more cannot be read


def history(
    metrics: Annotated[
        list[str] | None,
        typer.Argument(metavar="[METRIC]...", help="Metrics whose names contain this.", show_default="all metrics"),
    ] = None,
    store: StoreOption = None,
    out: OutOption = RESULTS,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="The latest N runs; all by default.")
    ] = None,
    minimum: Annotated[
        int, typer.Option("--minimum", metavar="N", min=2, help="Runs on either side of a change point.")
    ] = 3,
    magnitude: Annotated[
        float, typer.Option("--magnitude", metavar="PERCENT", min=0.0, help="The smallest change that is shown.")
    ] = 3.0,
    machine: Annotated[
        str | None,
        typer.Option(
            "--machine", metavar="NAME", help="Show another machine, by its name in the last line of the output."
        ),
    ] = None,
    accept: Annotated[
        str | None, typer.Option("--accept", metavar="RUN", help="The change at this run is intended; needs --why.")
    ] = None,
    why: Annotated[str | None, typer.Option("--why", metavar="TEXT", help="The reason to store with --accept.")] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw the history as FILE.svg or FILE.png.")
    ] = None,
    skip: SkipOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show metrics over the stored runs of this machine, with their change points.

    The metrics are the cost of a step relative to the reference timed in the same rounds, the steps to the target, and
    the final loss of the chosen settings. Only complete runs count. A change never fails this command; use `gdbench
    gate` for that.
    """
    from gdbench.api import run_metrics  # loads pandas, which `--help` does not need

    if plot is not None and plot.suffix not in FORMS:
        raise UsageError(f"--plot {plot} must end in {' or '.join(FORMS)}")
    database = open_store(store, out)
    if accept is not None or why is not None:
        noted = _accept(database, accept, why)
        if not as_json:
            say(noted)
    with database.snapshot() as snapshot:
        stored, notes = snapshot.checked(skip), snapshot.notes()
    known = run_metrics.machines(stored)
    if not known:
        raise GdbenchError(
            f"nothing was measured: there are no complete runs in {database.place}; `gdbench run` makes one"
        )
    name = _machine(machine, list(known))
    records = run_metrics.runs_of(stored, name)[-limit if limit else 0 :]
    points = run_metrics.read_points(
        database,
        records,
        damaged="skip" if skip else "stop",
        tell=note,
        processes=readers(records),
        then=partial(import_module, "gdbench.api.history"),
    )
    from gdbench.api.history import history as with_changes  # loads SciPy, which reading the runs does not need

    points = _chosen(points, metrics or [])
    frame = with_changes(points, notes, minimum=minimum, magnitude=magnitude / 100)
    if plot is not None:
        _draw(frame, plot)
    if as_json:
        print_json(_document(frame, records, name, minimum, magnitude, plot))
        return
    _print(frame, records, minimum, magnitude)
    if plot is not None:
        say(f"figure: {plot}")
    cpu = known[name].get("cpu")
    others = [other for other in known if other != name]
    apart = f"; runs of other machines are not shown: --machine {', --machine '.join(others)}" if others else ""
    say(f"machine: {name} ({cpu}){apart}")


def _accept(database: "Store", run: str | None, why: str | None) -> str:
    """Store the note; returns the sentence to print."""
    if run is None or not (why or "").strip():
        raise UsageError("--accept RUN and --why TEXT belong together; give both")
    record = database.find(run)
    if record.state != "complete":
        raise UsageError(f"--accept {run}: run {record.run} is {record.state}; only complete runs are in the history")
    text = (why or "").strip()
    database.annotate(record.run, text)
    return f"noted on run {record.run}: {text}"


def _machine(asked: str | None, known: list[str]) -> str:
    """The fingerprint of the machine to show: this one, or if it has no runs, the machine of the latest run."""
    from gdbench.machine.environment import fingerprint, hardware

    if asked is None:
        here = fingerprint(hardware())
        return here if here in known else known[0]
    found = [name for name in known if name.startswith(asked)] if asked else []
    if len(found) != 1:
        raise UsageError(f"--machine {asked!r} is not one machine of this store{nearest(asked, known)}")
    return found[0]


def _chosen(points: "pd.DataFrame", parts: list[str]) -> "pd.DataFrame":
    """The metrics whose names contain one of these parts; all metrics if there are no parts."""
    names = list(points["metric"].unique())
    for part in parts:
        if not any(part in name for name in names):
            raise UsageError(f"no metric's name contains {part!r}{nearest(part, names)}")
    return points[points["metric"].isin([n for n in names if not parts or any(part in n for part in parts)])]


def _draw(frame: "pd.DataFrame", path: Path) -> None:
    from gdbench.reports import history as figures
    from gdbench.reports.style import style

    count = frame["metric"].nunique()
    if not count:
        raise GdbenchError("nothing was measured that could be drawn")
    if count > PANELS:
        raise UsageError(f"--plot draws at most {PANELS} metrics and these are {count}; name some of them by METRIC")
    with style(), replacing(path) as temporary:
        figures.history(frame).savefig(temporary, format=path.suffix[1:], dpi=150)


def _print(frame: "pd.DataFrame", records: "list[RunRecord]", minimum: int, magnitude: float) -> None:
    from gdbench.reports.history_table import is_cost, rows, run_text
    from gdbench.stats.changes import LEVEL

    if len(records) < 2:
        say(f"One run, {run_text(vars(records[0]) | {'commit': records[0].git_commit})}: a history needs two.")
        return
    print_table(rows(frame))
    changed = frame[frame["change"].notna()]
    accepted = int(changed["accepted"].notna().sum())
    say()
    if frame["metric"].map(is_cost).any():
        say("Costs are multiples of the peak's, the reference that was timed in the same rounds.")
    say(
        f"{len(records)} runs, {_count(frame['metric'].nunique(), 'metric')}, {_count(len(changed), 'change point')}, "
        f"{accepted} of them accepted: "
        f"changes of {magnitude:g} % or more with at least {minimum} runs on either side, p at most {LEVEL:g}."
    )


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _document(
    frame: "pd.DataFrame", records: "list[RunRecord]", machine: str, minimum: int, magnitude: float, plot: Path | None
) -> dict[str, Any]:
    """The history as JSON can hold it; `points` are the rows of `gdbench.api.history.history`."""
    from gdbench.results.export import plain_rows

    return {
        "machine": machine,
        "environment": records[-1].environment,
        "minimum": minimum,
        "magnitude": magnitude / 100,
        "runs": [record.run for record in records],
        "points": plain_rows(frame),
        **({"figure": str(plot)} if plot is not None else {}),
    }
