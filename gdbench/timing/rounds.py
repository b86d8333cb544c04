"""The protocol of every timing: interleaved rounds in random order, several samples per visit, raw samples kept.

    samples = measure([Subject("adam", adam), Subject("sgd", sgd)], rounds=15)

Each round visits every subject once, in a new random order. A visit takes `samples` samples of at least `least` seconds
each, beyond those of the call (gdbench/timing/sampling.py). If the machine slows down for a while, it slows down every
subject of that round. So compare subjects round by round (gdbench/stats/timings.py), and count rounds, not samples, as
repetitions.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np

from gdbench.timing.pace import ALONE, FEWEST
from gdbench.timing.sampling import Seconds, beyond_calls, by_the_clock, calibrated, visit


@dataclass(frozen=True)
class Subject:
    """Something to time: `run(count)` takes `count` steps of it, 0 or more.

    shortest: seconds of its samples at least; those of threads that begin together must be long beside their beginning.
    """

    name: str
    run: Callable[[int], object]
    shortest: float = field(default=0.0, kw_only=True)


class Sample(NamedTuple):
    """The seconds of so many steps in a row."""

    subject: str
    round: int
    sample: int
    seconds: float
    steps: int


def measure(
    subjects: Sequence[Subject],
    *,
    renew: Callable[[], Sequence[Subject]] = lambda: (),
    rounds: int = ALONE.rounds,
    samples: int = ALONE.samples,
    least: float = ALONE.least,
    longest: float = math.inf,
    limit: float = math.inf,
    seed: int = 0,
    watch: Callable[[int], None] = lambda done: None,
    clock: Callable[[], float] = time.perf_counter,
    timed: Callable[[Subject, int], float] | None = None,
) -> list[Sample]:
    """Time the subjects, after steps that compile, allocate and find out how many steps fill a sample.

    renew: before each round but the first, builds subjects that replace those of the same names. Their cost depends on
        where their arrays lie in memory, which must not stay the same (gdbench/timing/layout.py).
    rounds: how many, each of which visits every subject once. samples: per visit.
    least: seconds of a sample, which decide how many steps it has.
    longest: seconds after which a visit takes no further sample.
    limit: seconds of everything. After the first round, none begins that would exceed them if it took as long as the
        one before.
    seed: of the order of visits. watch: called with the number of rounds done. clock: gives seconds.
    timed: takes a subject and a number of steps, runs them and returns their seconds, in place of `clock`.
    Raises ValueError if two subjects have the same name.
    """
    names = [subject.name for subject in subjects]
    if len(set(names)) < len(names):
        raise ValueError(f"two subjects have one name: {names}")

    def seconds_of(subject: Subject) -> Seconds:
        return partial(timed, subject) if timed else beyond_calls(by_the_clock(subject.run, clock))

    began = clock()
    lengths = {subject.name: max(least, subject.shortest) for subject in subjects}
    steps = {subject.name: calibrated(seconds_of(subject), lengths[subject.name])[0] for subject in subjects}
    current = {subject.name: subject for subject in subjects}
    order = np.random.Generator(np.random.PCG64(seed))
    taken: list[Sample] = []
    for turn in range(rounds):
        entered = clock()
        if turn > 0:
            current |= {subject.name: subject for subject in renew()}
        for i in order.permutation(len(subjects)):
            name = names[i]
            few = samples if lengths[name] == least else min(samples, FEWEST)
            found = visit(seconds_of(current[name]), steps[name], few, longest * lengths[name] / least)
            taken += [Sample(name, turn, sample, seconds, steps[name]) for sample, seconds in enumerate(found)]
        watch(turn + 1)
        if 2 * clock() - entered - began > limit:  # the time so far, and that of another round like this one
            break
    return taken
