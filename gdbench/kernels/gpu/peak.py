"""A GPU's peaks: an empty launch, a copy, a triad, multiply-adds.

    copy("float32").launch(blocks, 0, a, b)  # b = a

arithmetic/peak.py has the CPU's. Arrays are flat, with a multiple of four numbers, which are moved four at a time (16
bytes of float32). The number of blocks changes the speed, not what a launch moves.
"""

from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numba.core import types

from gdbench.kernels.arithmetic.intrinsics import fma
from gdbench.kernels.compile.cuda import Gpu, Kernel, block, blocks, lane
from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.gpu.quads import QUAD, load_quad, registers, store_quad

THREADS = 256  # per block
WAVES = 8  # blocks of a launch, as a multiple of what fits on the GPU at once
TOGETHER = 4  # blocks that a multiprocessor has registers for: half of its threads
CHAINS = 8  # independent sums per thread, so that none waits for its own last multiply-add
REPEATS = 32  # multiply-adds of each sum per iteration of the loop


def grid(gpu: Gpu) -> int:
    """Blocks of a launch that keeps every multiprocessor busy: several times as many as there is room for."""
    return WAVES * TOGETHER * gpu.multiprocessors


def _kind(dtype: str) -> Any:
    return numba.from_dtype(np.dtype(dtype))


@inlined(always=True)
def _first(repeat, all_blocks):
    """Where a thread begins: it moves on by a block per repeat, so that no first-level cache holds what it reads."""
    return ((block() + repeat) % all_blocks * THREADS + lane()) * QUAD


def nothing() -> None:
    """Do nothing: its time is the cost of a launch."""


empty_launch = Kernel(nothing, (), threads=32)


@lru_cache(maxsize=2)
def copy(dtype: str) -> Kernel:
    """b = a, `count` times: `launch(blocks, 0, count, a, b)`. Each number is read once and written once each time."""
    number, vector = np.dtype(dtype).type, _kind(dtype)[::1]

    def copy(count, a, b):
        quad, all_blocks = registers(number(0), QUAD), blocks()
        for repeat in range(count):
            for i in range(_first(repeat, all_blocks), a.size, all_blocks * THREADS * QUAD):
                load_quad(a, i, quad)
                store_quad(quad, b, i)

    return Kernel(copy, (types.int64, vector, vector), threads=THREADS, blocks=TOGETHER, variant=dtype)


@lru_cache(maxsize=2)
def fill(dtype: str) -> Kernel:
    """a = value: `launch(blocks, 0, value, a)`."""
    number, kind = np.dtype(dtype).type, _kind(dtype)

    def fill(value, a):
        quad = registers(number(0), QUAD)
        for i in range(QUAD):
            quad[i] = value
        for i in range(_first(0, blocks()), a.size, blocks() * THREADS * QUAD):
            store_quad(quad, a, i)

    return Kernel(fill, (kind, kind[::1]), threads=THREADS, blocks=TOGETHER, variant=dtype)


@lru_cache(maxsize=2)
def triad(dtype: str) -> Kernel:
    """a = a + scale b, `count` times: `launch(blocks, 0, count, scale, a, b)`. It reads two numbers and writes one."""
    number, kind = np.dtype(dtype).type, _kind(dtype)

    def triad(count, scale, a, b):
        left, right, all_blocks = registers(number(0), QUAD), registers(number(0), QUAD), blocks()
        for repeat in range(count):
            for i in range(_first(repeat, all_blocks), a.size, all_blocks * THREADS * QUAD):
                load_quad(a, i, left)
                load_quad(b, i, right)
                for j in range(QUAD):
                    left[j] = fma(scale, right[j], left[j])
                store_quad(left, a, i)

    return Kernel(triad, (types.int64, kind, kind[::1], kind[::1]), threads=THREADS, blocks=TOGETHER, variant=dtype)


@lru_cache(maxsize=2)
def multiply_add(dtype: str) -> Kernel:
    """`flops(count, blocks)` FLOPs in registers: `launch(blocks, 0, count, factors, sums)`.

    factors: two numbers. sums: one number per thread, written so that the compiler leaves nothing out.
    """
    number, kind = np.dtype(dtype).type, _kind(dtype)

    def multiply_add(count, factors, sums):
        x, y, me = factors[0], factors[1], block() * THREADS + lane()
        chains = registers(number(0), CHAINS)
        for i in range(CHAINS):
            chains[i] = number(i)
        for _ in range(count):
            for _ in range(REPEATS):
                for i in range(CHAINS):
                    chains[i] = fma(chains[i], x, y)
        total = number(0)
        for i in range(CHAINS):
            total += chains[i]
        sums[me] = total

    signature = (types.int64, kind[::1], kind[::1])
    return Kernel(multiply_add, signature, threads=THREADS, blocks=TOGETHER, variant=dtype)


def flops(count: int, launched: int) -> float:
    """FLOPs of a launch of `multiply_add` with `launched` blocks."""
    return 2.0 * count * REPEATS * CHAINS * THREADS * launched
