"""MNIST's IDX files, plain or gzipped, from one folder: http://yann.lecun.com/exdb/mnist.

A file begins with two zero bytes, a byte for the type of its numbers and one for the number of dimensions. The
dimensions follow as 32-bit integers, then the numbers, all big-endian.

    dataset = "mnist/"      # train-images-idx3-ubyte, train-labels-idx1-ubyte, and t10k-... for the test split
"""

import math
import os
from pathlib import Path
from typing import IO

import numpy as np

from gdbench.data.contents import Contents, first_unusable
from gdbench.data.limits import check_values, most_unpacked
from gdbench.data.packed import ERRORS, open_unpacked
from gdbench.errors import UsageError

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_KINDS = {"train-images": "idx3", "train-labels": "idx1", "t10k-images": "idx3", "t10k-labels": "idx1"}


def find_idx(folder: Path) -> dict[str, Path]:
    """The IDX files of a folder by what they hold: train-images, train-labels, and both or none of the t10k files.

    Raises UsageError if one is missing.
    """
    found = {}
    for role, kind in _KINDS.items():
        names = [f"{role}{mark}{kind}-ubyte{end}" for end in ("", ".gz") for mark in "-."]
        path = next((folder / name for name in names if os.path.isfile(folder / name)), None)
        if path:
            found[role] = path
    needed = [*_KINDS] if any(role.startswith("t10k") for role in found) else ["train-images", "train-labels"]
    missing = next((role for role in needed if role not in found), None)
    if missing:
        raise UsageError(
            f"{folder} is a folder without {missing}-{_KINDS[missing]}-ubyte (or .gz); give a folder with MNIST's IDX "
            "files, or the path of one file"
        )
    return found


def read_idx_folder(folder: Path) -> tuple[Contents, Contents | None]:
    """The training data of a folder with IDX files, and its test data, or None if it has no t10k files."""
    files = find_idx(folder)
    train, test = (
        _part(files[f"{name}-images"], files[f"{name}-labels"]) if f"{name}-images" in files else None
        for name in ("train", "t10k")
    )
    assert train is not None  # find_idx raises without training files
    return train, test


def read_idx(path: Path) -> np.ndarray:
    """The array in an IDX file, in the file's own dtype; raises UsageError if header and length disagree."""
    try:
        with open_unpacked(path) as file:
            shape, dtype = _header(path, file)
            check_values(str(path), shape[0], math.prod(shape[1:]))
            size = math.prod(shape) * dtype.itemsize
            content = file.read(min(size, most_unpacked(os.path.getsize(path))) + 1)
    except ERRORS as error:
        raise UsageError(f"{path} cannot be read ({error}); fetch it again") from None
    if len(content) != size:
        more = "" if len(content) < size else " or more"
        raise UsageError(
            f"{path} has {len(content)} bytes{more} of numbers where its header says "
            f"{' x '.join(map(str, shape))} of {dtype.itemsize}; fetch it again"
        )
    return np.frombuffer(content, dtype).reshape(shape)


def _header(path: Path, file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """The shape and dtype of the numbers that follow."""
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0":
        raise UsageError(f"{path} begins with {start.hex() or 'nothing'}; an IDX file begins with two zero bytes")
    code, dimensions = start[2], start[3]
    if code not in TYPES:
        known = ", ".join(f"{known:#04x}" for known in TYPES)
        raise UsageError(f"{path} has the type code {code:#04x} in byte 2; an IDX file has one of {known}")
    sizes = file.read(4 * dimensions)
    if dimensions == 0 or len(sizes) < 4 * dimensions:
        raise UsageError(
            f"{path} ends within its header of {dimensions} dimensions ({4 + len(sizes)} bytes); fetch it again"
        )
    return tuple(int(size) for size in np.frombuffer(sizes, ">u4")), np.dtype(TYPES[code])


def _part(images: Path, labels: Path) -> Contents:
    x, y = read_idx(images), read_idx(labels)
    for path, array, dimensions, words in ((images, x, (3,), "3 dimensions"), (labels, y, (1, 2), "1 dimension, or 2")):
        if array.ndim not in dimensions or array.size == 0:
            raise UsageError(
                f"{path} has the shape {' x '.join(map(str, array.shape))}; it must have {words}, none of them 0"
            )
    if len(x) != len(y):
        raise UsageError(f"{labels} has {len(y)} labels for the {len(x)} images of {images.name}; fetch both again")
    x = np.ascontiguousarray(x.reshape(len(x), -1), np.float64)
    y = np.ascontiguousarray(y, np.int64 if y.dtype.kind in "iu" else np.float64)
    for path, values in ((images, x), (labels, y.reshape(len(y), -1))):
        bad = first_unusable(values)
        if bad:
            raise UsageError(
                f"{path}: number {bad[1] + 1} of sample {bad[0] + 1} is {values[bad]}; "
                "values must be finite, below 1e100"
            )
    return Contents(images, x, y, lambda i: f"{labels}: label {i + 1}")
