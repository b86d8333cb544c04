"""A trial's curve as bytes, the hash by which two curves are compared, and how a trial may end.

Apart from the store, so that what judges trials needs no database.
"""

import hashlib

import numpy as np

LOST = ("diverged", "failed")


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
