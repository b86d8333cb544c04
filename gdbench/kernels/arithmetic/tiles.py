"""The register tiles under every matrix product: all rows of one panel of columns.

A tile keeps its part of the output, a few rows by one or two vectors, in registers while k runs. Each k then costs a
load per row, a load per vector, and otherwise only fused multiply-adds. A single row has WIDE vectors, so that no sum
waits for its own last multiply-add. Each element is a chain of its own, start + a_0 b_0 + a_1 b_1 + ... from the left.
Vectors run along the columns, so their width, which depends on the processor, changes no bit.

    panel(2)(zero, a, a_row, a_k, b, b_k, start, start_row, out, out_row, rows, depth, columns, prefetch, stride)

`zero` gives the dtype. a, b, start and out are addresses, strides are in bytes, and the columns of b, start and out are
contiguous. A panel of two vectors has more columns than one vector. If it has fewer than two, the vectors overlap and
compute the same numbers twice. A panel of one vector masks the lanes from `columns` on. A panel of WIDE vectors has as
many columns as they have lanes.

With each k a tile prefetches the cache line at `prefetch`, which then moves on by `stride` bytes. So data that is far
away arrives while the tile computes. A core waits for few lines at once: to prefetch many in one go would delay the
tile's own loads.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types

from gdbench.kernels.arithmetic.memory import view
from gdbench.kernels.arithmetic.unfused import Exact, Quick
from gdbench.kernels.arithmetic.vectors import I64, TALLEST, VECTOR_BYTES, Vectors, instruction
from gdbench.kernels.compile.processor import fused

WIDE = 8  # vectors of a tile of one row


def _write_tile(
    v: Vectors, rows: int, offsets: Sequence[ir.Value], mask: ir.Value | None, arguments: Sequence[ir.Value]
) -> None:
    """Emit one tile whose vectors lie at `offsets`; arguments: the module docstring's except zero, rows and columns."""
    a, a_row, a_k, b, b_k, start, start_row, out, out_row, depth, prefetch, stride = arguments
    builder = v.builder

    def places(base: ir.Value, stride: ir.Value) -> list[ir.Value]:
        heads = [builder.add(base, builder.mul(stride, I64(i))) for i in range(rows)]
        return [builder.add(head, offset) for head in heads for offset in offsets]

    def store(sums: Sequence[ir.Value]) -> None:
        for end, place in zip(sums, places(out, out_row), strict=True):
            v.store(end, place, mask)

    first = [v.load(place, mask) for place in places(start, start_row)]
    # Opaque: LLVM would compute the addresses anew for every k.
    heads = [v.opaque(builder.add(a, builder.mul(a_row, I64(i)))) for i in range(rows)]
    loop = (heads, a_k, b, b_k, depth, prefetch, stride)
    if fused():
        store(_write_loop(v, Exact(builder), offsets, mask, first, *loop)[0])
        return
    # Without FMA: compute fast, and again with Exact if a result is in doubt.
    quick = Quick(builder, v.type)
    quick.begin()
    sums, doubt = _write_loop(v, quick, offsets, mask, first, *loop)
    with builder.if_else(builder.or_(quick.troubled(), v.any(doubt)), likely=False) as (doubted, sure):
        with doubted:
            store(_write_loop(v, Exact(builder), offsets, mask, first, *loop)[0])
        with sure:
            store([quick.finish(total) for total in sums])


def _write_loop(
    v: Vectors,
    how: Exact | Quick,
    offsets: Sequence[ir.Value],
    mask: ir.Value | None,
    first: Sequence[ir.Value],
    heads: Sequence[ir.Value],
    a_k: ir.Value,
    b: ir.Value,
    b_k: ir.Value,
    depth: ir.Value,
    prefetch: ir.Value,
    stride: ir.Value,
) -> tuple[list[ir.Value], ir.Value]:
    """Emit the loop over k. Returns the sums from `first` on, row by row as `how` keeps them, and the doubt in them."""
    builder = v.builder
    begins, doubt = how.start(first)
    before, loop, after = builder.block, builder.append_basic_block("k"), builder.append_basic_block("k.end")
    builder.branch(loop)
    builder.position_at_end(loop)
    sums = [builder.phi(begin.type) for begin in begins]
    doubts = builder.phi(doubt.type)
    left, a_at, row_of_b, wanted = (builder.phi(I64) for _ in range(4))
    v.prefetch(wanted)
    factors = [how.factor(v.load(builder.add(row_of_b, offset), mask)) for offset in offsets]
    ends, doubted = [], doubts
    for i, total in enumerate(sums):
        if i % len(factors) == 0:
            v.keep_order()  # row by row, or LLVM loads the numbers of all rows first
            number = v.number(builder.add(heads[i // len(factors)], a_at))
            x = [v.everywhere(part) for part in how.factor(number)]
        end, doubted = how.step(x, factors[i % len(factors)], total, doubted)
        ends.append(end)
    steps = [(left, depth, I64(-1)), (a_at, I64(0), a_k), (row_of_b, b, b_k), (wanted, prefetch, stride)]
    following = [(phi, begin, v.opaque(builder.add(phi, step))) for phi, begin, step in steps]
    following += [*zip(sums, begins, ends, strict=True), (doubts, doubt, doubted)]
    for phi, begin, end in following:
        phi.add_incoming(begin, before)
        phi.add_incoming(end, loop)
    builder.cbranch(builder.icmp_signed(">", left, I64(1)), loop, after)  # tested at the end: depth is 1 or more
    builder.position_at_end(after)
    return ends, doubted


def _write_rows(v: Vectors, vectors: int, arguments: Sequence[ir.Value]) -> None:
    """Emit the loops over rows: the tallest tiles while they fit, then lower ones."""
    heights: tuple[int, ...]
    a, a_row, a_k, b, b_k, start, start_row, out, out_row, rows, depth, columns, prefetch, stride = arguments
    builder = v.builder
    if vectors == WIDE:
        heights, offsets, mask = (1,), [I64(i * VECTOR_BYTES) for i in range(WIDE)], None
    else:
        # The second vector ends at the last column, so that it overlaps the first instead of needing a mask.
        second = builder.mul(builder.sub(columns, I64(v.width)), I64(v.size))
        heights = (TALLEST, *(height for height in (4, 2, 1) if height < TALLEST))
        offsets, mask = ([I64(0), second], None) if vectors == 2 else ([I64(0)], v.lanes_below(columns))
    done: ir.Value = I64(0)
    for height in heights:
        before, test = builder.block, builder.append_basic_block("rows")
        body, after = builder.append_basic_block("tile"), builder.append_basic_block("rows.end")
        builder.branch(test)
        builder.position_at_end(test)
        i = builder.phi(I64)
        i.add_incoming(done, before)
        following = builder.add(i, I64(height))
        builder.cbranch(builder.icmp_signed("<=", following, rows), body, after)
        builder.position_at_end(body)
        heads = [
            builder.add(base, builder.mul(i, stride))
            for base, stride in ((a, a_row), (start, start_row), (out, out_row))
        ]
        a_here, start_here, out_here = heads
        given = [a_here, a_row, a_k, b, b_k, start_here, start_row, out_here, out_row, depth, prefetch, stride]
        _write_tile(v, height, offsets, mask, given)
        i.add_incoming(following, builder.block)
        builder.branch(test)
        builder.position_at_end(after)
        done = i


def _panel_twin(zero, a, a_row, a_k, b, b_k, start, start_row, out, out_row, rows, depth, columns, prefetch, stride):
    """A panel in plain Python, by float64: exact products of float32 numbers, rounded ones of float64."""
    size = zero.itemsize
    a, b = view(zero, a, (rows, depth), (a_row, a_k)), view(zero, b, (depth, columns), (b_k, size))
    total = view(zero, start, (rows, columns), (start_row, size))
    for k in range(depth):
        total = (np.outer(a[:, k].astype(np.float64), b[k].astype(np.float64)) + total).astype(type(zero))
    view(zero, out, (rows, columns), (out_row, size))[:] = total


def panel(vectors: int) -> Any:
    """The intrinsic of the module docstring for panels of one, two or WIDE vectors; depth is 1 or more."""

    def typing(
        context, zero, a, a_row, a_k, b, b_k, start, start_row, out, out_row, rows, depth, columns, prefetch, stride
    ):
        def lower(context, builder, signature, arguments):
            _write_rows(Vectors(context, builder, zero), vectors, arguments[1:])
            return context.get_dummy_value()

        return types.void(zero, *(types.intp,) * 14), lower

    return instruction(_panel_twin)(typing)
