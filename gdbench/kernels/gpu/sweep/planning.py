"""How a sweep is laid out on a GPU: threads per block, samples at a time, what lies in shared memory.

    plan = sweep_plan(problem.sizes, activation, slots, itemsize, batch_size, gpu)
    print(plan.reason)

Shared memory is some ten times as fast as the memory behind it. Activations go there first, since every product reads
them, then parameters if they fit too. Of two plans that fit, the one with more blocks per multiprocessor hides more of
the time that each block waits at barriers.
"""

from dataclasses import dataclass

import numpy as np

from gdbench.kernels.compile.cuda import Gpu
from gdbench.kernels.gpu.layout import ROWS, Layout
from gdbench.kernels.gpu.quads import QUAD

# By bytes of a number: threads per block, and blocks that a multiprocessor should have registers for. That is 168
# registers per thread, or as many as it can have. A float64 takes two, and so does an address outside shared memory.
THREADS = {4: {32: 12, 128: 3, 256: 1}, 8: {32: 8, 128: 2, 256: 1}}
ALIGNMENT = 16  # bytes, of the array whose size is an argument of the launch
RESERVED = 1024  # bytes of shared memory that the driver takes for every block


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
        words = {True: "shared memory", False: "the GPU's memory"}
        return (
            f"a block of {self.threads} threads a trial, {self.layout.rows} samples at a time, parameters in "
            f"{words[self.near[0]]}, activations in {words[self.near[1]]}, {self.resident} blocks a multiprocessor"
        )


def sweep_plan(sizes: np.ndarray, activation: int, slots: int, itemsize: int, batch_size: int, gpu: Gpu) -> SweepPlan:
    """The best of the plans that fit a GPU, for trials of at most that batch size and that many slots."""
    found = []
    most = min(ROWS, -(-batch_size // QUAD) * QUAD)
    for rows in {most, *(size for size in (32, 16, 8, 4) if size < most)}:
        layout = Layout.of(sizes, activation, slots, rows)
        threads = _threads(sizes, rows, list(THREADS[itemsize]))
        for near in ((True, True), (False, True), (False, False)):
            numbers = (layout.parameters if near[0] else 0) + (layout.activations if near[1] else 0)
            shared, own = numbers * itemsize, declared(threads, itemsize)
            if shared + own <= gpu.shared:
                blocks = blocks_with_registers(threads, itemsize, near)
                resident = max(1, min(blocks, gpu.shared_together // (shared + own + RESERVED)))
                found.append(SweepPlan(layout, threads, blocks, near, shared, resident))
    return max(found, key=lambda plan: _worth(plan, most))


def declared(threads: int, itemsize: int) -> int:
    """Bytes of shared memory that the kernel declares itself: a multiple of the alignment of what lies behind."""
    own = ROWS * (QUAD + 2 * itemsize) + threads * itemsize + 4  # an int32
    return -(-own // ALIGNMENT) * ALIGNMENT


def blocks_with_registers(threads: int, itemsize: int, near: tuple[bool, bool]) -> int:
    """Blocks that a multiprocessor should have registers for: so few that no thread runs out of them."""
    return THREADS[itemsize if all(near) else max(THREADS)][threads]


def _threads(sizes: np.ndarray, rows: int, choice: list[int]) -> int:
    """The fewest threads with at most two tiles each in a layer's largest product, else the most threads."""
    tiles = max(
        -(-max(rows, int(inputs)) // QUAD) * -(-int(outputs) // QUAD)
        for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True)
    )
    return next((threads for threads in choice if tiles <= 2 * threads), choice[-1])


def _worth(plan: SweepPlan, most: int) -> tuple[float, int]:
    """Near activations count most, then near parameters, few visits a batch, many warps; between equals, more rows."""
    warps = min(16, plan.resident * plan.threads // 32)
    visits = -(-most // plan.layout.rows)
    return (10 * plan.near[1] + 5 * plan.near[0] + warps / 16 - 2 * (visits - 1) / visits, plan.layout.rows)
