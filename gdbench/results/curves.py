"""A trial's curve as bytes, the hash by which two curves are compared, and how a trial may end.

Apart from the store, so that what judges trials needs no database.
"""

import hashlib
from typing import Literal, NamedTuple

import numpy as np

LOST = ("diverged", "failed")
Points = Literal["all", "first", "none"]  # of the curves of very many trials, those that are kept in memory
ALL: Points = "all"


class Curves(NamedTuple):
    """The curves of many trials, one behind the other: of each the names of its columns and its size in bytes."""

    names: list[tuple[str, ...]]
    sizes: list[int]
    data: bytes


def curve_bytes(curve: np.ndarray) -> bytes:
    """The columns of a curve (points x columns), one after another, as little-endian float64 with one kind of NaN."""
    columns = np.array(curve, np.float64).T
    columns[np.isnan(columns)] = np.nan
    return np.ascontiguousarray(columns).astype("<f8").tobytes()


def curve_from_bytes(data: bytes, columns: int) -> np.ndarray:
    """What `curve_bytes` was given: points x columns."""
    return np.frombuffer(data, "<f8").reshape(columns, -1).T


def digest(curve: np.ndarray) -> str:
    """SHA-256 of `curve_bytes`: equal digests mean that every bit of two curves agrees."""
    return hashlib.sha256(curve_bytes(curve)).hexdigest()


def first_points(curves: Curves) -> Curves:
    """The same curves, each cut to its first point."""
    sizes = np.array(curves.sizes, np.int64) // 8
    columns = np.array([*map(len, curves.names)], np.int64) * (sizes > 0)
    starts = np.cumsum(sizes) - sizes
    places = np.arange(columns.sum()) - np.repeat(np.cumsum(columns) - columns, columns)  # of each value in its point
    strides = np.repeat(sizes // np.maximum(columns, 1), columns)  # a column's points lie one behind the other
    values = np.frombuffer(curves.data, "<f8")[np.repeat(starts, columns) + places * strides]
    return Curves(curves.names, (8 * columns).tolist(), values.tobytes())
