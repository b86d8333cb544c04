"""The three matrix products of a layer by a block of threads, with the bits of kernels/arithmetic/products.py.

A thread keeps 4 x 4 elements of the output in registers while k runs. Each element is a sum over k in order, one fused
multiply-add per k. A matrix begins at an offset in a flat array. Its rows are `leading` numbers apart, an odd number of
quads, so that threads that read one column of neighbouring rows use different banks of shared memory.
"""

import numpy as np

from gdbench.kernels.arithmetic.intrinsics import fma
from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.gpu.quads import QUAD, load, load_quad, ratio, registers, store


@inlined
def leading(width):
    """Numbers from one row of a matrix of activations to the next, for rows of `width`: an odd number of quads."""
    quads = (width + QUAD - 1) // QUAD
    return QUAD * (quads + 1 - quads % 2)


def _along_k(turned, wide):
    """Make the product a b, where the rows of a run along k; `turned`: b is the transpose of a row-major matrix.

    wide: a is read in quads along k, for which float64 has too few registers. A tile over the edge computes with what
    lies there, which is memory of the same trial, and does not store it.
    """

    def product(a, a0, a_row, b, b0, b_row, biased, bias, out, out0, out_row, rows, depth, columns, lane, lanes):
        zero = out.dtype.type(0)
        down, across = (rows + QUAD - 1) // QUAD, (columns + QUAD - 1) // QUAD
        b_k, b_column = (1, b_row) if turned else (b_row, 1)
        for tile in range(lane, down * across, lanes):
            # Neighbouring threads take neighbouring rows if b is turned, else neighbouring columns. A thread's four
            # rows are `down` apart.
            outer = ratio(tile, down if turned else across)
            inner = tile - outer * (down if turned else across)
            r, c = (inner, outer * QUAD) if turned else (outer, inner * QUAD)
            sums, left, quad = registers(zero, 16), registers(zero, 16), registers(zero, QUAD)
            for j in range(QUAD):
                first = load(b, bias + c + j) if biased else zero
                for i in range(QUAD):
                    sums[i * QUAD + j] = first
            head, foot, apart = a0 + r * a_row, b0 + c * b_column, down * a_row
            quads = depth // QUAD * QUAD if wide else 0
            for k in range(0, quads, QUAD):
                for i in range(QUAD):
                    load_quad(a, head + i * apart + k, quad)
                    for q in range(QUAD):
                        left[i * QUAD + q] = quad[q]
                for q in range(QUAD):
                    for j in range(QUAD):
                        y = load(b, foot + j * b_column + (k + q) * b_k)
                        for i in range(QUAD):
                            sums[i * QUAD + j] = fma(left[i * QUAD + q], y, sums[i * QUAD + j])
            for k in range(quads, depth):
                for j in range(QUAD):
                    y = load(b, foot + j * b_column + k * b_k)
                    for i in range(QUAD):
                        sums[i * QUAD + j] = fma(load(a, head + i * apart + k), y, sums[i * QUAD + j])
            for i in range(QUAD):
                for j in range(QUAD):
                    row = r + i * down
                    if row < rows and c + j < columns:
                        store(sums[i * QUAD + j], out, out0 + row * out_row + c + j)

    return inlined(product, always=True)


_forward32, _forward64 = _along_k(False, True), _along_k(False, False)
_input32, _input64 = _along_k(True, True), _along_k(True, False)


@inlined(always=True)
def forward_product(zero, *given):
    """out = bias + a b, by `_along_k` for the dtype of `zero`."""
    if isinstance(zero, np.float32):
        _forward32(*given)
    else:
        _forward64(*given)


@inlined(always=True)
def input_product(zero, *given):
    """out = a b^T, otherwise as `forward_product`."""
    if isinstance(zero, np.float32):
        _input32(*given)
    else:
        _input64(*given)


@inlined(always=True)
def weight_product(x, x0, x_row, d, d0, d_row, more, out, out0, samples, inputs, outputs, lane, lanes):
    """out (inputs x outputs, contiguous) = x^T d over `samples` rows of both; += if `more`."""
    zero = out.dtype.type(0)
    down, across = (inputs + QUAD - 1) // QUAD, (outputs + QUAD - 1) // QUAD
    for tile in range(lane, down * across, lanes):
        r = ratio(tile, across)
        r, c = r * QUAD, (tile - r * across) * QUAD
        sums, left, right = registers(zero, 16), registers(zero, QUAD), registers(zero, QUAD)
        here = out0 + r * outputs + c
        for i in range(QUAD):
            for j in range(QUAD):
                inside = r + i < inputs and c + j < outputs  # beyond the edge lies what other threads write
                sums[i * QUAD + j] = load(out, here + i * outputs + j) if more and inside else zero
        head, foot = x0 + r, d0 + c
        for k in range(samples):
            load_quad(x, head + k * x_row, left)
            load_quad(d, foot + k * d_row, right)
            for i in range(QUAD):
                for j in range(QUAD):
                    sums[i * QUAD + j] = fma(left[i], right[j], sums[i * QUAD + j])
        for i in range(QUAD):
            for j in range(QUAD):
                if r + i < inputs and c + j < outputs:
                    store(sums[i * QUAD + j], out, here + i * outputs + j)


@inlined(always=True)
def bias_sums(d, d0, d_row, more, out, out0, samples, outputs, lane, lanes):
    """out = the sums of d's columns, in order of rows, += if `more`; one column per thread."""
    one = out.dtype.type(1)  # a product with ones, as on the CPU
    for j in range(lane, outputs, lanes):
        total = load(out, out0 + j) if more else out.dtype.type(0)
        for k in range(samples):
            total = fma(one, load(d, d0 + k * d_row + j), total)
        store(total, out, out0 + j)
