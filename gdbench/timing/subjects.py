"""Subjects with facts: the problem, the rule, the FLOPs and the bytes of a step."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import cycle
from typing import Any

from gdbench.machine.environment import spread, usable_set
from gdbench.timing.pace import LEAST
from gdbench.timing.rounds import Subject


@dataclass(frozen=True)
class Timed(Subject):
    """A subject with the facts by which statistics and pictures find it; None for a fact that it lacks.

    part: `step`, `shuffle`, `gather`, `forward`, `loss`, `backward`, `update`, one of a layer's products, or `peak` or
    `triad`, which are references. jobs: threads that run it side by side, each on its own arrays. flops, bytes: of one
    step of one thread. memory: the level (gdbench/machine/caches.py) where the bytes are. It is None for the bytes of
    products, which lie wherever the previous part left them, and do not count in a floor.
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
        """The fields but `run` and `shortest`, with the name as `subject`."""
        return {"subject": self.name, **{name: getattr(self, name) for name in FACTS}}


FACTS = tuple(field.name for field in fields(Timed) if field.name not in ("name", "run", "shortest"))


@lru_cache(maxsize=8)
def _pool(jobs: int) -> ThreadPoolExecutor:
    """A pool of so many threads, each bound to its own core as long as there are cores.

    Without binding, a system may let threads that wake together share a core for longer than a sample takes.
    """
    cores = cycle(spread(usable_set()))

    def settle() -> None:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {next(cores)})  # of the calling thread

    return ThreadPoolExecutor(jobs, "gdbench-time", settle)


def side_by_side(build: Callable[[], Sequence[Timed]], jobs: int) -> list[Timed]:
    """The subjects that `build` makes, run by `jobs` threads side by side, each with its own copy.

    A step is then one step of every copy.
    """
    if jobs == 1:
        return list(build())
    pool = _pool(jobs)

    def together(copies: Sequence[Timed]) -> Callable[[int], object]:
        def run(count: int) -> None:
            for future in [pool.submit(copy.run, count) for copy in copies]:
                future.result()

        return run

    return [
        replace(copies[0], name=f"{copies[0].name}, {jobs} jobs", run=together(copies), jobs=jobs, shortest=LEAST)
        for copies in zip(*(build() for _ in range(jobs)), strict=True)
    ]
