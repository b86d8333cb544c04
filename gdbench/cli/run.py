"""`gdbench run`."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gdbench.cli.baselines import BaselineFamilyOption, SaveBaselineOption, check_saving, save_baseline
from gdbench.cli.kept import write_page
from gdbench.cli.options import (
    BackendOption,
    ChunkOption,
    EncodeOption,
    JobsOption,
    JsonOption,
    NoPluginsOption,
    OpenOption,
    OutOption,
    PluginOption,
    PredictOption,
    SeedsOption,
    SetOption,
    StoreOption,
    load_plugins,
    store_location,
)
from gdbench.cli.output import note, paragraph, print_json, print_table, say, warn
from gdbench.cli.results import open_page, print_answer, report_path, summary, tell_page
from gdbench.errors import UsageError
from gdbench.inputs.writing import remove_all_leftovers
from gdbench.results.curves import LOST
from gdbench.results.files import RESULTS

if TYPE_CHECKING:
    from gdbench.api.runs import Run
    from gdbench.cli.baselines import Saved
    from gdbench.suites import Suite


def run(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SUITE]...", help="Shipped suites, paths of TOML files, or a file of data.", show_default="quick"
        ),
    ] = None,
    predict: PredictOption = None,
    encode: EncodeOption = False,
    store: StoreOption = None,
    out: OutOption = RESULTS,
    jobs: JobsOption = None,
    backend: BackendOption = "auto",
    overrides: SetOption = None,
    seeds: SeedsOption = None,
    chunk: ChunkOption = None,
    plugin: PluginOption = None,
    no_plugins: NoPluginsOption = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over; do not continue an unfinished run.")] = False,
    extend: Annotated[
        bool,
        typer.Option(
            "--extend", help="Try learning rates beyond a grid's edge while the best stands there, at most 12."
        ),
    ] = False,
    time: Annotated[bool, typer.Option("--time/--no-time", help="Measure the cost of a step after all trials.")] = True,
    baseline: SaveBaselineOption = None,
    families: BaselineFamilyOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count trials, estimate the time; store nothing.")] = False,
    opened: OpenOption = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress and no table.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Run suites, print the ranking and write the report.

    An unfinished run of the same suite is continued. Results go to the folder of --out: the database gdbench.db, and
    one folder per run with report.html.
    """
    from gdbench import suites
    from gdbench.api import runs as api
    from gdbench.cli.progress import Bar
    from gdbench.machine.environment import slow_products
    from gdbench.runner import CHUNK
    from gdbench.runner.backends.choosing import choose_backend

    load_plugins(plugin)
    if predict is None and not encode:
        checked = [suites.load(name, overrides=overrides or (), seeds=seeds) for name in names or ["quick"]]
    else:
        checked = [_proposed(names or [], predict, encode, overrides or (), seeds)]
    check_saving(baseline, out, families, len(checked), dry_run)
    for suite in checked:
        suite.add_plugins(plugin or ())
    used = choose_backend(backend)
    if dry_run:
        return _dry_run(checked, jobs, used, as_json)
    warn(slow_products() if used == "cpu" else None)
    remove_all_leftovers(out)
    documents = []
    for suite in checked:
        made: dict[str, Any] = {}

        def deliver(done: "Run", made: dict[str, Any] = made) -> None:
            """Write the page and the baseline. They belong to the run: a later process makes them if this one ends."""
            made["report"] = write_page(done, report_path(out, done.id))
            if baseline is not None and done.state == "complete":
                made["baseline"] = save_baseline(baseline, done.frames, out, families)

        with ExitStack() as stack:
            watcher = None if quiet or as_json else stack.enter_context(Bar())
            done = api.run(
                suite,
                store=store_location(store, out),
                jobs=jobs,
                backend=backend,
                chunk=chunk or CHUNK,
                fresh=fresh,
                extend=extend,
                time=time,
                watcher=watcher,
                deliver=deliver,
            )
        page = made["report"]
        if opened and page is not None:
            open_page(page)
        documents.append({**summary(done), "report": None if page is None else str(page)})
        if not (quiet or as_json):
            _print_result(done, page)
        if baseline is not None:
            documents[-1]["baseline"] = _tell_saved(made.get("baseline"), done, silent=quiet or as_json)
    if as_json:
        print_json(documents)
    return 3 if any(_unusable(document) for document in documents) else 0


def _proposed(
    names: Sequence[str], predict: str | None, encode: bool, overrides: Sequence[str], seeds: int | None
) -> "Suite":
    """The suite for a file of data. Raises UsageError unless there are one file and a column."""
    from gdbench.runner.proposal import propose

    if predict is None:
        raise UsageError("--encode is for a file of data; add --predict COLUMN")
    if len(names) != 1 or names[0].endswith(".toml"):
        raise UsageError("--predict is for one file of data, such as: gdbench run data.csv --predict y")
    return propose(names[0], predict, encode).suite(overrides, seeds)


def _unusable(document: dict[str, Any]) -> bool:
    """Whether a trial failed, all trials were lost so that nothing was measured, or there is no page."""
    trials = document["trials"]
    return bool(trials.get("failed")) or not set(trials) - {*LOST} or document["report"] is None


def _tell_saved(saved: "Saved | None", done: "Run", *, silent: bool) -> dict[str, Any] | None:
    """Print what changed in the baseline; a note says so if an incomplete run wrote none."""
    if saved is None:
        note(f"no baseline was written, since run {done.id} is {done.state}; the same command continues it")
        return None
    saved.tell(silent=silent)
    return saved.document()


def _print_result(done: "Run", page: Path | None) -> None:
    print_answer(done)
    failed = done.trials[done.trials["status"] == "failed"]
    if len(failed):
        say(f"{len(failed)} trials failed; the first: {failed['error'].iloc[0]}")
    if done.environment.get("git_refused"):
        say(f"the commit is not known, because git says: {done.environment['git_refused']}")
    seconds = {"timing_seconds": 0.0, **done.environment}
    paragraph(
        "run {}: {} trials in {wall_seconds:.1f} s, after {compile_seconds:.1f} s of compiling and before "
        "{timing_seconds:.1f} s of timing steps".format(done.id, len(done.trials), **seconds)
    )
    if page is not None:
        tell_page(page)


def _dry_run(checked: Sequence["Suite"], jobs: int | None, backend: str, as_json: bool) -> int:
    """Print how many trials and steps there are, and about how long they take."""
    from gdbench.runner import estimate

    rows, plans = [], {}
    for suite in checked:
        guess = estimate(suite, jobs)
        rows.append({"suite": suite.name, **vars(guess)})
        if backend == "cuda":
            from gdbench.runner.backends.cuda import Cuda

            plans[suite.name] = Cuda(suite).plans()
    data = {suite.name: suite.notices for suite in checked if suite.notices}
    if as_json:
        told = {"gpu": plans, "data": data}
        print_json([{**row, **{k: v[row["suite"]] for k, v in told.items() if row["suite"] in v}} for row in rows])
        return 0
    print_table(
        [
            {
                **row,
                "steps": f"{row['steps']:,}",
                "evaluations": f"{row['evaluations']:,}",
                "seconds": f"about {row['seconds']:.1f}",
            }
            for row in rows
        ]
    )
    for sentence in (sentence for sentences in data.values() for sentence in sentences):
        say(sentence)
    if plans:
        say("the seconds are for the CPU; for the GPU, a model of the cost of a step says:")
        for plan in (plan for each in plans.values() for plan in each):
            say(f"- {plan}")
    return 0
