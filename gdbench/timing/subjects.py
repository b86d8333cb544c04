"""Subjects that know what they do: of which problem, how much arithmetic, how many bytes."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import cycle
from typing import Any

from gdbench.machine.environment import spread, usable_set
from gdbench.timing.rounds import Subject


@dataclass(frozen=True)
class Timed(Subject):
    """A subject with its facts, by which statistics and pictures find it; None for what it does not have.

    part: `step`, `gather`, `forward`, `loss`, `backward`, `update`, one of a layer's products, or a reference: `peak`,
    `triad`. jobs: threads that do it side by side, each on arrays of its own; flops and bytes are those of one of them,
    for one step. memory: the level (gdbench/machine/caches.py) where the bytes are; None for those of products, which
    lie wherever the part before left them, and take no time of their own in a floor.
    """

    part: str
    problem: str | None = None
    rule: str | None = None
    batch_size: int | None = None
    dtype: str | None = None
    jobs: int = 1
    layer: int | None = None
    flops: float | None = None
    bytes: float | None = None
    memory: str | None = None

    def facts(self) -> dict[str, Any]:
        """All but how it is run."""
        return {"subject": self.name, **{name: getattr(self, name) for name in FACTS}}


FACTS = tuple(field.name for field in fields(Timed) if field.name not in ("name", "run"))


@lru_cache(maxsize=8)
def _pool(jobs: int) -> ThreadPoolExecutor:
    """So many threads, each on a core of its own as far as there are cores.

    Systems may let threads that wake together share a core for longer than a sample takes.
    """
    cores = cycle(spread(usable_set()))

    def settle() -> None:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {next(cores)})  # of the calling thread

    return ThreadPoolExecutor(jobs, "gdbench-time", settle)


def side_by_side(build: Callable[[], Sequence[Timed]], jobs: int) -> list[Timed]:
    """What `build` makes, once for each of `jobs` threads, which run side by side; a step is then one of each."""
    if jobs == 1:
        return list(build())
    pool = _pool(jobs)

    def together(copies: Sequence[Timed]) -> Callable[[int], object]:
        def run(count: int) -> None:
            for future in [pool.submit(copy.run, count) for copy in copies]:
                future.result()

        return run

    return [
        replace(copies[0], name=f"{copies[0].name}, {jobs} jobs", run=together(copies), jobs=jobs)
        for copies in zip(*(build() for _ in range(jobs)), strict=True)
    ]
