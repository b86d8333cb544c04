"""The protocol of every timing: interleaved rounds in random order, several samples a visit, raw samples kept.

    samples = measure([Subject("adam", adam), Subject("sgd", sgd)], rounds=15)

Each round visits every subject once, in an order drawn anew; a visit takes `samples` samples of at least `least`
seconds each. A machine that slows down for a while then slows down every subject of that round: compare them round by
round (gdbench/stats/timings.py), and count rounds, not samples, as repetitions.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from gdbench.timing.pace import LEAST

LONG = 100  # times the seconds of a sample: a step that takes so long is not tried again before the rounds


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
    rounds: int = 15,
    samples: int = 5,
    least: float = LEAST,
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

    def by_the_clock(subject: Subject, count: int) -> float:
        started = clock()
        subject.run(count)
        return clock() - started

    seconds_of = timed or by_the_clock
    began = clock()
    steps = {subject.name: enough(least, partial(seconds_of, subject)) for subject in subjects}
    current = {subject.name: subject for subject in subjects}
    order = np.random.Generator(np.random.PCG64(seed))
    taken = []
    for turn in range(rounds):
        entered = clock()
        if turn > 0:
            current |= {subject.name: subject for subject in renew()}
        for i in order.permutation(len(subjects)):
            subject, spent = current[names[i]], 0.0
            for sample in range(samples):
                seconds = seconds_of(subject, steps[subject.name])
                taken.append(Sample(subject.name, turn, sample, seconds, steps[subject.name]))
                spent += seconds
                if spent >= longest:
                    break
        watch(turn + 1)
        if 2 * clock() - entered - began > limit:
            break
    return taken


def enough(least: float, seconds_of: Callable[[int], float]) -> int:
    """How many steps take `least` seconds; the first step, which may compile or allocate, does not count but as one."""
    count = 1
    if seconds_of(1) >= LONG * least:
        return 1
    while True:
        seconds = seconds_of(count)
        if seconds >= least:
            return count
        # Not at once as many as that first, perhaps lucky or unlucky, stretch makes believe.
        count = min(10 * count, max(count + 1, math.ceil(1.2 * count * least / max(seconds, 1e-9))))
