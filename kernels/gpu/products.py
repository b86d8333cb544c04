"""The three matrix products of a layer by a block of threads: kernels/products.py's numbers, in its order.

A thread holds 4 x 4 elements of the output in registers while k runs; every element is the sum over k in order, one
fused multiply-add each, from where `begin` says. Matrices lie in flat arrays from an offset on, rows `leading` numbers
apart: an odd number of quads, so that threads which read the same place of neighbouring rows meet no bank twice.
"""

from gdbench.kernels.gpu.quads import QUAD, load, load_quad, registers, store
from gdbench.kernels.intrinsics import fma
from gdbench.kernels.jit import inlined

ZERO, BIAS, ONWARD = range(3)  # where sums begin: at 0, at a number a column, at what the output holds


@inlined
def leading(width):
    """Numbers from one row of a matrix of activations to the next, for rows of `width`: an odd number of quads."""
    quads = (width + QUAD - 1) // QUAD
    return QUAD * (quads + 1 - quads % 2)


@inlined(always=True)
def _begin(begin, bias, b0, out, place, column):
    """Where the sum of an element begins."""
    if begin == BIAS:
        return load(bias, b0 + column)
    if begin == ONWARD:
        return load(out, place)
    return out.dtype.type(0)


def _along_k(turned):
    """The product a b where a's rows run along k, quad by quad; `turned`: b is the transpose of a row-major matrix."""

    def product(a, a0, a_row, b, b0, b_row, begin, bias, bias0, out, out0, out_row, rows, depth, columns, lane, lanes):
        zero = out.dtype.type(0)
        down, across = (rows + QUAD - 1) // QUAD, (columns + QUAD - 1) // QUAD
        b_k, b_column = (1, b_row) if turned else (b_row, 1)
        for tile in range(lane, down * across, lanes):
            # Neighbouring threads take neighbouring rows where b's columns lie apart, else neighbouring columns.
            r, c = (tile % down, tile // down) if turned else (tile // across, tile % across)
            sums, left = registers(zero, 16), registers(zero, 16)
            last_row, last_column = rows - 1, columns - 1
            for i in range(QUAD):
                row = min(r + i * down, last_row)
                for j in range(QUAD):
                    column = min(c * QUAD + j, last_column)
                    sums[i * QUAD + j] = _begin(begin, bias, bias0, out, out0 + row * out_row + column, column)
            heads = (
                a0 + r * a_row,
                a0 + min(r + down, last_row) * a_row,
                a0 + min(r + 2 * down, last_row) * a_row,
                a0 + min(r + 3 * down, last_row) * a_row,
            )
            feet = (
                b0 + c * QUAD * b_column,
                b0 + min(c * QUAD + 1, last_column) * b_column,
                b0 + min(c * QUAD + 2, last_column) * b_column,
                b0 + min(c * QUAD + 3, last_column) * b_column,
            )
            quads = depth // QUAD * QUAD
            for k in range(0, quads, QUAD):
                for i in range(QUAD):
                    quad = registers(zero, QUAD)
                    load_quad(a, heads[i] + k, quad)
                    for q in range(QUAD):
                        left[i * QUAD + q] = quad[q]
                for q in range(QUAD):
                    for j in range(QUAD):
                        y = load(b, feet[j] + (k + q) * b_k)
                        for i in range(QUAD):
                            sums[i * QUAD + j] = fma(left[i * QUAD + q], y, sums[i * QUAD + j])
            for k in range(quads, depth):
                for j in range(QUAD):
                    y = load(b, feet[j] + k * b_k)
                    for i in range(QUAD):
                        sums[i * QUAD + j] = fma(load(a, heads[i] + k), y, sums[i * QUAD + j])
            for i in range(QUAD):
                for j in range(QUAD):
                    row, column = r + i * down, c * QUAD + j
                    if row < rows and column < columns:
                        store(sums[i * QUAD + j], out, out0 + row * out_row + column)

    return inlined(product, always=True)


forward_product, input_product = _along_k(False), _along_k(True)


@inlined(always=True)
def weight_product(x, x0, x_row, d, d0, d_row, more, out, out0, samples, inputs, outputs, lane, lanes):
    """out (inputs x outputs, rows side by side) = x^T d over `samples` rows of both, or += where `more`."""
    zero = out.dtype.type(0)
    down, across = (inputs + QUAD - 1) // QUAD, (outputs + QUAD - 1) // QUAD
    begin = ONWARD if more else ZERO
    for tile in range(lane, down * across, lanes):
        r, c = tile // across * QUAD, tile % across * QUAD
        sums, left, right = registers(zero, 16), registers(zero, QUAD), registers(zero, QUAD)
        for i in range(QUAD):
            for j in range(QUAD):
                row, column = min(r + i, inputs - 1), min(c + j, outputs - 1)
                sums[i * QUAD + j] = _begin(begin, out, 0, out, out0 + row * outputs + column, column)
        for k in range(samples):
            load_quad(x, x0 + k * x_row + r, left)
            load_quad(d, d0 + k * d_row + c, right)
            for i in range(QUAD):
                for j in range(QUAD):
                    sums[i * QUAD + j] = fma(left[i], right[j], sums[i * QUAD + j])
        for i in range(QUAD):
            for j in range(QUAD):
                if r + i < inputs and c + j < outputs:
                    store(sums[i * QUAD + j], out, out0 + (r + i) * outputs + c + j)


@inlined(always=True)
def bias_sums(d, d0, d_row, more, out, out0, samples, outputs, lane, lanes):
    """out = the sums of d's columns, row after row; a column a thread."""
    one = out.dtype.type(1)
    for j in range(lane, outputs, lanes):
        total = load(out, out0 + j) if more else out.dtype.type(0)
        for k in range(samples):
            total = fma(one, load(d, d0 + k * d_row + j), total)
        store(total, out, out0 + j)
