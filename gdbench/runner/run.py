"""One execution of a suite: tune, choose, report, time; every finished trial is committed at once."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gdbench.errors import GdbenchError, InterruptedRunError, UsageError
from gdbench.kernels.compile.driver import SIMULATED, driver_found
from gdbench.machine import git
from gdbench.machine.environment import environment, usable_cores
from gdbench.runner.closing import Chosen, closing_pass, closing_plan
from gdbench.runner.code import code_hash
from gdbench.runner.compiling import compile_suite
from gdbench.runner.executor import Executor, ThreadExecutor
from gdbench.runner.timing import rows
from gdbench.runner.trajectory import failed, named
from gdbench.runner.trial import CHUNK, train, work
from gdbench.store import Store, TrialRecord
from gdbench.store.life import HEARTBEAT_SECONDS
from gdbench.suites import Suite, Trial

if TYPE_CHECKING:
    import pandas as pd

    from gdbench.runner.gpu import Fleets

Choose = Callable[["pd.DataFrame"], "pd.DataFrame"]
BACKENDS = ("auto", "cpu", "cuda")


class Watcher:
    """Is told how a run goes on; this one does not care."""

    def compiling(self) -> None:
        """Kernels are being compiled."""

    def notices(self, sentences: Sequence[str]) -> None:
        """What was read from data files, and what a reader should know of it, before anything is trained."""

    def uses(self, what: str) -> None:
        """A run uses something else than the CPU: what, and for which trials, in a sentence."""

    def started(self, run: str, suite: Suite, total: int, done: int) -> None:
        """A run begins, or goes on with `done` of `total` trials stored."""

    def finished(self, record: TrialRecord) -> None:
        """A trial is stored."""

    def timing(self) -> None:
        """All trials are stored; what their steps cost is being measured."""


def choose_backend(asked: str) -> str:
    """The backend that runs: `auto` is the GPU where one can be used.

    Raises NoBackendError, which says what is missing, where `cuda` is asked for in vain.
    """
    if asked not in BACKENDS:
        raise UsageError(f"backend {asked!r} is not one of {', '.join(BACKENDS)}")
    # The simulator is for tests of a few steps, and is used by those who ask for it.
    if asked == "cpu" or (asked == "auto" and (SIMULATED or not driver_found())):
        return "cpu"
    from gdbench.kernels.compile import cuda

    missing = cuda.missing()
    if missing and asked == "cuda":
        raise NoBackendError(f"backend 'cuda' cannot be used here: {missing}")
    return "cpu" if missing else "cuda"


def fleets_of(suite: Suite, asked: str) -> "Fleets | None":
    """The part of a suite that the GPU trains; None where the CPU trains it all."""
    if choose_backend(asked) == "cpu":
        return None
    from gdbench.runner.gpu import Fleets

    fleets = Fleets(suite)
    return fleets if fleets.groups or asked == "cuda" else None


class NoBackendError(UsageError):
    """The backend asked for is not here. Exit code 3: nothing was measured."""

    exit_code = 3


def run_suite(
    suite: Suite,
    store: Store,
    *,
    choose: Choose,
    jobs: int | None = None,
    backend: str = "auto",
    chunk: int = CHUNK,
    fresh: bool = False,
    timing: bool = True,
    executor: Executor | None = None,
    watcher: Watcher | None = None,
    hold: bool = False,
) -> str:
    """Run `suite`, or go on with the latest run of it that was not finished; returns the run's id.

    choose: from the frame of all trials to the best setting of each problem, rule and batch size by the tuning trials.
    timing: measure what a step of each of these costs when the trials are done.
    hold: the caller has more to make of the run, and calls `store.release(run)` then. Where its process ends before,
    the same call gives the complete run again.
    Raises InterruptedRunError when the user stops it: what finished is stored, and the same call goes on from there,
    unless all trials are done. Raises WritingError when no more can be stored.
    """
    watcher = watcher or Watcher()
    jobs = jobs or usable_cores()
    executor = executor or ThreadExecutor(jobs)
    fleets = fleets_of(suite, backend)
    backend = "cpu" if fleets is None else "cuda"
    code = code_hash()
    identity = hashlib.sha256(json.dumps([suite.definition, code, backend], sort_keys=True).encode()).hexdigest()
    facts = {**environment(), "jobs": jobs, **({} if fleets is None else fleets.facts())}
    facts |= {"command": suite.command} if suite.command else {}
    facts |= {"data": suite.notices} if suite.notices else {}
    watcher.notices(suite.notices)
    refused = git.refusal(Path.cwd())
    facts |= {"git_refused": refused} if refused else {}
    watcher.compiling()
    compile_seconds = compile_suite(suite, fleets)
    record = None if fresh else store.resume(identity)
    if record is None:
        commit, dirty = git.state(Path.cwd())
        run = store.begin(
            identity=identity,
            suite=suite.name,
            title=suite.title,
            description=suite.model.description,
            table=suite.table,
            target=suite.model.target,
            code=code,
            backend=backend,
            trials=suite.count(),
            environment=facts,
            git_commit=commit,
            git_dirty=dirty,
        )
    else:
        run = record.run
    if fleets is not None:
        watcher.uses(fleets.summary)
    execute = partial(_execute, store, run, code, fleets, executor, chunk, watcher)
    facts |= {"compile_seconds": compile_seconds}
    if record is not None and record.state == "complete":  # its process ended before all was made of it
        watcher.started(run, suite, suite.count(), suite.count())
        if not hold:
            store.release(run)
        return run
    started = time.perf_counter()
    with _beating(store, run):
        try:
            watcher.started(run, suite, suite.count(), len(store.done(run)))
            first = suite.first_trials()
            execute(first)
            chosen = best_settings(suite, store, run, choose)
            second = suite.second_trials([setting for setting, _ in chosen])
            planned = [*first, *second]
            store.keep(run, {trial.index: trial.key for trial in planned})
            execute(second)
        except BaseException as error:
            with suppress(GdbenchError):
                store.finish(run, "interrupted")
            if isinstance(error, KeyboardInterrupt):
                raise InterruptedRunError(
                    f"interrupted; run {run} keeps what finished, and the same command goes on from there"
                ) from None
            raise
        facts["wall_seconds"] = wall = time.perf_counter() - started
        # A run with a failed trial is no baseline; the same command tries that trial again.
        done = store.done(run)
        state = "complete" if len(done) == suite.count() else "failed"
        try:
            if timing:
                watcher.timing()
                failing = {trial.setting.hash for trial in planned if trial.index not in done}
                timed = [c for c in chosen if c.setting.hash not in failing]
                facts |= _time(store, run, timed, fleets, jobs, wall)
        except KeyboardInterrupt:
            raise InterruptedRunError(f"interrupted; run {run} has all its trials, but not what a step costs") from None
        finally:
            store.finish(run, state, facts, hold=hold)
    return run


@contextmanager
def _beating(store: Store, run: str) -> Iterator[None]:
    """Say that this process lives while the block runs, however long a trial or a compilation takes."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_SECONDS):
            with suppress(GdbenchError):  # whoever writes next is told
                store.heartbeat(run)

    thread = threading.Thread(target=beat, name="gdbench heartbeat", daemon=True)
    if store.shared:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if store.shared:
            thread.join()


def best_settings(suite: Suite, store: Store, run: str, choose: Choose) -> list[Chosen]:
    """The settings that the tuning seeds (without any, the reporting seeds) chose, in the order of the suite."""
    from gdbench.results.frames import trials_frame  # pandas, which `import gdbench` must not load

    chosen = choose(trials_frame(store.read(run, points="none")))
    names = zip(chosen["problem"], chosen["rule"], chosen["setting"], strict=True)
    steps = dict(zip(names, chosen["median_steps"], strict=True))
    keys = [(s.problem, s.rule, s.hash) for s in suite.settings]
    return [Chosen(s, steps[key]) for s, key in zip(suite.settings, keys, strict=True) if key in steps]


def _time(
    store: Store, run: str, chosen: Sequence[Chosen], fleets: "Fleets | None", jobs: int, wall: float
) -> dict[str, Any]:
    """The closing pass, stored; returns facts about it. Trials are not lost over what cannot be timed.

    It runs on the CPU: what a step costs there says nothing of trials that the GPU trained.
    """
    by_cpu = [each for each in chosen if fleets is None or not fleets.takes(each.setting)]
    if not by_cpu:
        why = "a run times them on the CPU alone, and the GPU trained these trials"
        return {"timing_error": why} if chosen else {}
    started = time.perf_counter()
    try:
        plan = closing_plan(by_cpu, jobs)
        samples = closing_pass(plan, wall)
    except Exception as error:
        return {"timing_error": named(error)}
    store.add_timings(run, "cpu", *rows(plan.subjects, samples))
    rounds = 1 + max((sample.round for sample in samples), default=-1)
    return {"timing_seconds": time.perf_counter() - started, "timing_rounds": rounds}


def safely(chunk: int, threads: int, trial: Trial, cancelled: Callable[[], bool]) -> TrialRecord | None:
    """`train`, with an error as a result: one bad trial must not take the others with it."""
    try:
        return train(trial, chunk, cancelled, threads)
    except Exception as error:
        return failed(trial, named(error))


def _execute(
    store: Store,
    run: str,
    code: str,
    fleets: "Fleets | None",
    executor: Executor,
    chunk: int,
    watcher: Watcher,
    trials: list[Trial],
) -> None:
    """Train the trials that the run does not hold yet and store each as it ends, with those that end meanwhile."""
    done = store.done(run)
    left = [trial for trial in trials if done.get(trial.index) != trial.key]
    with closing(_records(fleets, executor, chunk, sorted(left, key=work, reverse=True))) as found:
        for backend, records in found:
            if records:
                store.add(run, code, backend, records)
            for record in records:
                watcher.finished(record)


def _records(
    fleets: "Fleets | None", executor: Executor, chunk: int, trials: list[Trial]
) -> Generator[tuple[str, list[TrialRecord]], None, None]:
    """The records of trials as they end, with the backend that trained them; the GPU's first.

    The longest begin first: one that began last would leave the other cores idle. Where there are fewer trials than
    threads from the beginning, several of them train one trial; a trial keeps the threads that it began with.
    """
    if fleets is not None:
        ended: set[int] = set()
        for records in fleets.train([trial for trial in trials if fleets.takes(trial.setting)]):
            ended.update(record.trial for record in records)
            yield "cuda", records
        trials = [trial for trial in trials if trial.index not in ended]
    results = executor.map(partial(safely, chunk, executor.threads_each(len(trials))), trials)
    try:
        for pairs in results:
            yield "cpu", [record for _, record in pairs if record is not None]
    finally:
        results.close()  # type: ignore[attr-defined]
