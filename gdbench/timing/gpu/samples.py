"""Rounds on a GPU: events are the clock, samples are hot or cold, and those of a slower GPU are discarded.

    found = measured(subjects, rounds=10)
    found.samples, found.throttled

The protocol is that of gdbench/timing/rounds.py. A hot sample is many launches between two events. A cold sample has a
pair of events for each launch, before which an array of twice the size of the L2 is written.

The GPU's clocks are read before and after each sample. A sample is discarded if the multiprocessors ran more than 5 %
below the fastest clock seen. But at least half of a subject's samples are kept: if more were slow, the faster half
stays, and the subject counts as `throttled`.
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
FLUSHED = 2  # times the size of the L2 is written before a cold launch


@dataclass(frozen=True)
class OnGpu(Timed):
    """A subject whose `run` launches work and need not wait for it. cold: before each step the L2 is emptied."""

    cold: bool = False


@dataclass(frozen=True)
class Measured:
    """The results of a timing on a GPU.

    samples: those that were kept. clocks: before and after each of them. discarded: how many samples were not kept.
    throttled: names of the subjects of which more than half of the samples were slow.
    """

    samples: list[Sample]
    clocks: list[tuple[Clocks | None, Clocks | None]]
    discarded: int = 0
    throttled: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Sentences about discarded samples and throttled subjects; empty if every sample was kept."""
        if not self.samples or any(clock is None for pair in self.clocks for clock in pair):
            return "The GPU's clocks are not known; no sample was discarded."
        slow = f" Throttled nevertheless: {', '.join(self.throttled)}." if self.throttled else ""
        if not self.discarded:
            return ""
        total = len(self.samples) + self.discarded
        return f"{self.discarded} of {total} samples were discarded, since the GPU ran slower.{slow}"


@dataclass
class Stopwatch:
    """Measures seconds of steps by the GPU's events, and records the GPU's clocks before and after each sample."""

    read: Reader
    flush: Callable[[], None] = lambda: None
    begin: Any = field(default_factory=cuda.Event)
    end: Any = field(default_factory=cuda.Event)
    seen: list[tuple[Clocks | None, Clocks | None]] = field(default_factory=list)

    def __call__(self, subject: Subject, count: int) -> float:
        """Run `count` steps and return their seconds, as the argument `timed` of `measure`."""
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
    """Time subjects on the present GPU. how: arguments of `measure`."""
    gpu = cuda.gpu()
    cold = any(getattr(subject, "cold", False) for subject in subjects)
    watch = Stopwatch(reader(gpu.bus), flusher(gpu.cache) if cold else lambda: None)
    samples = measure(subjects, timed=watch, **how)
    return steady(samples, watch.seen[-len(samples) :])  # without the clocks of the calibration


def flusher(cache: int) -> Callable[[], None]:
    """A function that empties a cache of so many bytes by writing an array of twice its size."""
    size = max(peak.THREADS, FLUSHED * cache // 16 * 4)
    a, b = (cuda.to_device(np.zeros(size, np.float32)) for _ in range(2))
    kernel, grid = peak.copy("float32"), peak.grid(cuda.gpu())

    def flush() -> None:
        kernel.launch(grid, 0, 1, a, b)

    return flush


def steady(samples: Sequence[Sample], seen: Sequence[tuple[Clocks | None, Clocks | None]]) -> Measured:
    """Discard the samples during which the GPU ran slower (see above); keeps all if a clock is not known.

    seen: the clocks before and after each sample.
    """
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
    """The indices of the samples to keep, and the throttled subjects.

    places: indices of each subject's samples. speeds: MHz of all samples. bound: MHz below which a sample was slow.
    """
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
