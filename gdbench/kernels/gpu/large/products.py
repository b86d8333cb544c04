"""The three matrix products of a layer by the whole GPU, with the bits of kernels/arithmetic/products.py.

A block of threads computes a tile of the output. Each thread keeps 8 x 8 elements of it (4 x 4 in a small tile) in
registers. While a block multiplies a stretch of k from shared memory, it loads the next stretch into registers. Each
element is a sum over k in order, one fused multiply-add per k, starting as `begin` says. The edges are not padded with
products by 0, which would turn -0 into 0 and 0 times inf into NaN.

A matrix is a flat array, an offset in it and the distance of its rows. `along` means that k runs along its rows, else
across them. If every row begins at a multiple of four numbers (`wide`), 16 bytes are moved at a time; rows must then
have room for a whole number of quads.
"""

from functools import lru_cache
from typing import NamedTuple

import numba
import numpy as np
from numba.core import types

from gdbench.kernels.arithmetic.intrinsics import fma
from gdbench.kernels.compile.cuda import ALIGNED, Kernel, barrier, block, cuda, lane
from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.gpu.quads import QUAD, load, load_quad, ratio, registers, store, store_quad


class Tile(NamedTuple):
    """The part of the output that a block of threads computes."""

    rows: int
    columns: int
    depth: int  # of a stretch of k
    squares: int  # of 4 x 4 elements per thread, down and across: 1 or 2
    resident: int = 1  # blocks that a multiprocessor should have registers for, in float32

    @property
    def threads(self) -> int:
        """Threads per block."""
        return self.rows * self.columns // (QUAD * self.squares) ** 2

    def number(self, rows: int, columns: int) -> int:
        """How many tiles cover an output."""
        return -(-rows // self.rows) * -(-columns // self.columns)


# Large tiles load less per product; small ones give every multiprocessor work on a small output (costs.py chooses).
TILES = (Tile(128, 128, 8, 2, 2), Tile(64, 64, 8, 2, 6), Tile(32, 32, 8, 1, 8))
ZERO, BIAS, ONWARD = range(3)  # where sums start: from 0, from a bias per column, from the output's value
# Whether k runs along the rows of a, and of b.
FORWARD, INPUTS, WEIGHTS = (True, False), (True, True), (False, False)
_NAMES = {FORWARD: "forward", INPUTS: "inputs", WEIGHTS: "weights"}


def _stretch(along, extent, depth, threads):
    """Make the moves of a stretch of k of `extent` rows or columns: memory to registers, registers to shared memory.

    In shared memory each k is a row, `extent` + 4 numbers from the next, so that transposed stores rarely share a bank.
    """
    loads, pitch = extent * depth // (QUAD * threads), extent + QUAD
    across, down = extent // QUAD, depth // QUAD

    def fetch(m, m0, m_row, wide, first, count, k0, deep, held, me):
        # Beyond the edge it loads a number within: no sum that is stored uses it.
        quad = registers(m.dtype.type(0), QUAD)
        for i in range(loads):
            q = me + i * threads
            if along:
                place = m0 + min(first + q // down, count - 1) * m_row
                start, last = k0 + q % down * QUAD, deep - 1
            else:
                place = m0 + min(k0 + q // across, deep - 1) * m_row
                start, last = first + q % across * QUAD, count - 1
            if wide:
                load_quad(m, place + (start if start <= last else 0), quad)
            else:
                for j in range(QUAD):
                    quad[j] = load(m, place + min(start + j, last))
            for j in range(QUAD):
                held[i * QUAD + j] = quad[j]

    def put(held, near, base, me):
        quad = registers(near.dtype.type(0), QUAD)
        for i in range(loads):
            q = me + i * threads
            if along:
                place = base + q % down * QUAD * pitch + q // down
                for j in range(QUAD):
                    store(held[i * QUAD + j], near, place + j * pitch)
            else:
                for j in range(QUAD):
                    quad[j] = held[i * QUAD + j]
                store_quad(quad, near, base + q // across * pitch + q % across * QUAD)

    return inlined(fetch, always=True), inlined(put, always=True), loads * QUAD, pitch


@inlined(always=True)
def _begin(sums, begin, bias, bias0, out, out0, out_row, row, column, rows, columns):
    """Start a square of 4 x 4 sums."""
    for i in range(QUAD):
        for j in range(QUAD):
            r, c = min(row + i, rows - 1), min(column + j, columns - 1)
            if begin == BIAS:
                sums[i * QUAD + j] = load(bias, bias0 + c)
            elif begin == ONWARD:
                sums[i * QUAD + j] = load(out, out0 + r * out_row + c)
            else:
                sums[i * QUAD + j] = out.dtype.type(0)


@inlined(always=True)
def _add(left, right, sums):
    """Add the products of four rows and four columns, for one k, to a square's sums."""
    for i in range(QUAD):
        for j in range(QUAD):
            sums[i * QUAD + j] = fma(left[i], right[j], sums[i * QUAD + j])


@inlined(always=True)
def _end(sums, out, out0, out_row, wide, row, column, rows, columns):
    """Store a square's sums as far as they lie in the output."""
    quad = registers(out.dtype.type(0), QUAD)
    for i in range(QUAD):
        place = out0 + (row + i) * out_row + column
        if row + i < rows:
            if wide and column + QUAD <= columns:
                for j in range(QUAD):
                    quad[j] = sums[i * QUAD + j]
                store_quad(quad, out, place)
            else:
                for j in range(QUAD):
                    if column + j < columns:
                        store(sums[i * QUAD + j], out, place + j)


@lru_cache(maxsize=64)
def product(kind: tuple[bool, bool], dtype: str, tile: Tile) -> Kernel:
    """The kernel of one kind of product: FORWARD x W (+ b), INPUTS d W^T or WEIGHTS x^T d; one block per tile."""
    number, one = numba.from_dtype(np.dtype(dtype)), np.dtype(dtype).type
    threads, depth, squares = tile.threads, tile.depth, tile.squares
    fetch_a, put_a, held_a, pitch_a = _stretch(kind[0], tile.rows, depth, threads)
    fetch_b, put_b, held_b, pitch_b = _stretch(kind[1], tile.columns, depth, threads)
    tile_rows, tile_columns, tall = tile.rows, tile.columns, squares > 1
    half_rows, half_columns = tile.rows // squares, tile.columns // squares
    side = tile.columns // (QUAD * squares)  # threads side by side
    size_a, size_b = pitch_a * depth, pitch_b * depth
    room = 2 * (size_a + size_b)  # two buffers: one is read while the other is filled

    def product(
        a, a0, a_row, b, b0, b_row, b_wide, begin, bias, bias0, out, out0, out_row, out_wide, rows, deep, columns
    ):
        near = cuda.shared.array(room, number, ALIGNED)
        me, across = lane(), (columns + tile_columns - 1) // tile_columns
        down = ratio(block(), across)
        top, first = down * tile_rows, (block() - down * across) * tile_columns
        r, c = me // side * QUAD, me % side * QUAD
        row, column = top + r, first + c
        zero = one(0)
        upper_left, upper_right = registers(zero, 16), registers(zero, 16)
        lower_left, lower_right = registers(zero, 16), registers(zero, 16)
        upper, lower, left, right = (
            registers(zero, QUAD),
            registers(zero, QUAD),
            registers(zero, QUAD),
            registers(zero, QUAD),
        )
        next_a, next_b = registers(zero, held_a), registers(zero, held_b)
        place = (bias, bias0, out, out0, out_row)
        _begin(upper_left, begin, *place, row, column, rows, columns)
        if tall:
            _begin(upper_right, begin, *place, row, column + half_columns, rows, columns)
            _begin(lower_left, begin, *place, row + half_rows, column, rows, columns)
            _begin(lower_right, begin, *place, row + half_rows, column + half_columns, rows, columns)
        fetch_a(a, a0, a_row, True, top, rows, 0, deep, next_a, me)
        fetch_b(b, b0, b_row, b_wide, first, columns, 0, deep, next_b, me)
        here = 0
        put_a(next_a, near, here, me)
        put_b(next_b, near, here + size_a, me)
        barrier()
        for k0 in range(0, deep, depth):
            more = k0 + depth < deep
            if more:  # these loads arrive while the products are computed
                fetch_a(a, a0, a_row, True, top, rows, k0 + depth, deep, next_a, me)
                fetch_b(b, b0, b_row, b_wide, first, columns, k0 + depth, deep, next_b, me)
            at_a, at_b = here + r, here + size_a + c
            for _ in range(min(depth, deep - k0)):
                load_quad(near, at_a, upper)
                load_quad(near, at_b, left)
                _add(upper, left, upper_left)
                if tall:
                    load_quad(near, at_a + half_rows, lower)
                    load_quad(near, at_b + half_columns, right)
                    _add(upper, right, upper_right)
                    _add(lower, left, lower_left)
                    _add(lower, right, lower_right)
                at_a += pitch_a
                at_b += pitch_b
            here = size_a + size_b - here  # the other buffer
            if more:
                put_a(next_a, near, here, me)
                put_b(next_b, near, here + size_a, me)
            barrier()
        target = (out, out0, out_row, out_wide)
        _end(upper_left, *target, row, column, rows, columns)
        if tall:
            _end(upper_right, *target, row, column + half_columns, rows, columns)
            _end(lower_left, *target, row + half_rows, column, rows, columns)
            _end(lower_right, *target, row + half_rows, column + half_columns, rows, columns)

    flat, whole, flag = number[::1], types.int64, types.boolean
    matrix = (flat, whole, whole)
    signature = (*matrix, *matrix, flag, whole, flat, whole, *matrix, flag, whole, whole, whole)
    return Kernel(
        product,
        signature,
        threads=threads,
        blocks=max(1, tile.resident * 4 // np.dtype(dtype).itemsize),
        variant=f"{_NAMES[kind]}-{dtype}-{tile.rows}x{tile.columns}",
    )
