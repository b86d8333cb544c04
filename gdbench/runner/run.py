"""One execution of a suite: tune, choose, report, time; every finished trial is committed at once."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gdbench.environment import environment, git_state, usable_cores
from gdbench.errors import InterruptedRunError, UsageError
from gdbench.runner.closing import Chosen, closing_pass, closing_plan
from gdbench.runner.code import code_hash
from gdbench.runner.compiling import compile_suite
from gdbench.runner.course import failed
from gdbench.runner.executor import Executor, ThreadExecutor
from gdbench.runner.timing import rows
from gdbench.runner.trial import CHUNK, train, work
from gdbench.store import Store, TrialRecord
from gdbench.suites import Suite, Trial

if TYPE_CHECKING:
    import pandas as pd

Choose = Callable[["pd.DataFrame"], "pd.DataFrame"]
BACKENDS = ("auto", "cpu", "cuda")
HEARTBEAT_SECONDS = 10.0


class Watcher:
    """Is told how a run goes on; this one does not care."""

    def compiling(self) -> None:
        """Kernels are being compiled."""

    def started(self, run: str, suite: Suite, total: int, done: int) -> None:
        """A run begins, or goes on with `done` of `total` trials stored."""

    def finished(self, record: TrialRecord) -> None:
        """A trial is stored."""

    def timing(self) -> None:
        """All trials are stored; what their steps cost is being measured."""


def choose_backend(asked: str) -> str:
    """The backend that runs: `auto` is the CPU where there is no GPU backend."""
    if asked not in BACKENDS:
        raise UsageError(f"backend {asked!r} is not one of {', '.join(BACKENDS)}")
    if asked == "cuda":
        raise NoBackendError("backend 'cuda' is not part of this version; use --backend cpu or auto")
    return "cpu"


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
) -> str:
    """Run `suite`, or go on with the latest run of it that was not finished; returns the run's id.

    choose: from the frame of all trials to the best setting of each problem, rule and batch size by the tuning trials.
    timing: measure what a step of each of these costs when the trials are done.
    Raises InterruptedRunError when the user stops it: what finished is stored, and the same call goes on from there,
    unless all trials are done.
    """
    watcher = watcher or Watcher()
    jobs = jobs or usable_cores()
    executor = executor or ThreadExecutor(jobs)
    backend = choose_backend(backend)
    code = code_hash()
    identity = hashlib.sha256(json.dumps([suite.definition, code, backend], sort_keys=True).encode()).hexdigest()
    facts = {**environment(), "jobs": jobs}
    watcher.compiling()
    compile_seconds = compile_suite(suite)
    record = None if fresh else store.resume(identity)
    if record is None:
        commit, dirty = git_state(Path.cwd())
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
    execute = partial(_execute, store, run, code, backend, executor, chunk, watcher)
    started = time.perf_counter()
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
        store.finish(run, "interrupted")
        if isinstance(error, KeyboardInterrupt):
            raise InterruptedRunError(
                f"interrupted; run {run} keeps what finished, and the same command goes on from there"
            ) from None
        raise
    wall = time.perf_counter() - started
    # A run with a failed trial is no baseline; the same command tries that trial again.
    done = store.done(run)
    state = "complete" if len(done) == suite.count() else "failed"
    facts |= {"compile_seconds": compile_seconds, "wall_seconds": wall}
    try:
        if timing:
            watcher.timing()
            failing = {trial.setting.hash for trial in planned if trial.index not in done}
            facts |= _time(store, run, backend, [c for c in chosen if c.setting.hash not in failing], jobs, wall)
    except KeyboardInterrupt:
        raise InterruptedRunError(f"interrupted; run {run} has all its trials, but not what a step costs") from None
    finally:
        store.finish(run, state, facts)
    return run


def best_settings(suite: Suite, store: Store, run: str, choose: Choose) -> list[Chosen]:
    """The settings that the tuning seeds (without any, the reporting seeds) chose, in the order of the suite."""
    from gdbench.store.frames import read_trials  # pandas, which `import gdbench` must not load

    chosen = choose(read_trials(store, run))
    names = zip(chosen["problem"], chosen["rule"], chosen["setting"], strict=True)
    steps = dict(zip(names, chosen["median_steps"], strict=True))
    keys = [(s.problem, s.rule, s.hash) for s in suite.settings]
    return [Chosen(s, steps[key]) for s, key in zip(suite.settings, keys, strict=True) if key in steps]


def _time(store: Store, run: str, backend: str, chosen: Sequence[Chosen], jobs: int, wall: float) -> dict[str, Any]:
    """The closing pass, stored; returns facts about it. Trials are not lost over what cannot be timed."""
    if not chosen:
        return {}
    store.heartbeat(run)
    started = time.perf_counter()
    try:
        plan = closing_plan(chosen, jobs)
        samples = closing_pass(plan, wall)
    except Exception as error:
        return {"timing_error": f"{type(error).__name__}: {error}"}
    store.add_timings(run, backend, *rows(plan.subjects, samples))
    rounds = 1 + max((sample.round for sample in samples), default=-1)
    return {"timing_seconds": time.perf_counter() - started, "timing_rounds": rounds}


def safely(chunk: int, threads: int, trial: Trial, cancelled: Callable[[], bool]) -> TrialRecord | None:
    """`train`, with an error as a result: one bad trial must not take the others with it."""
    try:
        return train(trial, chunk, cancelled, threads)
    except Exception as error:
        return failed(trial, error)


def _execute(
    store: Store,
    run: str,
    code: str,
    backend: str,
    executor: Executor,
    chunk: int,
    watcher: Watcher,
    trials: list[Trial],
) -> None:
    """Train the trials that the run does not hold yet and store each as it ends, with those that end meanwhile.

    The longest begin first: one that began last would leave the other cores idle. Where there are fewer trials than
    threads from the beginning, several of them train one trial; a trial keeps the threads that it began with.
    """
    done = store.done(run)
    left = [trial for trial in trials if done.get(trial.index) != trial.key]
    perform = partial(safely, chunk, executor.threads_each(len(left)))
    results = executor.map(perform, sorted(left, key=work, reverse=True))
    beat = time.monotonic()
    try:
        for ended in results:
            records = [record for _, record in ended if record is not None]
            if records:
                store.add(run, code, backend, records)
            for record in records:
                watcher.finished(record)
            if time.monotonic() - beat > HEARTBEAT_SECONDS:
                store.heartbeat(run)
                beat = time.monotonic()
    finally:
        results.close()  # type: ignore[attr-defined]
