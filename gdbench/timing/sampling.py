"""The one way to time a step: take a first one that does not count, find out how many fill a sample, take samples.

    seconds_of = by_the_clock(subject.run)
    steps, _ = calibrated(seconds_of, least=0.01)
    found = visit(seconds_of, steps, samples=5)     # seconds of each sample; the fastest divided by `steps` is the cost

A short sample fits between two interruptions, but then the call itself is a large share of it. So its seconds are
those beyond a call that takes no step (`beyond_calls`).

Only the clock may differ: a GPU has its own (gdbench/timing/gpu/samples.py). `visits` in gdbench/stats/timings.py turns
samples into costs.
"""

import math
import time
from collections.abc import Callable

from gdbench.timing.pace import LONG

CALLS = 3  # without a step, of which the fastest counts
TICK = 1e-9  # seconds: the least that a sample can take

Seconds = Callable[[int], float]  # takes so many steps and returns their seconds


def by_the_clock(run: Callable[[int], object], clock: Callable[[], float] = time.perf_counter) -> Seconds:
    """A function that calls `run(count)` and returns the seconds that the call took."""

    def seconds_of(count: int) -> float:
        started = clock()
        run(count)
        return clock() - started

    return seconds_of


def beyond_calls(seconds_of: Seconds) -> Seconds:
    """The same, without the seconds of a call that takes no step: the least of a few, measured now."""
    empty = min(seconds_of(0) for _ in range(CALLS))
    return lambda count: max(seconds_of(count) - empty, TICK)


def calibrated(seconds_of: Seconds, least: float) -> tuple[int, float]:
    """The number of steps that take at least `least` seconds, and the seconds that they took.

    The first step does not count, since it may allocate and fetch. But one that takes `LONG` seconds is not repeated,
    so callers compile before.
    """
    count, first = 1, seconds_of(1)
    if first >= LONG:
        return 1, first
    while True:
        seconds = seconds_of(count)
        if seconds >= least:
            return count, seconds
        # At most ten times as many at once, since a single measurement may be far off.
        count = min(10 * count, max(count + 1, math.ceil(1.2 * count * least / max(seconds, 1e-9))))


def visit(seconds_of: Seconds, steps: int, samples: int, longest: float = math.inf) -> list[float]:
    """The seconds of each of so many samples of so many steps; after `longest` seconds no further one begins."""
    found: list[float] = []
    for _ in range(samples):
        found.append(seconds_of(steps))
        if sum(found) >= longest:
            break
    return found
