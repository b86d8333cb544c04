"""Store timings: those of a run, and those of `gdbench time`, which make a run without trials."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gdbench.errors import StoreError, UsageError
from gdbench.machine import git
from gdbench.machine.environment import PACKAGES, environment, fingerprint, usable_cores
from gdbench.runner.closing import Chosen, closing_pass, closing_plan
from gdbench.runner.code import code_hash
from gdbench.store import RunRecord, Store
from gdbench.suites import Setting
from gdbench.timing import Plan, Sample, Timed, Timing

DAY = 86400.0  # seconds
NAME = "time"  # of the suite of such a run


def store_timings(store: Store, timing: Timing, repeated: str, backend: str = "cpu") -> str:
    """Store a timing as a complete run without trials; returns the run's id. repeated: "15 rounds", "5 processes"."""
    started = time.time()
    commit, dirty = git.state(Path.cwd())
    samples = [sample._asdict() for sample in timing.samples]
    facts = {**environment(), "compile_seconds": timing.seconds, "wall_seconds": sum(s.seconds for s in timing.samples)}
    facts |= references(store, timing.subjects, samples) if backend == "cpu" else {}
    run = store.begin(
        identity=hashlib.sha256(f"{NAME} {started}".encode()).hexdigest(),  # unique, so that it is never continued
        suite=NAME,
        title="What steps cost",
        description=f"Seconds a step, measured alone in interleaved rounds and repeated in {repeated}.",
        table={},
        target=None,
        code=code_hash(),
        backend=backend,
        trials=0,
        environment=facts,
        git_commit=commit,
        git_dirty=dirty,
    )
    store.add_timings(run, backend, timing.subjects, samples)
    store.finish(run, "complete")
    return run


def rows(
    subjects: Sequence[Timed], samples: Sequence[Sample]
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Subjects and samples as `Store.add_timings` takes them."""
    return [subject.facts() for subject in subjects], [sample._asdict() for sample in samples]


def references(
    store: Store, subjects: Sequence[Mapping[str, Any]], samples: Sequence[Mapping[str, Any]]
) -> dict[str, list[str]]:
    """Facts for a run's environment: what the references cost in this session, and in earlier ones like it.

    `references` and `references_before` are texts such as "peak float32 = 1.2e-11", in seconds per FLOP or byte.
    Earlier sessions are those in this store, on this machine with these versions, in the last `DAYS` days.
    """
    import pandas as pd  # which `import gdbench` must not load

    from gdbench.stats.trust import DAYS, reference_costs

    now = reference_costs(pd.DataFrame(samples), pd.DataFrame(subjects))
    mine, since = _like(environment()), time.time() - DAYS * DAY
    records: list[RunRecord] = []
    with suppress(StoreError):  # whoever writes the samples will say that the store is lost
        records = store.runs()
    earlier = [
        line
        for record in records
        if record.created >= since and not record.damage and _like(record.environment) == mine
        for line in record.environment.get("references", [])
    ]
    return {
        "references": [f"{name} = {cost!r}" for name, cost in now.items()],
        "references_before": [line for line in earlier if line.partition(" = ")[0] in now],
    }


def _like(facts: Mapping[str, Any]) -> tuple[object, ...]:
    """What two sessions must have in common: the machine, and the versions of what compiles the kernels."""
    return fingerprint(facts), *(facts.get(name) for name in PACKAGES), facts.get("compiled_for")


def time_run(store: Store, run: str) -> None:
    """Time the steps of a stored run's chosen settings again, in place of its timings.

    Raises UsageError if the run has no setting that the CPU can time, or was written by other code.
    """
    from gdbench.results.frames import trials_frame
    from gdbench.stats import choose

    stored = store.read(run, points="none")
    if stored.record.code != code_hash():
        raise UsageError(f"run {run} was made by other code, whose steps may cost something else; run the suite again")
    frame = trials_frame(stored)
    definitions = dict(zip(frame["setting"], stored.trials["definition"], strict=True))
    by_cpu = set(frame.loc[frame["backend"] == "cpu", "setting"])
    chosen = [
        Chosen(Setting(row.problem, row.rule, definitions[row.setting]), row.median_steps)
        for row in choose(frame).itertuples()
        if row.setting in by_cpu
    ]
    if not chosen:
        raise UsageError(f"run {run} has no trials of the CPU whose steps could be timed")
    plan = closing_plan(chosen, stored.record.environment.get("jobs", usable_cores()))
    began = time.perf_counter()
    samples = closing_pass(plan, stored.record.environment.get("wall_seconds", 0.0))
    store_closing_pass(store, run, plan, samples, time.perf_counter() - began)


def store_closing_pass(store: Store, run: str, plan: Plan, samples: Sequence[Sample], seconds: float) -> dict[str, Any]:
    """Store the samples of a closing pass; returns the facts about it, which are stored with them.

    seconds: that it took.
    """
    subjects, taken = rows(plan.subjects, samples)
    facts = {
        "timing_seconds": seconds,
        "timing_rounds": 1 + max((sample.round for sample in samples), default=-1),
        **references(store, subjects, taken),
    }
    store.add_timings(run, "cpu", subjects, taken, facts={**facts, "timing_error": None})  # of an earlier try
    return facts
