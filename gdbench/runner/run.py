"""One execution of a suite: tune, choose, report, time. Every finished trial is stored at once."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gdbench.data.facts import facts_of
from gdbench.errors import GdbenchError, InterruptedRunError
from gdbench.machine import git
from gdbench.machine.environment import environment, usable_cores
from gdbench.runner.backends.choosing import backend_of
from gdbench.runner.backends.contract import Backend, First, orders_of
from gdbench.runner.backends.threads import Threads
from gdbench.runner.closing import Chosen, closing_pass, closing_plan
from gdbench.runner.code import code_hash
from gdbench.runner.extending import best_rates, finished_like, rates_beyond
from gdbench.runner.timing import store_closing_pass
from gdbench.runner.trajectory import named, partly_evaluated, rare_looks
from gdbench.runner.trial import CHUNK
from gdbench.store import Store, TrialRecord
from gdbench.store.life import HEARTBEAT_SECONDS
from gdbench.suites import Suite, Trial

if TYPE_CHECKING:
    import pandas as pd

Choose = Callable[["pd.DataFrame"], "pd.DataFrame"]


class Watcher:
    """Receives the events of a run; this one ignores them."""

    def compiling(self) -> None:
        """Kernels are being compiled."""

    def notices(self, sentences: Sequence[str]) -> None:
        """Before training: what was read from data files, and what a reader should know about it, in sentences."""

    def uses(self, what: str) -> None:
        """A run does not train on the CPU alone; `what` is a sentence that says what trains which trials."""

    def started(self, run: str, suite: Suite, total: int, done: int) -> None:
        """A run begins, or continues with `done` of `total` trials stored."""

    def finished(self, record: TrialRecord) -> None:
        """A trial is stored."""

    def timing(self) -> None:
        """All trials are stored; the costs of their steps are being measured."""


def run_suite(
    suite: Suite,
    store: Store,
    *,
    choose: Choose,
    jobs: int | None = None,
    backend: str | Backend = "auto",
    chunk: int = CHUNK,
    fresh: bool = False,
    timing: bool = True,
    watcher: Watcher | None = None,
    hold: bool = False,
    extend: bool = False,
) -> str:
    """Run `suite`, or continue its latest unfinished run; returns the run's id.

    choose: takes the frame of all trials, and returns the best setting of each problem, rule and batch size, chosen by
    the tuning trials.
    jobs: threads, one per core by default. backend: `auto`, `cpu`, `cuda` or the caller's own; threads train what it
    refuses. chunk: steps per call. fresh: start over. timing: after the trials, measure a step of each best setting.
    extend: while a best learning rate stands at an edge of its rule's grid, try one more beyond it
    (runner/extending.py); trials that a complete run of the same suite has already are copied.
    hold: the caller has more to do with the run, and then calls `store.release(run)`. If its process ends before that,
    the same call returns the complete run again.
    Raises InterruptedRunError if the user stops it. The finished trials are stored, and the same call continues the
    run, unless all trials are done. Raises WritingError if no more can be stored.
    """
    watcher = watcher or Watcher()
    jobs = jobs or usable_cores()
    trains = backend_of(suite, backend, Threads(jobs, chunk))
    code = code_hash()
    asked = [suite.definition, code, trains.name, *(["extend"] if extend else [])]
    identity = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    facts = {**environment(), **trains.facts()}
    options = (" --extend" if extend else "") + ("" if timing else " --no-time")
    facts |= {"command": suite.command + options} if suite.command else {}
    facts |= {"data": suite.notices} if suite.notices else {}
    facts["problems"] = [f"{label}: {facts_of(one, suite.model.dtype[0])}" for label, one in suite.problems.items()]
    if suite.target is not None:
        looks = rare_looks(suite.defaults, suite.target[0])
        facts |= {"looks": looks} if looks else {}
    part = partly_evaluated(suite.defaults)
    facts |= {"evaluated_over": part} if part else {}
    watcher.notices(suite.notices)
    refused = git.refusal(Path.cwd())
    facts |= {"git_refused": refused} if refused else {}
    watcher.compiling()
    began = time.perf_counter()
    trains.prepare([*suite.settings, *suite.defaults])
    compile_seconds = time.perf_counter() - began
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
            backend=trains.name,
            trials=suite.count(),
            environment=facts,
            git_commit=commit,
            git_dirty=dirty,
        )
    else:
        run = record.run
    if trains.summary:
        watcher.uses(trains.summary)
    execute = partial(_execute, store, run, code, trains, watcher)
    facts |= {"compile_seconds": compile_seconds}
    if record is not None and record.state == "complete":  # its process ended while it held the complete run
        watcher.started(run, suite, suite.count(), suite.count())
        if not hold:
            store.release(run)
        return run
    started = time.perf_counter()
    with _beating(store, run):
        try:
            watcher.started(run, suite, suite.count(), len(store.done(run)))
            source = finished_like(store, suite, code) if extend and record is None else None

            def copied(trials: Sequence[Trial]) -> None:
                count = store.copy_trials(source, run, trials) if source else 0
                if count:
                    watcher.notices([f"{count} trials are copied from run {source}, which has trained them"])

            first = suite.first_trials()
            copied(first)
            execute(first)
            while extend and (beyond := rates_beyond(suite, best_rates(suite, store, run, choose))):
                suite = suite.extended(beyond)
                store.amend(run, table=suite.table, trials=suite.count())
                watcher.started(run, suite, suite.count(), len(store.done(run)))
                trains.prepare(suite.settings)
                first = suite.first_trials()
                execute(first)
            chosen = best_settings(suite, store, run, choose)
            second = suite.second_trials([setting for setting, _ in chosen])
            planned = [*first, *second]
            copied(second)
            store.keep(run, {trial.index: trial.key for trial in planned})
            execute(second)
        except BaseException as error:
            with suppress(GdbenchError):
                store.finish(run, "interrupted")
            if isinstance(error, KeyboardInterrupt):
                raise InterruptedRunError(
                    f"interrupted; run {run} keeps what finished, and the same command continues it"
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
                facts |= _time(store, run, timed, trains, jobs, wall)
        except KeyboardInterrupt:
            raise InterruptedRunError(f"interrupted; run {run} has all its trials, but not what a step costs") from None
        finally:
            store.finish(run, state, facts, hold=hold)
    return run


@contextmanager
def _beating(store: Store, run: str) -> Iterator[None]:
    """Write the run's heartbeat while the block runs, however long a trial or a compilation takes."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT_SECONDS):
            with suppress(GdbenchError):  # the next write of a trial raises it again
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
    """The settings that the tuning seeds chose, in the order of the suite; without tuning seeds, the reporting ones."""
    from gdbench.results.frames import trials_frame  # pandas, which `import gdbench` must not load

    chosen = choose(trials_frame(store.read(run, points="none")))
    names = zip(chosen["problem"], chosen["rule"], chosen["setting"], strict=True)
    steps = dict(zip(names, chosen["median_steps"], strict=True))
    keys = [(s.problem, s.rule, s.hash) for s in suite.settings]
    return [Chosen(s, steps[key]) for s, key in zip(suite.settings, keys, strict=True) if key in steps]


def _time(store: Store, run: str, chosen: Sequence[Chosen], trains: First, jobs: int, wall: float) -> dict[str, Any]:
    """Run the closing pass and store it; returns facts about it. An error becomes a fact, so that no trial is lost.

    The pass runs on the CPU. It leaves out settings that the GPU trained, since their cost on the CPU means nothing.
    """
    by_cpu = [each for each in chosen if trains.taker(each.setting).name == Threads.name]
    if not by_cpu:
        why = "a run times steps on the CPU only, and the GPU trained these trials"
        return {"timing_error": why} if chosen else {}
    started = time.perf_counter()
    try:
        plan = closing_plan(by_cpu, jobs)
        samples = closing_pass(plan, wall)
    except Exception as error:
        return {"timing_error": named(error)}
    return store_closing_pass(store, run, plan, samples, time.perf_counter() - started)


def _execute(store: Store, run: str, code: str, trains: Backend, watcher: Watcher, trials: Sequence[Trial]) -> None:
    """Train the trials that the run does not hold yet, and store them as they end."""
    done = store.done(run)
    left = [trial for trial in trials if done.get(trial.index) != trial.key]
    with closing(trains.train(orders_of(left))) as found:
        for name, records in found:
            if records:
                store.add(run, code, name, records)
            for record in records:
                watcher.finished(record)
