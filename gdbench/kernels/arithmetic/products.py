"""Matrix products at the machine's full speed, whose bits do not depend on the machine.

Each element is a sum over k in order, one fused multiply-add per k. It starts from 0, from a bias or from the output's
value. Tiles of the output stay in registers (tiles.py). k runs in stretches, so that the panel of b in use stays in the
first-level cache. A panel is packed (copied) first if its columns are not contiguous or its rows lie far apart.

Memory takes longer to deliver a number than a core to use it. So the tiles prefetch while they compute, line by line:
the next panel, what later tiles read of a, and rows that the caller needs after the product (`Prefetch`).
"""

from typing import NamedTuple

import numba
import numpy as np
from numba.core import types

from gdbench.kernels.arithmetic.arrays import LINE
from gdbench.kernels.arithmetic.memory import (
    address,
    copy_number,
    copy_row,
    copy_turned,
    integer,
    put_number,
    put_zeros,
    room,
)
from gdbench.kernels.arithmetic.tiles import WIDE, panel
from gdbench.kernels.arithmetic.vectors import TALLEST, VECTOR_BYTES
from gdbench.kernels.compile.jit import inlined, linked

_STRETCH = 256  # values of k at a time: a packed panel then has at most 32 KB
_PANEL = 2 * VECTOR_BYTES  # bytes of a panel's row
_LINES = max(1, _PANEL // LINE)  # cache lines of a panel's row
_LONG = WIDE * VECTOR_BYTES  # bytes of a panel's row where a has a single row
_PACKED = _STRETCH * _PANEL
_FAR = 1024  # bytes between rows of b from which they compete for too few sets of the cache
_OFTEN = 32  # rows of a from which packing for that reason pays
_wide, _two, _one = panel(WIDE), panel(2), panel(1)


class Prefetch(NamedTuple):
    """Rows of an array that are needed after a product."""

    array: int  # its address
    row: int  # bytes per row
    numbers: int  # address of the row numbers, int64
    rows: int  # how many


NOTHING = Prefetch(0, 0, 0, 0)


@inlined
def _pack_turned(zero, size, b, b_k, b_column, depth, columns, out):
    """Pack a panel whose columns are not contiguous: whole squares by vectors, the columns left over by numbers."""
    width = VECTOR_BYTES // size
    # A square is loaded along k, which must be contiguous.
    squares = columns // width * width if b_k == size else 0
    for j in range(0, squares, width):
        for k in range(0, depth, width):
            place = out + k * _PANEL + j * size
            copy_turned(zero, b + k * b_k + j * b_column, b_column, place, _PANEL, depth - k)
    for j in range(squares, columns):
        for k in range(depth):
            copy_number(zero, b + k * b_k + j * b_column, out + k * _PANEL + j * size)


@inlined
def _next_tiles(tile, top, tile_rows, a_k, panel, b_k, b_column, turned, far, columns):
    """The address that a tile prefetches first, and the bytes from there to the next, one address per k.

    The first tiles of a panel prefetch the next panel if it is to be packed. The others prefetch what the tile after
    the next reads of a, if each k has a line of its own there.
    """
    if far and tile < _LINES:
        return panel + tile * LINE, b_k
    if turned and tile < columns:
        return panel + tile * b_column, b_k
    return (top + 2 * tile_rows, a_k) if a_k >= _FAR else (top, 0)  # nothing to ask for: a line that it reads anyway


def _multiply(
    zero, size, a, a_row, a_k, b, b_k, b_column, start, start_row, out, out_row, rows, depth, columns, prefetch
):  # fmt: skip
    """out = start + a b, by addresses and strides in bytes; `size`: bytes of a number; start = 0 means zeros."""
    packed, zeros = room(_PACKED), room(_LONG)
    if start == 0:
        put_zeros(zero, zeros, WIDE)
    turned, far = b_column != size, b_k >= _FAR and rows >= _OFTEN
    alone = rows == 1 and not turned  # a single row reads b once and gains nothing by stretches
    stretch = depth if alone else _STRETCH
    # Each tile has its own lines to prefetch, so tiles are then called one by one; else one call takes all rows.
    asks = prefetch.rows > 0 or turned or far or a_k >= _FAR
    group, asked = (TALLEST if asks else max(1, rows)), 0
    for k in range(0, depth, stretch):
        deep, j = min(stretch, depth - k), 0
        while j < columns:
            wide = min(_PANEL // size, columns - j)
            # One row by two vectors has two sums, each of which waits for its last multiply-add; WIDE do not wait.
            if alone and columns - j >= _LONG // size:
                wide = _LONG // size
            left, here = a + k * a_k, out + j * size
            right, right_k = b + k * b_k + j * b_column, b_k
            # The next panel: to the right, or at the left of the next stretch.
            beyond = right + wide * b_column if j + wide < columns else b + (k + deep) * b_k
            if turned:
                _pack_turned(zero, size, right, b_k, b_column, deep, wide, packed)
                right, right_k = packed, _PANEL
            elif far and wide * size == _PANEL:
                for i in range(deep):
                    copy_row(zero, right + i * b_k, packed + i * _PANEL)
                right, right_k = packed, _PANEL
            if k > 0:  # a later stretch continues the sums in the output: the order of k stays
                begin, begin_row = here, out_row
            elif start == 0:
                begin, begin_row = zeros, 0
            else:
                begin, begin_row = start + j * size, start_row
            for i in range(0, rows, group):
                top, first, to = left + i * a_row, begin + i * begin_row, here + i * out_row
                tall, wanted, stride = min(group, rows - i), top, 0
                # The caller's rows come first, one per tile, if one line per k covers a row.
                if asked < prefetch.rows and prefetch.row < deep * LINE:
                    wanted = prefetch.array + integer(prefetch.numbers + asked * 8) * prefetch.row
                    asked, stride = asked + 1, prefetch.row // deep + 1
                elif asks:
                    wanted, stride = _next_tiles(
                        i // group, top, group * a_row, a_k, beyond, b_k, b_column, turned, far, wide
                    )
                fixed = (a_row, a_k, right, right_k)
                ends = (tall, deep, wide, wanted, stride)
                if wide * size == _LONG:
                    _wide(zero, top, *fixed, first, begin_row, to, out_row, *ends)
                elif wide * size > VECTOR_BYTES:
                    _two(zero, top, *fixed, first, begin_row, to, out_row, *ends)
                else:
                    _one(zero, top, *fixed, first, begin_row, to, out_row, *ends)
            j += wide


# Compiled once per dtype and called: Numba would optimise it again in every kernel that it is inlined into.
_multiply32, _multiply64 = (
    linked(_multiply, types.void(number, *(types.intp,) * 14, numba.typeof(NOTHING)), str(number))
    for number in (types.float32, types.float64)
)


@inlined
def _by_address(zero, left, b, start, start_row, out, prefetch=NOTHING):
    """`_multiply` for arrays b and out; left: address and strides of a, start: an address or 0."""
    size = out.itemsize
    right = (address(b), b.strides[0], b.strides[1])
    result = (start, start_row, address(out), out.strides[0], out.shape[0], b.shape[0], out.shape[1])
    arguments = (zero, size, *left, *right, *result, prefetch)
    if isinstance(zero, np.float32):
        _multiply32(arguments)
    else:
        _multiply64(arguments)


@inlined
def product(a, b, out):
    """out = a b, for a (rows x depth), b (depth x columns) of any strides and a row-major out (rows x columns).

    All three are float32 or all float64; depth is 1 or more.
    """
    _by_address(out.dtype.type(0), (address(a), a.strides[0], a.strides[1]), b, 0, 0, out)


@inlined
def biased_product(a, b, bias, out, prefetch=NOTHING):
    """out = bias + a b, with one bias per column, otherwise as `product`. prefetch: rows that are needed next."""
    _by_address(out.dtype.type(0), (address(a), a.strides[0], a.strides[1]), b, address(bias), 0, out, prefetch)


@inlined
def add_product(a, b, out):
    """out += a b, otherwise as `product`."""
    _by_address(out.dtype.type(0), (address(a), a.strides[0], a.strides[1]), b, address(out), out.strides[0], out)


@inlined
def column_sums(b, out):
    """out (1 x columns) = the sums of b's columns, in order of rows: a row of ones times b."""
    one = room(8)  # one number, read at stride 0, is the whole row of ones
    put_number(out.dtype.type(1), one)
    _by_address(out.dtype.type(0), (one, 0, 0), b, 0, 0, out)


@inlined
def add_column_sums(b, out):
    """out += the sums of b's columns, otherwise as `column_sums`."""
    one = room(8)
    put_number(out.dtype.type(1), one)
    _by_address(out.dtype.type(0), (one, 0, 0), b, address(out), out.strides[0], out)
