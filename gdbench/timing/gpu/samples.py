"""Rounds on a GPU: events as the clock, hot and cold samples, and none from while the GPU ran slower.

    found = measured(subjects, rounds=10)
    found.samples, found.throttled

The protocol is that of gdbench/timing/rounds.py. A hot sample is many launches between two events. A cold one has an
event pair for each launch, before which an array of twice the size of the L2 is written. The clocks are read before and
after each sample; samples at which the multiprocessors ran more than 5 % below the fastest clock seen are discarded,
but never more than half of a subject's: where more were slow, the faster half is kept, and the subject is `throttled`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gdbench.kernels.compile import cuda
from gdbench.kernels.gpu import peak
from gdbench.timing.gpu.clocks import Clocks, Reader, reader
from gdbench.timing.rounds import Sample, Subject, measure
from gdbench.timing.subjects import Timed

SLOWER = 0.05  # below the fastest clock seen
KEPT = 0.5  # of a subject's samples, at least
FLUSHED = 2  # times the L2


@dataclass(frozen=True)
class OnGpu(Timed):
    """A subject whose `run` only asks the GPU: it need not wait. cold: each step begins without anything in the L2."""

    cold: bool = False


@dataclass(frozen=True)
class Measured:
    """What was timed. clocks: before and after each sample. discarded: samples, of which nothing else remains."""

    samples: list[Sample]
    clocks: list[tuple[Clocks | None, Clocks | None]]
    discarded: int = 0
    throttled: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What became of the samples, in a sentence; empty where all count."""
        if not self.samples or any(clock is None for pair in self.clocks for clock in pair):
            return "The GPU's clocks are not known; no sample was discarded."
        slow = f" Throttled nevertheless: {', '.join(self.throttled)}." if self.throttled else ""
        if not self.discarded:
            return ""
        total = len(self.samples) + self.discarded
        return f"{self.discarded} of {total} samples were discarded, since the GPU ran slower.{slow}"


@dataclass
class Stopwatch:
    """Seconds of steps by the GPU's own clock; keeps what the clocks were before and after."""

    read: Reader
    flush: Callable[[], None] = lambda: None
    begin: Any = field(default_factory=cuda.Event)
    end: Any = field(default_factory=cuda.Event)
    seen: list[tuple[Clocks | None, Clocks | None]] = field(default_factory=list)

    def __call__(self, subject: Subject, count: int) -> float:
        """As `measure` has it."""
        before = self.read()
        if getattr(subject, "cold", False):
            seconds = sum(self._between(subject, 1, self.flush) for _ in range(count))
        else:
            seconds = self._between(subject, count, lambda: None)
        self.seen.append((before, self.read()))
        return seconds

    def _between(self, subject: Subject, count: int, first: Callable[[], None]) -> float:
        first()
        self.begin.record()
        subject.run(count)
        self.end.record()
        self.end.wait()
        return cuda.elapsed(self.begin, self.end)


def measured(subjects: Sequence[Subject], **how: Any) -> Measured:
    """Time subjects on the GPU at hand; how: what `measure` takes."""
    gpu = cuda.gpu()
    cold = any(getattr(subject, "cold", False) for subject in subjects)
    watch = Stopwatch(reader(gpu.bus), flusher(gpu.cache) if cold else lambda: None)
    samples = measure(subjects, timed=watch, **how)
    return steady(samples, watch.seen[-len(samples) :])


def flusher(cache: int) -> Callable[[], None]:
    """What leaves nothing of earlier launches in a cache of so many bytes."""
    size = max(peak.THREADS, FLUSHED * cache // 16 * 4)
    a, b = (cuda.to_device(np.zeros(size, np.float32)) for _ in range(2))
    kernel, grid = peak.copy("float32"), peak.grid(cuda.gpu())

    def flush() -> None:
        kernel.launch(grid, 0, 1, a, b)

    return flush


def steady(samples: Sequence[Sample], seen: Sequence[tuple[Clocks | None, Clocks | None]]) -> Measured:
    """The samples without those during which the GPU ran slower (see above); all where clocks are not known."""
    speeds = [None if a is None or b is None else min(a.sm, b.sm) for a, b in seen]
    known = [speed for speed in speeds if speed is not None]
    if len(known) < len(speeds) or not known:
        return Measured(list(samples), list(seen))
    fastest = max(max(a.sm, b.sm) for a, b in seen if a is not None and b is not None)
    bound = (1 - SLOWER) * fastest
    places: dict[str, list[int]] = {}
    for place, sample in enumerate(samples):
        places.setdefault(sample.subject, []).append(place)
    kept, throttled = _kept(places, known, bound)
    return Measured(
        [sample for place, sample in enumerate(samples) if place in kept],
        [pair for place, pair in enumerate(seen) if place in kept],
        len(samples) - len(kept),
        tuple(throttled),
    )


def _kept(places: Mapping[str, list[int]], speeds: Sequence[int], bound: float) -> tuple[set[int], list[str]]:
    """The places of the samples that count, and the subjects that would have had too few of them."""
    kept: set[int] = set()
    throttled = []
    for subject, own in places.items():
        good = [place for place in own if speeds[place] >= bound]
        least = int(np.ceil(KEPT * len(own)))
        if len(good) < least:
            throttled.append(subject)
            good = sorted(own, key=lambda place: -speeds[place])[:least]
        kept.update(good)
    return kept, throttled
