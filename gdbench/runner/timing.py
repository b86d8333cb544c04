"""Store timings: those of a run, and those of `gdbench time`, which make a run without trials."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gdbench.machine import git
from gdbench.machine.environment import environment
from gdbench.runner.code import code_hash
from gdbench.store import Store
from gdbench.timing import Sample, Timed, Timing

NAME = "time"  # of the suite of such a run


def store_timings(store: Store, timing: Timing, repeated: str, backend: str = "cpu") -> str:
    """Store a timing as a complete run without trials; returns the run's id. repeated: "15 rounds", "5 processes"."""
    started = time.time()
    commit, dirty = git.state(Path.cwd())
    facts = {**environment(), "compile_seconds": timing.seconds, "wall_seconds": sum(s.seconds for s in timing.samples)}
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
    store.add_timings(run, backend, timing.subjects, [sample._asdict() for sample in timing.samples])
    store.finish(run, "complete")
    return run


def rows(
    subjects: Sequence[Timed], samples: Sequence[Sample]
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Subjects and samples as `Store.add_timings` takes them."""
    return [subject.facts() for subject in subjects], [sample._asdict() for sample in samples]
