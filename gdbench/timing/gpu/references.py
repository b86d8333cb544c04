"""The references of timings on a GPU, as gdbench/timing/references.py has them for a CPU, and updates."""

from typing import Any

import numpy as np

from gdbench.kernels.compile import cuda
from gdbench.kernels.compile.cuda import Gpu
from gdbench.kernels.gpu import peak as kernels
from gdbench.kernels.gpu.large import kernels as large_kernels
from gdbench.kernels.gpu.quads import QUAD
from gdbench.kernels.rules.contract import Rule
from gdbench.machine.caches import MEMORY, Level
from gdbench.timing import work
from gdbench.timing.gpu.samples import OnGpu
from gdbench.timing.steps import LR

TURNS = 200  # turns of the multiply-adds' loop per launch: a fraction of a millisecond
ARRAYS = 2**30  # bytes of both arrays in the GPU's memory, if there is room
PASSES = 50  # over arrays in the L2 per launch, since a launch takes longer than a single pass
GRAPH = 100  # launches in a graph
L2 = "L2"


def levels(gpu: Gpu) -> tuple[Level, ...]:
    """The levels of memory that all multiprocessors share: the L2 and the GPU's memory."""
    return (Level(L2, gpu.cache), Level(MEMORY, 0))


def peak(gpu: Gpu, dtype: str, jobs: int = 1) -> OnGpu:
    """Fused multiply-adds in registers, on the whole GPU. flops: of one of `jobs` equal parts of a step."""
    grid, kernel = kernels.grid(gpu), kernels.multiply_add(dtype)
    factors = cuda.to_device(np.full(2, 0.5, dtype))
    sums = cuda.empty(grid * kernels.THREADS, dtype)

    def run(count: int) -> None:
        for _ in range(count):
            kernel.launch(grid, 0, TURNS, factors, sums)

    name = f"peak {dtype}" if jobs == 1 else f"peak {dtype}, {jobs} jobs"
    return OnGpu(name, run, part="peak", dtype=dtype, jobs=jobs, flops=kernels.flops(TURNS, grid) / jobs)


def moving(gpu: Gpu, level: str, part: str, *, cold: bool = False) -> OnGpu:
    """Move two float32 arrays that lie in the L2 or in the GPU's memory.

    level: one of `levels`, by name. part: `copy` or `triad`. cold: the L2 is emptied first, so the arrays are fetched.
    """
    far = level == MEMORY
    size = min(ARRAYS, gpu.memory // 4) // 2 if far else gpu.cache // 4
    numbers = max(kernels.THREADS, size // 16 * 4)
    a, b = (_filled(gpu, numbers, "float32") for _ in range(2))
    grid, passes = kernels.grid(gpu), 1 if far or cold else PASSES
    kernel = kernels.copy("float32") if part == "copy" else kernels.triad("float32")
    given = (passes, a, b) if part == "copy" else (passes, np.float32(1e-9), a, b)

    def run(count: int) -> None:
        for _ in range(count):
            kernel.launch(grid, 0, *given)

    moved = (2.0 if part == "copy" else 3.0) * 4 * numbers * passes
    name = f"{part} {level}{', cold' if cold else ''}"
    return OnGpu(name, run, part=part, dtype="float32", bytes=moved, memory=level, cold=cold)


def launch() -> OnGpu:
    """An empty kernel, launched again and again: the cost of a launch."""

    def run(count: int) -> None:
        for _ in range(count):
            kernels.empty_launch.launch(1, 0)

    return OnGpu("empty launch", run, part="launch")


def round_trip() -> OnGpu:
    """An empty kernel, and a wait until it is done."""

    def run(count: int) -> None:
        for _ in range(count):
            kernels.empty_launch.launch(1, 0)
            cuda.synchronize()

    return OnGpu("empty launch and wait", run, part="launch")


def graph() -> OnGpu:
    """A graph of empty kernels; a step replays all `GRAPH` of them."""
    stream = cuda.new_stream()

    def launches(stream: Any) -> None:
        for _ in range(GRAPH):
            kernels.empty_launch.launch(1, 0, stream=stream)

    replay = cuda.Replay(launches, stream)
    replay()  # the first call only launches the kernels; the second records the graph

    def run(count: int) -> None:
        for _ in range(count):
            replay()
        cuda.synchronize()  # since the timing events are on another stream

    return OnGpu(f"graph of {GRAPH} empty launches", run, part="launch")


def update(gpu: Gpu, rule: Rule, dtype: str, parameters: int) -> OnGpu:
    """One update of so many parameters, by the kernel of the engine for large networks.

    The rule has its default hyperparameters and a learning rate at which the parameters hardly move.
    """
    stride, slots, itemsize = -(-parameters // QUAD) * QUAD, len(rule.slots), np.dtype(dtype).itemsize
    home = _filled(gpu, (2 + slots) * stride, dtype)
    table = cuda.to_device(rule.table(rule.with_defaults({}), 1, np.full(1, LR), dtype))
    cursor = cuda.to_device(np.zeros(len(large_kernels.Cursor), np.int64))
    kernel, threads = large_kernels.update(rule, dtype, kernels.THREADS), kernels.THREADS
    held = work.update_arrays(parameters, slots, itemsize)
    level = next(level for level in levels(gpu) if held <= level.size or not level.size)

    def run(count: int) -> None:
        for _ in range(count):
            kernel.launch(-(-stride // QUAD // threads), 0, home, 0, stride, table, cursor)

    return OnGpu(
        f"update {rule.name}, {dtype}, {parameters}",
        run,
        part="update",
        rule=rule.name,
        dtype=dtype,
        bytes=float(work.update_bytes(parameters, slots, itemsize)),
        memory=level.name,
    )


def _filled(gpu: Gpu, size: int, dtype: str) -> Any:
    """An array of equal small positive numbers, filled on the GPU, since it may be too large to send."""
    array = cuda.empty(size, dtype)
    kernels.fill(dtype).launch(kernels.grid(gpu), 0, 1e-3, array)
    return array
