"""The protocol of every timing: interleaved rounds in random order, several samples a visit, raw samples kept.

    samples = measure([Subject("adam", adam), Subject("sgd", sgd)], rounds=15)

Each round visits every subject once, in an order drawn anew; a visit takes `samples` samples of at least `least`
seconds each (gdbench/timing/sampling.py). A machine that slows down for a while then slows down every subject of that
round: compare them round by round (gdbench/stats/timings.py), and count rounds, not samples, as repetitions.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from gdbench.timing.pace import ALONE
from gdbench.timing.sampling import Seconds, by_the_clock, calibrated, visit


@dataclass(frozen=True)
class Subject:
    """Something to be timed: `run(count)` does `count` steps of it, and all that is not to be timed before."""

    name: str
    run: Callable[[int], object]


class Sample(NamedTuple):
    """One uninterrupted stretch of steps."""

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
    """Time the subjects; what they compile or allocate at first is done before the rounds begin.

    renew: makes subjects anew, to take the place of those of their names from the second round on: where arrays lie in
    memory changes what things cost, and must not stay as one process happened to draw it (gdbench/timing/layout.py).
    least: seconds of a sample, from which follows how many steps it has. longest: seconds of a visit, after which it
    takes no further sample. limit: seconds of all together: after the first, no round begins that would exceed them if
    it took as long as the one before. seed: of the visits' order. watch: is told how many rounds are done. clock:
    seconds. timed: runs so many steps of a subject and tells their seconds, where the clock alone would not do.
    """
    names = [subject.name for subject in subjects]
    if len(set(names)) < len(names):
        raise ValueError(f"two subjects have one name: {names}")

    def seconds_of(subject: Subject) -> Seconds:
        return partial(timed, subject) if timed else by_the_clock(subject.run, clock)

    began = clock()
    steps = {subject.name: calibrated(seconds_of(subject), least)[0] for subject in subjects}
    current = {subject.name: subject for subject in subjects}
    order = np.random.Generator(np.random.PCG64(seed))
    taken: list[Sample] = []
    for turn in range(rounds):
        entered = clock()
        if turn > 0:
            current |= {subject.name: subject for subject in renew()}
        for i in order.permutation(len(subjects)):
            name = names[i]
            found = visit(seconds_of(current[name]), steps[name], samples, longest)
            taken += [Sample(name, turn, sample, seconds, steps[name]) for sample, seconds in enumerate(found)]
        watch(turn + 1)
        if 2 * clock() - entered - began > limit:
            break
    return taken
