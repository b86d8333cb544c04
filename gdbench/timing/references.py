"""The references of every timing: the peak of fused multiply-adds, and the triad at each level of memory.

They run in the same rounds as the other subjects, so they also show whether the machine's speed changed.
"""

import math

import numpy as np

from gdbench.kernels.arithmetic import arrays
from gdbench.kernels.arithmetic import peak as kernels
from gdbench.machine.caches import MEMORY, Level
from gdbench.timing.subjects import Timed

OUT_OF_CACHE = 4  # times the size of the last cache: the arrays of the triad in memory
LARGEST = 512 * 2**20  # bytes of these arrays at most: one core cannot fill a larger last cache, which many cores share


def peak(dtype: str) -> Timed:
    """Fused multiply-adds in registers; flops: of one step."""
    factors, sums = np.full(2, 0.5, dtype), _ones(kernels.lanes(dtype), dtype)

    def run(count: int) -> None:
        kernels.multiply_add(count, factors, sums)

    flops = 2.0 * kernels.lanes(dtype) * kernels.REPEATS
    return Timed(f"peak {dtype}", run, part="peak", dtype=dtype, flops=flops)


def triad(level: Level, caches: tuple[Level, ...]) -> Timed:
    """a = a + s b over two float64 arrays, of `footprint` bytes together, so that they fit this level and no nearer."""
    size = kernels.whole(footprint(level, caches) // 2)
    a, b = _ones(size // 8, "float64"), _ones(size // 8, "float64")

    def run(count: int) -> None:
        kernels.triad(count, 1e-9, a, b)

    return Timed(f"triad {level.name}", run, part="triad", dtype="float64", bytes=3.0 * size, memory=level.name)


def footprint(level: Level, caches: tuple[Level, ...]) -> int:
    """The bytes of the triad's arrays at a level.

    They are half of the first cache; for a later cache, the geometric mean of its size and the previous one's; for
    memory, several times the last cache.
    """
    place = caches.index(level)
    if level.name == MEMORY:
        return min(OUT_OF_CACHE * caches[-2].size, LARGEST)
    return math.isqrt(caches[place - 1].size * level.size) if place else level.size // 2


def _ones(count: int, dtype: str) -> np.ndarray:
    """So many ones, which are written, so that the system has given them memory."""
    array = arrays.empty(count, dtype)
    array[:] = 1
    return array
