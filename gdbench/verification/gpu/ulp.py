"""The distance of numbers in units in the last place (ULP)."""

import math

import numpy as np

_BITS: dict[str, type] = {"float32": np.int32, "float64": np.int64}


def ulps(a: np.ndarray, b: np.ndarray) -> float:
    """The largest distance of two arrays, element by element, in steps to the next number of their dtype.

    0 and -0 count as one number. A NaN is 0 steps from a NaN, and infinitely many from a number. Raises ValueError if
    dtypes or shapes differ.

    >>> ulps(np.float32([1.0, -0.0]), np.float32([1.0 + 2**-22, 0.0]))
    2.0
    """
    if a.dtype != b.dtype or a.shape != b.shape:
        raise ValueError(f"{a.dtype} {a.shape} and {b.dtype} {b.shape} cannot be compared")
    lost = np.isnan(a), np.isnan(b)
    if (lost[0] != lost[1]).any():
        return math.inf
    left, right = _place(a[~lost[0]]), _place(b[~lost[0]])
    # Unsigned, since the distance of two int64 may be too large for an int64.
    apart = np.maximum(left, right).astype(np.uint64) - np.minimum(left, right).astype(np.uint64)
    return float(apart.max(initial=np.uint64(0)))


def _place(values: np.ndarray) -> np.ndarray:
    """The place of each number among all numbers of its dtype, counted from 0 = -0, int64."""
    bits = np.ascontiguousarray(values).view(_BITS[str(values.dtype)]).astype(np.int64)
    size = np.int64(np.iinfo(_BITS[str(values.dtype)]).max)
    return np.where(bits < 0, -(bits & size), bits)
