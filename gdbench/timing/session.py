"""A whole timing, in this process or in several fresh ones, one after another.

A process keeps the random places in memory of its code and data. So two processes that do the same differ by a percent
or two, which the rounds of one process cannot show. Therefore a timing can take several processes. Each counts as one
repetition: all its rounds together are one round of the whole.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gdbench.errors import GdbenchError
from gdbench.kernels.rules.registry import find
from gdbench.machine.caches import Level
from gdbench.machine.processes import NotStartedError, apart
from gdbench.timing.cases import cases
from gdbench.timing.plan import plan
from gdbench.timing.rounds import Sample, measure


@dataclass(frozen=True)
class TimingRequest:
    """What to time, by name (gdbench/timing/cases.py), so that another process can build it too."""

    rules: Sequence[str]
    nets: Sequence[str] = ()
    problems: Sequence[str] = ()
    batches: Sequence[int | str] = ()
    dtypes: Sequence[str] = ("float32",)
    jobs: Sequence[int] = (1,)
    plugins: Sequence[Path] = ()


@dataclass(frozen=True)
class Timing:
    """The results of a timing: the subjects' facts (`Timed.facts`), and all samples."""

    subjects: list[dict[str, Any]]
    samples: list[Sample]
    caches: tuple[Level, ...]
    seconds: float  # for building, compiling and the first steps
    compiled: int  # functions that were compiled; the others came from the cache on disk


def timed(asked: TimingRequest, rounds: int, seed: int = 0, watch: Callable[[str], None] = lambda text: None) -> Timing:
    """Time what is asked for in this process. seed: of the order of visits. watch: called with a line of progress."""
    chosen = {name: find(name) for name in asked.rules}
    planned = plan(cases(asked.nets, asked.problems, asked.batches, asked.dtypes), chosen, asked.jobs)

    def done(turn: int) -> None:
        watch(f"round {turn} of {rounds}, {len(planned.subjects)} subjects")

    done(0)
    samples = measure(planned.subjects, renew=planned.renew, rounds=rounds, seed=seed, watch=done)
    facts = [subject.facts() for subject in planned.subjects]
    return Timing(facts, samples, planned.caches, planned.seconds, planned.compiled)


def timed_apart(
    asked: TimingRequest, processes: int, rounds: int, watch: Callable[[str], None] = lambda text: None
) -> Timing:
    """Time what is asked for in so many fresh processes, each with so many rounds.

    A process is one round of the result. watch: called with a line of progress. Raises GdbenchError if no process can
    be started.
    """
    found = []
    for number in range(processes):
        watch(f"process {number + 1} of {processes}")
        try:
            found.append(apart(_alone, asked, rounds, number))
        except NotStartedError as error:
            raise GdbenchError(f"{error}; --processes 1 times in this one") from None
    visit = 1 + max(sample.sample for timing in found for sample in timing.samples)
    samples = [
        sample._replace(round=number, sample=sample.round * visit + sample.sample)
        for number, timing in enumerate(found)
        for sample in timing.samples
    ]
    first = found[0]
    return Timing(first.subjects, samples, first.caches, first.seconds, sum(timing.compiled for timing in found))


def _alone(asked: TimingRequest, rounds: int, seed: int) -> Timing:
    from gdbench import plugins  # imported here, since it brings along what reads data files

    plugins.load_installed()
    for file in asked.plugins:
        plugins.load_file(file)
    return timed(asked, rounds, seed)
