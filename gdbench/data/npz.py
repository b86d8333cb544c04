"""NPZ files with the arrays X (samples x features) and y: whole numbers are labels, floats targets."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from gdbench.data.contents import Contents, first_unusable
from gdbench.errors import UsageError


def read_npz(path: Path) -> Contents:
    """The contents of an NPZ file; raises UsageError that says what is wrong with it, and where."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files if name in ("X", "y")}
            names = list(arrays.files)
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise UsageError(
            f"{path} cannot be read as an NPZ file ({error}); save it with numpy.savez(path, X=..., y=...)"
        ) from error
    except AttributeError as error:  # a bare .npy array has no names
        raise UsageError(f"{path} holds one array; save X and y with numpy.savez(path, X=..., y=...)") from error
    for name in ("X", "y"):
        if name not in found:
            raise UsageError(f"{path} has no array {name!r} (it has {', '.join(names) or 'none'}); save X and y")
    x, y = _features(path, found["X"]), _answers(path, found["y"], len(found["X"]))
    return Contents(path, x, y, lambda i: f"{path}: y[{i}]")


def _features(path: Path, x: np.ndarray) -> np.ndarray:
    if x.dtype.kind not in "fiub":
        raise UsageError(f"{path}: X has dtype {x.dtype}; it must hold numbers")
    if x.ndim < 2 or x.size == 0:
        raise UsageError(f"{path}: X has shape {x.shape}; it must be samples x features, with at least one of each")
    x = np.ascontiguousarray(x.reshape(len(x), -1), np.float64)
    _check_finite(path, "X", x)
    return x


def _answers(path: Path, y: np.ndarray, samples: int) -> np.ndarray:
    if y.dtype.kind not in "fiub":
        raise UsageError(f"{path}: y has dtype {y.dtype}; it must hold whole numbers (labels) or floats (targets)")
    if y.ndim not in (1, 2) or len(y) != samples or y.size == 0:
        raise UsageError(f"{path}: y has shape {y.shape} for {samples} samples in X; it must have a row for each")
    if y.dtype.kind in "iub" and y.ndim == 1:
        return np.ascontiguousarray(y, np.int64)
    targets = np.ascontiguousarray(y.reshape(samples, -1), np.float64)
    _check_finite(path, "y", targets)
    return targets


def _check_finite(path: Path, name: str, values: np.ndarray) -> None:
    bad = first_unusable(values)
    if bad:
        raise UsageError(f"{path}: {name}[{bad[0]}, {bad[1]}] is {values[bad]}; values must be finite, below 1e100")
