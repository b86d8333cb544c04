"""Column statistics in a fixed order of rows, since NumPy's sums depend on the processor."""

import numpy as np

from gdbench.kernels.compile.jit import kernel


@kernel
def _means(x, out):
    for j in range(x.shape[1]):
        out[j] = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[j] += x[i, j]
    for j in range(x.shape[1]):
        out[j] /= x.shape[0]


def column_means_and_deviations(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (divided by n) of each column of a float64 matrix."""
    x = np.ascontiguousarray(x, np.float64)
    means, squares = np.empty(x.shape[1]), np.empty(x.shape[1])
    _means(x, means)
    _means((x - means) ** 2, squares)
    return means, np.sqrt(squares)
