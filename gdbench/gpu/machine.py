"""The references of timings on a card, and updates beside them: `gdbench/timing/machine.py` for a GPU."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from gdbench.caches import MEMORY, Level
from gdbench.gpu.timing import OnCard
from gdbench.kernels import cuda
from gdbench.kernels.contract import Rule
from gdbench.kernels.cuda import Card
from gdbench.kernels.gpu import machine
from gdbench.timing import work

TURNS = 200  # of the multiply-adds' loop a launch: a fraction of a millisecond
ARRAYS = 2**30  # bytes of the arrays that stand for the card's memory, together, where there is room
PASSES = 50  # over arrays in the L2 a launch, which would take longer to ask for than to do
L2 = "L2"


def levels(card: Card) -> tuple[Level, ...]:
    """The memories behind the multiprocessors."""
    return (Level(L2, card.cache), Level(MEMORY, 0))


def peak(card: Card, dtype: str, jobs: int = 1) -> OnCard:
    """Fused multiply-adds in registers, on the whole card; flops are those of one of `jobs` parts."""
    grid, kernel = machine.grid(card), machine.multiply_add(dtype)
    factors = cuda.to_device(np.full(2, 0.5, dtype))
    sums = cuda.empty(grid * machine.THREADS, dtype)

    def run(count: int) -> None:
        for _ in range(count):
            kernel.launch(grid, 0, TURNS, factors, sums)

    name = f"peak {dtype}" if jobs == 1 else f"peak {dtype}, {jobs} jobs"
    return OnCard(name, run, part="peak", dtype=dtype, jobs=jobs, flops=machine.flops(TURNS, grid) / jobs)


def moving(card: Card, level: str, part: str, *, cold: bool = False) -> OnCard:
    """`copy` or `triad` over two arrays of float32 in the L2 or beyond; a cold one in the L2 has to fetch them."""
    far = level == MEMORY
    size = min(ARRAYS, card.memory // 4) // 2 if far else card.cache // 4
    numbers = max(machine.THREADS, size // 16 * 4)
    a, b = (_filled(card, numbers, "float32") for _ in range(2))
    grid, passes = machine.grid(card), 1 if far or cold else PASSES
    kernel = machine.copy("float32") if part == "copy" else machine.triad("float32")
    given = (passes, a, b) if part == "copy" else (passes, np.float32(1e-9), a, b)

    def run(count: int) -> None:
        for _ in range(count):
            kernel.launch(grid, 0, *given)

    moved = (2.0 if part == "copy" else 3.0) * 4 * numbers * passes
    name = f"{part} {level}{', cold' if cold else ''}"
    return OnCard(name, run, part=part, dtype="float32", bytes=moved, memory=level, cold=cold)


def launch() -> OnCard:
    """An empty kernel, launch after launch: what asking costs."""

    def run(count: int) -> None:
        for _ in range(count):
            machine.empty_launch.launch(1, 0)

    return OnCard("empty launch", run, part="launch")


def round_trip() -> OnCard:
    """An empty kernel, and wait for it."""

    def run(count: int) -> None:
        for _ in range(count):
            machine.empty_launch.launch(1, 0)
            cuda.synchronize()

    return OnCard("empty launch and wait", run, part="launch")


def updates(card: Card, rule: Rule, dtype: str, parameters: int, grids: tuple[int, ...]) -> Iterator[OnCard]:
    """One fused update of so many parameters by each grid, whose sizes are in blocks a multiprocessor.

    Settings are the rule's own, at a learning rate at which nothing moves.
    """
    stride, slots = -(-parameters // 4) * 4, len(rule.slots)
    home = _filled(card, (2 + slots) * stride, dtype)
    row = cuda.to_device(rule.table(rule.settings({}), 1, np.full(1, 1e-9), dtype)[0])
    kernel, itemsize = machine.update(rule, dtype), np.dtype(dtype).itemsize
    held = work.update_arrays(parameters, slots, itemsize)
    level = next(level for level in levels(card) if held <= level.size or not level.size)

    def runner(grid: int) -> Callable[[int], None]:
        def run(count: int) -> None:
            for _ in range(count):
                kernel.launch(grid, 0, home, stride, row)

        return run

    whole = OnCard(
        "",
        lambda count: None,
        part="update",
        rule=rule.name,
        dtype=dtype,
        bytes=float(work.update_bytes(parameters, slots, itemsize)),
        memory=level.name,
    )
    for each in grids:
        name = f"update {rule.name}, {dtype}, {parameters}, {each} blocks a multiprocessor"
        yield replace(whole, name=name, run=runner(each * card.multiprocessors))


def _filled(card: Card, size: int, dtype: str) -> Any:
    """Numbers that are all alike, small and positive, in an array that may be too large to be sent."""
    array = cuda.empty(size, dtype)
    machine.fill(dtype).launch(machine.grid(card), 0, 1e-3, array)
    return array
