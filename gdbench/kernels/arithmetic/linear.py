"""Linear algebra whose bits do not depend on the machine: sums in a fixed order, no BLAS, no LAPACK.

`solve` is Gaussian elimination with partial pivoting, for any regular matrix. `Cholesky` factorises a positive definite
matrix, or finds that it is not one. Golub and Van Loan, "Matrix computations", algorithms 3.4.1 and 4.2.1.
"""

import math

import numpy as np

from gdbench.errors import UsageError
from gdbench.kernels.arithmetic.sums import norm, ordered_sum
from gdbench.kernels.compile.jit import kernel

MAX_ORDER = 5000  # 200 MB in float64


def check_order(size: int, itemsize: int = 8) -> None:
    """Raise UsageError if a size x size matrix is too large for memory; itemsize: bytes of a number."""
    if size > MAX_ORDER:
        gigabytes = size * size * itemsize / 2**30
        raise UsageError(
            f"the Hessian of {size:,} parameters has {size:,} x {size:,} elements, {gigabytes:,.1f} GB; at most "
            f"{MAX_ORDER:,} parameters are supported: use a smaller problem, or newton-cg or lbfgs, which do without it"
        )


@kernel
def inner(a, b, scratch):
    """`dot` for kernels; scratch: a vector of the same size."""
    for i in range(a.size):
        scratch[i] = a[i] * b[i]
    return ordered_sum(scratch, a.size)


def dot(a: np.ndarray, b: np.ndarray) -> float:
    """The inner product of two vectors of one dtype: their products, rounded, and then the ordered sum of these."""
    return float(inner(a, b, np.empty_like(a)))


@kernel
def _length(a):
    return norm(a)


def length(a: np.ndarray) -> float:
    """The Euclidean norm of a vector."""
    return float(_length(a))


@kernel
def multiply(matrix, v, scratch, out):
    """`product` for kernels, written to `out`; scratch: a vector of the same size."""
    for i in range(matrix.shape[0]):
        for j in range(v.size):
            scratch[j] = matrix[i, j] * v[j]
        out[i] = ordered_sum(scratch, v.size)


def product(matrix: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A square matrix times a vector of the same dtype."""
    out = np.empty_like(v)
    multiply(matrix, v, np.empty_like(v), out)
    return out


@kernel
def _eliminate(a, x):
    """Overwrite x with the y of a y = x, and a; False if a column has no pivot. Inner loops run along rows of a."""
    n = x.size
    for k in range(n):
        pivot = k
        for i in range(k + 1, n):
            if abs(a[i, k]) > abs(a[pivot, k]):
                pivot = i
        if not abs(a[pivot, k]) > 0.0:  # a NaN is no pivot
            return False
        if pivot != k:
            for j in range(k, n):
                a[k, j], a[pivot, j] = a[pivot, j], a[k, j]
            x[k], x[pivot] = x[pivot], x[k]
        for i in range(k + 1, n):
            factor = a[i, k] / a[k, k]
            if factor != 0.0:
                for j in range(k + 1, n):
                    a[i, j] -= factor * a[k, j]
                x[i] -= factor * x[k]
    for k in range(n - 1, -1, -1):
        total = x[k]
        for j in range(k + 1, n):
            total -= a[k, j] * x[j]
        x[k] = total / a[k, k]
    return True


def solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray | None:
    """The x with matrix x = right, for eigenvalues of any sign; None if the matrix is singular or x not finite."""
    x = right.copy()
    regular = _eliminate(matrix.copy(), x)
    return x if regular and np.isfinite(x).all() else None


@kernel
def _factorise(a):
    """Overwrite the lower half of a with its Cholesky factor; False when a pivot is not positive."""
    n = a.shape[0]
    for j in range(n):
        if not a[j, j] > 0.0:
            return False
        a[j, j] = math.sqrt(a[j, j])
        for i in range(j + 1, n):
            a[i, j] /= a[j, j]
        for i in range(j + 1, n):
            factor = a[i, j]
            if factor != 0.0:
                for k in range(j + 1, i + 1):
                    a[i, k] -= factor * a[k, j]
    return True


@kernel
def _substitute(a, x):
    n = x.size
    for i in range(n):
        total = x[i]
        for j in range(i):
            total -= a[i, j] * x[j]
        x[i] = total / a[i, i]
    for i in range(n - 1, -1, -1):
        x[i] /= a[i, i]
        for j in range(i):
            x[j] -= a[i, j] * x[i]


class Cholesky:
    """The factor L of matrix + shift I = L L^T; `positive` says whether it exists."""

    def __init__(self, matrix: np.ndarray, shift: float = 0.0) -> None:
        self._factor = matrix.copy()
        self._factor[np.diag_indices(len(matrix))] += matrix.dtype.type(shift)
        self.positive = bool(_factorise(self._factor))

    def solve(self, right: np.ndarray) -> np.ndarray:
        """The x with (matrix + shift I) x = right."""
        x = right.copy()
        _substitute(self._factor, x)
        return x
