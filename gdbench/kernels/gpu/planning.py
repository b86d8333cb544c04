"""How a sweep is laid out on a card: threads of a block, samples at a time, what lies in shared memory, which engine.

    plan = sweep_plan(problem.sizes, activation, slots, itemsize, batch_size, card)
    print(plan.reason)

Shared memory is some ten times as fast as what lies behind it, so parameters go there if they fit, and activations
before them, since every product reads those. Of two ways that fit, the one that lets more blocks share a multiprocessor
hides more of the time that each spends at its barriers.
"""

from dataclasses import dataclass

import numpy as np

from gdbench.kernels.compile.cuda import Card
from gdbench.kernels.gpu.layout import ROWS, Layout
from gdbench.kernels.gpu.quads import QUAD

# Threads of a block, and how many blocks a multiprocessor should have registers for: 168 a thread, or as many as a
# thread can have; those of float64 take two each, and so do addresses that are not of shared memory.
THREADS = {4: {32: 12, 128: 3, 256: 1}, 8: {32: 8, 128: 2, 256: 1}}
RESERVED = 1024  # bytes of shared memory that the driver keeps of every block


@dataclass(frozen=True)
class SweepPlan:
    """How a block of threads trains a trial."""

    layout: Layout
    threads: int
    blocks: int  # that a multiprocessor has registers for
    near: tuple[bool, bool]  # whether parameters, and whether activations, lie in shared memory
    shared: int  # bytes that a launch asks for
    resident: int  # blocks that a multiprocessor holds at a time

    @property
    def reason(self) -> str:
        """The plan in a sentence."""
        words = {True: "shared memory", False: "the card's memory"}
        return (
            f"a block of {self.threads} threads a trial, {self.layout.rows} samples at a time, parameters in "
            f"{words[self.near[0]]}, activations in {words[self.near[1]]}, {self.resident} blocks a multiprocessor"
        )


def sweep_plan(sizes: np.ndarray, activation: int, slots: int, itemsize: int, batch_size: int, card: Card) -> SweepPlan:
    """The best of the plans that fit a card, for trials of at most that batch size and that many slots."""
    found = []
    most = min(ROWS, -(-batch_size // QUAD) * QUAD)
    for rows in {most, *(size for size in (32, 16, 8, 4) if size < most)}:
        layout = Layout.of(sizes, activation, slots, rows)
        threads = _threads(sizes, rows, list(THREADS[itemsize]))
        for near in ((True, True), (False, True), (False, False)):
            numbers = (layout.parameters if near[0] else 0) + (layout.activations if near[1] else 0)
            shared, own = numbers * itemsize, declared(threads, itemsize)
            if shared + own <= card.shared:
                blocks = blocks_with_registers(threads, itemsize, near)
                resident = max(1, min(blocks, card.shared_together // (shared + own + RESERVED)))
                found.append(SweepPlan(layout, threads, blocks, near, shared, resident))
    return max(found, key=lambda plan: _worth(plan, most))


def declared(threads: int, itemsize: int) -> int:
    """Bytes of shared memory that the kernel declares itself."""
    return ROWS * (QUAD + 2 * itemsize) + threads * itemsize


def blocks_with_registers(threads: int, itemsize: int, near: tuple[bool, bool]) -> int:
    """Blocks that a multiprocessor should have registers for: so few that no thread runs out of them."""
    return THREADS[itemsize if all(near) else max(THREADS)][threads]


def _threads(sizes: np.ndarray, rows: int, choice: list[int]) -> int:
    """As many as the largest product of a layer has tiles, roughly."""
    tiles = max(
        -(-max(rows, int(inputs)) // QUAD) * -(-int(outputs) // QUAD)
        for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True)
    )
    return next((threads for threads in choice if tiles <= 2 * threads), choice[-1])


def _worth(plan: SweepPlan, most: int) -> tuple[float, int]:
    """Near parameters count most, then near activations, then the warps at work; between equals, more samples."""
    warps = min(16, plan.resident * plan.threads // 32)
    visits = -(-most // plan.layout.rows)
    return (10 * plan.near[1] + 5 * plan.near[0] + warps / 16 - 2 * (visits - 1) / visits, plan.layout.rows)
