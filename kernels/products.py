"""Matrix products whose bits do not depend on the machine.

Every element is the sum over k in order, one fused multiply-add each, starting from what the output holds. Vectors
run along the output's columns, never along k, so that their width changes nothing. Four rows and four values of k are
taken at a time only so that what is loaded is used four times.
"""

from gdbench.kernels.intrinsics import fma
from gdbench.kernels.jit import inlined


@inlined
def _chain(c, a0, a1, a2, a3, b0, b1, b2, b3):
    """c + a0 b0 + a1 b1 + a2 b2 + a3 b3, from the left."""
    return fma(a3, b3, fma(a2, b2, fma(a1, b1, fma(a0, b0, c))))


@inlined
def _add_row(a, b, c, i, first):
    """Row i of c += a b, for k from `first` on."""
    for k in range(first, a.shape[1]):
        factor = a[i, k]
        for j in range(c.shape[1]):
            c[i, j] = fma(factor, b[k, j], c[i, j])


@inlined
def add_product(a, b, c):
    """c += a b, for a (rows x depth, any layout), b (depth x columns) and c (rows x columns)."""
    rows, depth = a.shape
    whole = depth - depth % 4
    for i in range(0, rows - rows % 4, 4):
        for k in range(0, whole, 4):
            a00, a01, a02, a03 = a[i, k], a[i, k + 1], a[i, k + 2], a[i, k + 3]
            a10, a11, a12, a13 = a[i + 1, k], a[i + 1, k + 1], a[i + 1, k + 2], a[i + 1, k + 3]
            a20, a21, a22, a23 = a[i + 2, k], a[i + 2, k + 1], a[i + 2, k + 2], a[i + 2, k + 3]
            a30, a31, a32, a33 = a[i + 3, k], a[i + 3, k + 1], a[i + 3, k + 2], a[i + 3, k + 3]
            for j in range(c.shape[1]):
                b0, b1, b2, b3 = b[k, j], b[k + 1, j], b[k + 2, j], b[k + 3, j]
                c[i, j] = _chain(c[i, j], a00, a01, a02, a03, b0, b1, b2, b3)
                c[i + 1, j] = _chain(c[i + 1, j], a10, a11, a12, a13, b0, b1, b2, b3)
                c[i + 2, j] = _chain(c[i + 2, j], a20, a21, a22, a23, b0, b1, b2, b3)
                c[i + 3, j] = _chain(c[i + 3, j], a30, a31, a32, a33, b0, b1, b2, b3)
        for row in range(i, i + 4):
            _add_row(a, b, c, row, whole)
    for row in range(rows - rows % 4, rows):
        _add_row(a, b, c, row, 0)


@inlined
def transpose(a, out):
    """out = a transposed."""
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            out[j, i] = a[i, j]
