"""The random quadratic of DeepOBS (Schneider, Balles, Hennig, ICLR 2019): its matrix, its samples.

The matrix is R^T diag(eigenvalues) R with a random rotation R, drawn by the subgroup algorithm (Diaconis and
Shahshahani, Probability in the Engineering and Informational Sciences 1, 1987). Nine tenths of the eigenvalues are
uniform between 0 and 1, the others between 30 and 60. All draws are those of NumPy's RandomState. Its normal numbers
are computed here from its uniform ones with our own logarithm, and products add in a fixed order. So every machine gets
the same bits.
"""

import math

import numpy as np

from gdbench.kernels.arithmetic.elementary import log64
from gdbench.kernels.arithmetic.trigonometry import cos, sin
from gdbench.kernels.compile.jit import kernel


@kernel
def _polar(uniforms, out):
    """Normal numbers by the polar method, as RandomState draws them; returns how many uniform numbers were used."""
    used = filled = 0
    while filled < out.size:
        a = 2.0 * uniforms[used] - 1.0
        b = 2.0 * uniforms[used + 1] - 1.0
        used += 2
        square = a * a + b * b
        if square >= 1.0 or square == 0.0:
            continue
        factor = math.sqrt(-2.0 * log64(square) / square)
        out[filled] = factor * b  # RandomState returns the second number first
        if filled + 1 < out.size:
            out[filled + 1] = factor * a
        filled += 2
    return used


@kernel
def _rotate(rotation, angle, normals):
    """A rotation of two coordinates, extended by a dimension at a time: each time a random reflection is applied."""
    used = 0
    rotation[0, 0] = rotation[1, 1] = cos(angle)
    rotation[0, 1] = sin(angle)
    rotation[1, 0] = -sin(angle)
    scratch = np.empty(rotation.shape[0])
    for size in range(3, rotation.shape[0] + 1):
        for i in range(size - 1, 0, -1):  # block-diagonal(1, rotation)
            for j in range(size - 1, 0, -1):
                rotation[i, j] = rotation[i - 1, j - 1]
        for i in range(1, size):
            rotation[0, i] = rotation[i, 0] = 0.0
        rotation[0, 0] = 1.0
        total = 0.0
        for i in range(size):
            total += normals[used + i] * normals[used + i]
        length = math.sqrt(total)
        total = 0.0
        for i in range(size):
            scratch[i] = (1.0 if i == 0 else 0.0) - normals[used + i] / length
            total += scratch[i] * scratch[i]
        length = math.sqrt(total)
        used += size
        for i in range(size):
            scratch[i] /= length
        for j in range(size):
            along = 0.0
            for i in range(size):
                along += scratch[i] * rotation[i, j]
            for i in range(size):
                rotation[i, j] -= 2.0 * scratch[i] * along
    rotation[:] = -rotation


@kernel
def _congruence(rotation, eigenvalues, out):
    """out = rotation^T diag(eigenvalues) rotation."""
    out[:] = 0.0
    for k in range(eigenvalues.size):
        for i in range(eigenvalues.size):
            factor = rotation[k, i] * eigenvalues[k]
            for j in range(eigenvalues.size):
                out[i, j] += factor * rotation[k, j]


def _normals(uniforms: np.ndarray, count: int) -> np.ndarray:
    out = np.empty(count)
    _polar(uniforms, out)
    return out


def _uniforms(seed: int, normals: int) -> np.ndarray:
    """Enough uniform numbers for the eigenvalues, the angle and `normals` normal numbers: two take 2.55 on average."""
    return np.random.RandomState(seed).random_sample(10_000 + 2 * normals)


def matrix(dimensions: int, seed: int) -> np.ndarray:
    """The quadratic's matrix, dimensions x dimensions, float64; dimensions is at least 2."""
    steep = dimensions // 10
    normals = sum(range(3, dimensions + 1))
    draws = _uniforms(seed, normals)
    eigenvalues = draws[:dimensions].copy()
    eigenvalues[dimensions - steep :] = 30.0 + 30.0 * eigenvalues[dimensions - steep :]
    angle = 2.0 * math.pi * draws[dimensions]
    rotation = np.zeros((dimensions, dimensions))
    _rotate(rotation, angle, _normals(draws[dimensions + 1 :], normals))
    out = np.empty((dimensions, dimensions))
    _congruence(rotation, eigenvalues, out)
    return out


def samples(count: int, dimensions: int, deviation: float, seed: int) -> np.ndarray:
    """count x dimensions normal numbers of this standard deviation, rounded to float32, as float64."""
    draws = _normals(_uniforms(seed, count * dimensions), count * dimensions)
    return (deviation * draws).astype(np.float32).astype(np.float64).reshape(count, dimensions)
