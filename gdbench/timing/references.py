"""The references of every timing: the peak of fused multiply-adds, and the triad at each level of memory.

They run in the same rounds as what is compared with them, and so also tell whether the machine moved.
"""

import math

import numpy as np

from gdbench.kernels.arithmetic import arrays
from gdbench.kernels.arithmetic import peak as kernels
from gdbench.machine.caches import MEMORY, Level
from gdbench.timing.subjects import Timed

OUT_OF_CACHE = 4  # times the last cache
LARGEST = 512 * 2**20  # bytes; a larger last cache is shared by more cores than one of which can fill it


def peak(dtype: str) -> Timed:
    """Fused multiply-adds in registers; flops are those of a step."""
    factors, sums = np.full(2, 0.5, dtype), _ones(kernels.lanes(dtype), dtype)

    def run(count: int) -> None:
        kernels.multiply_add(count, factors, sums)

    flops = 2.0 * kernels.lanes(dtype) * kernels.REPEATS
    return Timed(f"peak {dtype}", run, part="peak", dtype=dtype, flops=flops)


def triad(level: Level, caches: tuple[Level, ...]) -> Timed:
    """a = a + s b over two arrays that only this level holds: `footprint` bytes together."""
    size = kernels.whole(footprint(level, caches) // 2)
    a, b = _ones(size // 8, "float64"), _ones(size // 8, "float64")

    def run(count: int) -> None:
        kernels.triad(count, 1e-9, a, b)

    return Timed(f"triad {level.name}", run, part="triad", dtype="float64", bytes=3.0 * size, memory=level.name)


def footprint(level: Level, caches: tuple[Level, ...]) -> int:
    """Half of the first cache, midway (as factors go) from one cache to the next, several times the last for memory."""
    place = caches.index(level)
    if level.name == MEMORY:
        return min(OUT_OF_CACHE * caches[-2].size, LARGEST)
    return math.isqrt(caches[place - 1].size * level.size) if place else level.size // 2


def _ones(count: int, dtype: str) -> np.ndarray:
    """That many ones, written, so that they are in memory."""
    array = arrays.empty(count, dtype)
    array[:] = 1
    return array
