"""What a card can do at best, beside what is asked of it: an empty launch, a copy, a triad, multiply-adds.

    copy("float32").launch(blocks, 0, a, b)  # b = a

As arithmetic/peak.py has them for a CPU. Arrays are flat, of a multiple of four numbers, and visited four at a time (16
bytes of float32) by however many blocks there are: what a launch moves does not depend on that, its speed does.
"""

from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numba.core import types

from gdbench.kernels.arithmetic.intrinsics import fma
from gdbench.kernels.compile.cuda import Card, Kernel, block, blocks, lane
from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.gpu.quads import QUAD, load_quad, registers, store_quad

THREADS = 256  # of a block
WAVES = 8
TOGETHER = 4  # blocks that a multiprocessor has registers for: half of its threads
CHAINS = 8  # sums of a thread that are added to in turn, so that none waits for itself
REPEATS = 32  # multiply-adds of each of them a turn of the loop


def grid(card: Card) -> int:
    """Blocks of a launch that keeps every multiprocessor at work: several times as many as there is room for."""
    return WAVES * TOGETHER * card.multiprocessors


def _kind(dtype: str) -> Any:
    return numba.from_dtype(np.dtype(dtype))


@inlined(always=True)
def _first(turn, all_blocks):
    """Where a thread begins: each time in its neighbour's place, so that no first-level cache has what it reads."""
    return ((block() + turn) % all_blocks * THREADS + lane()) * QUAD


def nothing() -> None:
    """Do nothing: what a launch costs by itself."""


empty_launch = Kernel(nothing, (), threads=32)


@lru_cache(maxsize=2)
def copy(dtype: str) -> Kernel:
    """b = a, `count` times: `launch(blocks, 0, count, a, b)`. Each number is read once and written once each time."""
    number, vector = np.dtype(dtype).type, _kind(dtype)[::1]

    def copy(count, a, b):
        quad, all_blocks = registers(number(0), QUAD), blocks()
        for turn in range(count):
            for i in range(_first(turn, all_blocks), a.size, all_blocks * THREADS * QUAD):
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
    """a = a + scale b, `count` times: `launch(blocks, 0, count, scale, a, b)`. Of three numbers one is written."""
    number, kind = np.dtype(dtype).type, _kind(dtype)

    def triad(count, scale, a, b):
        left, right, all_blocks = registers(number(0), QUAD), registers(number(0), QUAD), blocks()
        for turn in range(count):
            for i in range(_first(turn, all_blocks), a.size, all_blocks * THREADS * QUAD):
                load_quad(a, i, left)
                load_quad(b, i, right)
                for j in range(QUAD):
                    left[j] = fma(scale, right[j], left[j])
                store_quad(left, a, i)

    return Kernel(triad, (types.int64, kind, kind[::1], kind[::1]), threads=THREADS, blocks=TOGETHER, variant=dtype)


@lru_cache(maxsize=2)
def multiply_add(dtype: str) -> Kernel:
    """`flops(count, blocks)` FLOPs in registers: `launch(blocks, 0, count, factors, sums)`.

    factors: two numbers. sums: a number a thread, written, so that the compiler leaves nothing out.
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
    """Of a launch of `multiply_add` with so many blocks."""
    return 2.0 * count * REPEATS * CHAINS * THREADS * launched
