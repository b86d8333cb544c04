"""How far two numbers are apart, in units in the last place."""

import math

import numpy as np

_BITS: dict[str, type] = {"float32": np.int32, "float64": np.int64}


def ulps(a: np.ndarray, b: np.ndarray) -> float:
    """The largest distance of two arrays of one dtype, element by element: steps from one to the other.

    A step leads to the next number of the dtype, and 0 and -0 are one number. A NaN is 0 steps from a NaN and
    infinitely many from a number.

    >>> ulps(np.float32([1.0, -0.0]), np.float32([1.0 + 2**-22, 0.0]))
    2.0
    """
    if a.dtype != b.dtype or a.shape != b.shape:
        raise ValueError(f"{a.dtype} {a.shape} and {b.dtype} {b.shape} cannot be compared")
    lost = np.isnan(a), np.isnan(b)
    if (lost[0] != lost[1]).any():
        return math.inf
    left, right = _place(a[~lost[0]]), _place(b[~lost[0]])
    # As unsigned numbers, in which the distance of the two farthest int64 has room.
    apart = np.maximum(left, right).astype(np.uint64) - np.minimum(left, right).astype(np.uint64)
    return float(apart.max(initial=np.uint64(0)))


def _place(values: np.ndarray) -> np.ndarray:
    """Each number's place among all numbers of its dtype, counted from 0 = -0, as int64."""
    bits = np.ascontiguousarray(values).view(_BITS[str(values.dtype)]).astype(np.int64)
    size = np.int64(np.iinfo(_BITS[str(values.dtype)]).max)
    return np.where(bits < 0, -(bits & size), bits)
