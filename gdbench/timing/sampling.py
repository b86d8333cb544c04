"""The one way to time a step: a first one that does not count, as many as a sample needs, samples of that many.

    seconds_of = by_the_clock(subject.run)
    steps, _ = calibrated(seconds_of, least=0.01)
    found = visit(seconds_of, steps, samples=5)     # seconds of each sample; the fastest over its steps is the cost

Only what tells the seconds may differ: a GPU has a clock of its own (gdbench/timing/gpu/samples.py). What a cost then
is: `visits` in gdbench/stats/timings.py.
"""

import math
import time
from collections.abc import Callable

from gdbench.timing.pace import LONG

Seconds = Callable[[int], float]  # takes so many steps, and tells how long they took


def by_the_clock(run: Callable[[int], object], clock: Callable[[], float] = time.perf_counter) -> Seconds:
    """Seconds of `run(count)`, from before it is called until it returns."""

    def seconds_of(count: int) -> float:
        started = clock()
        run(count)
        return clock() - started

    return seconds_of


def calibrated(seconds_of: Seconds, least: float) -> tuple[int, float]:
    """How many steps take `least` seconds, and how long so many took.

    The first step may compile, allocate and fetch, so it does not count, unless it takes so long that no other is due.
    """
    count, first = 1, seconds_of(1)
    if first >= LONG * least:
        return 1, first
    while True:
        seconds = seconds_of(count)
        if seconds >= least:
            return count, seconds
        # Not at once as many as that first, perhaps lucky or unlucky, stretch makes believe.
        count = min(10 * count, max(count + 1, math.ceil(1.2 * count * least / max(seconds, 1e-9))))


def visit(seconds_of: Seconds, steps: int, samples: int, longest: float = math.inf) -> list[float]:
    """Seconds of each of so many samples of so many steps; none is begun after `longest` seconds of them."""
    found: list[float] = []
    for _ in range(samples):
        found.append(seconds_of(steps))
        if sum(found) >= longest:
            break
    return found
