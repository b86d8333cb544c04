"""`gdbench time`."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gdbench.cli.options import (
    BatchOption,
    DtypeOption,
    JsonOption,
    NetOption,
    OutOption,
    PluginOption,
    ProblemOption,
    QuietOption,
    StoreOption,
    load_plugins,
    parse_batches,
    parse_dtypes,
    repeated,
    rules_by_default,
    store_location,
)
from gdbench.cli.output import errors, print_json, print_table, say
from gdbench.cli.results import report_path
from gdbench.files import RESULTS

if TYPE_CHECKING:
    import pandas as pd

    from gdbench.timing import Plan, Sample

RULES = ("sgd", "adam")
ROUNDS = 10


def time(
    rules: Annotated[list[str] | None, rules_by_default("sgd adam")] = None,
    net: NetOption = None,
    problem: ProblemOption = None,
    batch: BatchOption = None,
    dtype: DtypeOption = None,
    jobs: Annotated[
        list[int] | None, repeated("--jobs", "N", "Threads that do the same side by side, 1 by default", min=1)
    ] = None,
    rounds: Annotated[
        int, typer.Option("--rounds", metavar="N", min=1, help="Rounds, each of which visits everything.")
    ] = ROUNDS,
    plugin: PluginOption = None,
    save: Annotated[bool, typer.Option("--save", help="Store the samples as a run of their own, with a page.")] = False,
    store: StoreOption = None,
    out: OutOption = RESULTS,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Time steps, their parts and their kernels, beside what this machine can do at best.

    Everything is timed in interleaved rounds in random order, with the references of the roofline: the peak of fused
    multiply-adds, and a triad at each level of memory. --problem takes test functions too; without it and --net, a few
    networks are timed.
    """
    from gdbench.kernels.registry import find
    from gdbench.timing import cases, measure, plan

    load_plugins(plugin)
    chosen = {name: find(name) for name in rules or RULES}
    batches, dtypes = parse_batches(batch), parse_dtypes(dtype)
    with ExitStack() as stack:
        status = None if quiet or as_json else stack.enter_context(errors.status("compiling"))
        asked = cases(net or (), problem or (), batches, dtypes)
        planned = plan(asked, chosen, sorted(set(jobs or [1])))

        def watch(done: int) -> None:
            if status is not None:
                status.update(f"round {done} of {rounds}, {len(planned.subjects)} subjects")

        watch(0)
        samples = measure(planned.subjects, renew=planned.renew, rounds=rounds, watch=watch)
    saved = _save(store, out, planned, samples, rounds) if save else {}
    _print(planned, samples, rounds, saved, as_json)


def _save(store: str | None, out: Path, planned: "Plan", samples: "list[Sample]", rounds: int) -> dict[str, str]:
    from gdbench.api import load
    from gdbench.runner.timing import store_timings
    from gdbench.store import Store

    location = store_location(store, out)
    run = store_timings(Store(location), planned, samples, rounds)
    return {"run": run, "report": str(load(location, run).report(report_path(out, run)))}


def _print(planned: "Plan", samples: "list[Sample]", rounds: int, saved: dict[str, str], as_json: bool) -> None:
    import pandas as pd

    from gdbench.reports import timing_table
    from gdbench.stats.timings import MOVED, roofline, spreads
    from gdbench.timing import Sample
    from gdbench.timing.plan import as_frame

    subjects, timings = as_frame(planned.subjects), pd.DataFrame(samples, columns=list(Sample._fields))
    frame, spread = roofline(timings, subjects), spreads(timings, subjects)
    moved = list(timing_table.moved(spread, MOVED))
    if as_json:
        print_json(_document(planned, frame, spread, timings, rounds, bool(moved), saved))
        return
    say()
    print_table(timing_table.step_rows(frame), title="A step, and its parts each by itself")
    say()
    print_table(timing_table.kernel_rows(frame), title="Kernels")
    say()
    print_table(timing_table.machine_rows(frame, spread), title="This machine at its best")
    say()
    say(
        f"{len(subjects)} subjects in {rounds} rounds: medians over rounds with 95 % bootstrap intervals. "
        f"Before them, {planned.seconds:.1f} s to compile and to take first steps ({_compiled(planned.compiled)})."
    )
    for sentence in moved:
        say(sentence)
    if saved:
        say(f"run {saved['run']}\nreport: {saved['report']}")


def _compiled(functions: int) -> str:
    return f"{functions} functions compiled; the others were in the cache" if functions else "all was in the cache"


def _document(
    planned: "Plan",
    frame: "pd.DataFrame",
    spread: "pd.DataFrame",
    timings: "pd.DataFrame",
    rounds: int,
    moved: bool,
    saved: dict[str, str],
) -> dict[str, Any]:
    """The timing as JSON can hold it; seconds a step, flops and bytes of a step of one job."""
    from gdbench.environment import environment
    from gdbench.export import plain_rows

    return {
        **saved,
        "environment": environment(),
        "caches": [level._asdict() for level in planned.caches if level.size],
        "rounds": rounds,
        "compile_seconds": planned.seconds,
        "compiled": planned.compiled,
        "moved": moved,
        "spreads": plain_rows(spread),
        "subjects": plain_rows(frame),
        "samples": plain_rows(timings),
    }
