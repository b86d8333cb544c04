"""`gdbench time`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gdbench.cli.kept import keep, write_page
from gdbench.cli.options import (
    BackendOption,
    BatchOption,
    DtypeOption,
    JsonOption,
    NetOption,
    NoPluginsOption,
    OutOption,
    PluginOption,
    ProblemOption,
    QuietOption,
    StoreOption,
    count,
    load_plugins,
    parse_batches,
    parse_dtypes,
    repeated,
    rules_by_default,
    store_location,
)
from gdbench.cli.output import print_json, print_table, say, status, warn
from gdbench.cli.results import report_path
from gdbench.errors import UsageError
from gdbench.inputs import limits
from gdbench.results.files import RESULTS

if TYPE_CHECKING:
    import pandas as pd

    from gdbench.timing import Timing

RULES = ("sgd", "adam")
PROCESSES = 5  # that share the rounds


def time(
    rules: Annotated[list[str] | None, rules_by_default("sgd adam")] = None,
    net: NetOption = None,
    problem: ProblemOption = None,
    batch: BatchOption = None,
    dtype: DtypeOption = None,
    jobs: Annotated[
        list[int] | None,
        repeated("--jobs", "N", "Threads that do the same work side by side, 1 by default", min=1, max=limits.JOBS),
    ] = None,
    rounds: Annotated[
        int | None, count("--rounds", "Rounds, each of which visits everything, 15 by default.", limits.ROUNDS)
    ] = None,
    processes: Annotated[
        int,
        count(
            "--processes",
            "Fresh processes that share the rounds; each is one repetition. With 1, rounds are the repetitions.",
            limits.ROUNDS,
        ),
    ] = PROCESSES,
    backend: BackendOption = "auto",
    plugin: PluginOption = None,
    no_plugins: NoPluginsOption = False,
    run: Annotated[
        str | None,
        typer.Option(
            "--run", metavar="RUN", help="Time the chosen settings of this stored run again, in place of its times."
        ),
    ] = None,
    save: Annotated[bool, typer.Option("--save", help="Store the samples as a run of their own, with a page.")] = False,
    store: StoreOption = None,
    out: OutOption = RESULTS,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> int:
    """Time steps, their parts and their kernels, beside the best that this machine can do.

    Everything is timed in interleaved rounds in random order. So are the references of the roofline: the peak of fused
    multiply-adds, and a triad at each level of memory. --problem takes test functions too; without --problem and --net,
    a few networks are timed.

    On a GPU, its own events time the steps and the updates. A step is timed for one trial, and for as many trials as
    the GPU trains at once (jobs).
    """
    from gdbench.kernels.rules.registry import find
    from gdbench.machine.environment import slow_products
    from gdbench.runner.backends.choosing import choose_backend
    from gdbench.timing import TimingRequest, cases, timed, timed_apart
    from gdbench.timing.pace import ALONE

    if run is not None:
        given = {
            "RULE": rules,
            "--net": net,
            "--problem": problem,
            "--batch": batch,
            "--jobs": jobs,
            "--rounds": rounds,
        }
        return _time_run(run, [name for name, value in given.items() if value], plugin, store, out, quiet, as_json)
    rounds = rounds or ALONE.rounds
    chosen, words = choose_backend(backend), ""
    load_plugins(plugin)
    warn(slow_products() if chosen == "cpu" else None)
    asked = TimingRequest(
        rules=rules or RULES,
        nets=net or (),
        problems=problem or (),
        batches=parse_batches(batch),
        dtypes=parse_dtypes(dtype),
        jobs=sorted(set(jobs or [1])),
        plugins=plugin or (),
    )
    for name in asked.rules:
        limits.check_name("rule", name)
        find(name)  # reports an unknown rule before anything starts
    cases(asked.nets, asked.problems, asked.batches, asked.dtypes)
    with status("compiling", quiet or as_json) as watch:
        if chosen == "cuda":
            from gdbench.timing.gpu.steps import timed as timed_on_gpu

            found = timed_on_gpu(asked, rounds, watch)
            timing, words, processes = found.timing, found.words, 1
        elif processes == 1:
            timing = timed(asked, rounds, watch=watch)
        else:
            timing = timed_apart(asked, processes, -(-rounds // processes), watch)
    repeated = f"{processes} processes" if processes > 1 else f"{rounds} round{'s' if rounds > 1 else ''}"
    saved = _save(store, out, timing, repeated, chosen) if save else {}
    _print(timing, repeated, saved, as_json, chosen, words, out)
    return 3 if saved and not saved["report"] else 0


def _time_run(
    name: str, others: list[str], plugin: list[Path] | None, store: str | None, out: Path, quiet: bool, as_json: bool
) -> int:
    """Time a stored run again, write its page anew and print what it says now."""
    from gdbench.api.runs import load
    from gdbench.cli.results import print_answer, summary, tell_page
    from gdbench.runner.timing import time_run
    from gdbench.store import Store

    if others:
        raise UsageError(f"--run times the settings of a run; leave out {', '.join(others)}")
    load_plugins(plugin)
    database = Store(store_location(store, out))
    record = database.find(name)
    with status("timing steps", quiet or as_json):
        time_run(database, record.run)
    done = load(store_location(store, out), record.run)
    page = write_page(done, report_path(out, record.run))
    if as_json:
        print_json({**summary(done), "report": None if page is None else str(page)})
    elif not quiet:
        print_answer(done)
        if page is not None:
            tell_page(page)
    return 0 if page is not None else 3


def _save(store: str | None, out: Path, timing: "Timing", repeated: str, backend: str) -> dict[str, str]:
    from gdbench.api.runs import load
    from gdbench.runner.timing import store_timings
    from gdbench.store import Store

    location = store_location(store, out)
    run = store_timings(Store(location), timing, repeated, backend)
    page = write_page(load(location, run), report_path(out, run))
    return {"run": run, "report": "" if page is None else str(page)}


def _print(
    timing: "Timing", repeated: str, saved: dict[str, str], as_json: bool, backend: str, words: str, out: Path
) -> None:
    """Print the tables or the document, after keeping the document: in the store, or else in a file."""
    import pandas as pd

    from gdbench.reports import timing_table
    from gdbench.stats.timings import MOVED, roofline, spreads
    from gdbench.timing import Sample

    subjects, timings = pd.DataFrame(timing.subjects), pd.DataFrame(timing.samples, columns=list(Sample._fields))
    frame, spread = roofline(timings, subjects), spreads(timings, subjects)
    moved = list(timing_table.moved(spread, MOVED))
    document = _document(timing, frame, spread, timings, bool(moved), saved)
    document |= {"backend": backend, "samples_discarded": words}
    kept = None if saved else keep("time", out, document)
    if as_json:
        print_json(document)
        return
    say()
    print_table(timing_table.step_rows(frame), title="A step, and its parts each by itself")
    say()
    print_table(timing_table.kernel_rows(frame), title="Kernels")
    say()
    print_table(timing_table.machine_rows(frame, spread), title="This machine at its best")
    say()
    say(
        f"{len(subjects)} subjects in {repeated}: medians over these with 95 % bootstrap intervals. "
        f"Before them, {timing.seconds:.1f} s to compile and to take first steps ({_compiled(timing.compiled)})."
    )
    for sentence in [*moved, *filter(None, [words])]:
        say(sentence)
    if saved:
        say(f"run {saved['run']}", *([f"report: {saved['report']}"] if saved["report"] else []))
    if kept is not None:
        say(f"results: {kept}")


def _compiled(functions: int) -> str:
    return f"{functions} functions compiled; the others were in the cache" if functions else "all was in the cache"


def _document(
    timing: "Timing",
    frame: "pd.DataFrame",
    spread: "pd.DataFrame",
    timings: "pd.DataFrame",
    moved: bool,
    saved: dict[str, str],
) -> dict[str, Any]:
    """The timing as JSON can hold it: seconds per step; flops and bytes of a step of one job."""
    from gdbench.machine.environment import environment
    from gdbench.results.export import plain_rows

    return {
        **saved,
        "environment": environment(),
        "caches": [level._asdict() for level in timing.caches if level.size],
        "rounds": int(timings["round"].nunique()),
        "compile_seconds": timing.seconds,
        "compiled": timing.compiled,
        "moved": moved,
        "spreads": plain_rows(spread),
        "subjects": plain_rows(frame),
        "samples": plain_rows(timings),
    }
