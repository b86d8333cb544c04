"""A trial's curve as bytes, the hash that compares two curves, and the statuses of lost trials.

This is not part of the store, so that the code that judges trials needs no database.
"""

import hashlib
from typing import Literal, NamedTuple

import numpy as np

LOST = ("diverged", "failed")
Points = Literal["all", "first", "none"]  # which points of the curves to keep in memory
ALL: Points = "all"


class Curves(NamedTuple):
    """The curves of many trials, one after another. For each: the names of its columns, and its size in bytes."""

    names: list[tuple[str, ...]]
    sizes: list[int]
    data: bytes


def curve_bytes(curve: np.ndarray) -> bytes:
    """A curve (points x columns) as bytes: column after column, little-endian float64, with one kind of NaN."""
    columns = np.array(curve, np.float64).T
    columns[np.isnan(columns)] = np.nan
    return np.ascontiguousarray(columns).astype("<f8").tobytes()


def curve_from_bytes(data: bytes, columns: int) -> np.ndarray:
    """The curve that `curve_bytes` was given: float64, points x columns."""
    return np.frombuffer(data, "<f8").reshape(columns, -1).T


def digest(curve: np.ndarray) -> str:
    """SHA-256 of `curve_bytes`: equal digests mean that all bits of two curves are equal."""
    return hashlib.sha256(curve_bytes(curve)).hexdigest()


def first_points(curves: Curves) -> Curves:
    """The same curves, each cut to its first point."""
    sizes = np.array(curves.sizes, np.int64) // 8
    columns = np.array([*map(len, curves.names)], np.int64) * (sizes > 0)
    starts = np.cumsum(sizes) - sizes
    places = np.arange(columns.sum()) - np.repeat(np.cumsum(columns) - columns, columns)  # of each value in its point
    strides = np.repeat(sizes // np.maximum(columns, 1), columns)  # the points of a column are contiguous
    values = np.frombuffer(curves.data, "<f8")[np.repeat(starts, columns) + places * strides]
    return Curves(curves.names, (8 * columns).tolist(), values.tobytes())
