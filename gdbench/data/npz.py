"""NPZ files with the arrays X (samples x features) and y.

An NPZ file is a ZIP archive with a .npy file for each array: a header with its dtype and shape, then its numbers. The
headers are checked before an array is allocated.
"""

import math
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from gdbench.data.contents import Contents, first_unusable
from gdbench.data.limits import check_unpacked, check_values
from gdbench.data.packed import first_bytes
from gdbench.data.tables import parsed
from gdbench.errors import UsageError, shown
from gdbench.inputs.limits import DATA_VALUES

SAVE = "save it with numpy.savez(path, X=..., y=...)"
_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what NumPy writes


def read_npz(path: Path) -> Contents:
    """The contents of an NPZ file; raises UsageError that says what is wrong, and where."""
    try:
        if first_bytes(path, 6) == np.lib.format.MAGIC_PREFIX:
            raise UsageError(f"{path} holds one array without a name, X or y; {SAVE}")
        with zipfile.ZipFile(path) as archive:
            known = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            for name in ("X", "y"):
                if name not in known:
                    had = ", ".join(map(shown, list(known)[:20])) or "none"
                    raise UsageError(f"{path} has no array {name!r} (it has {had}); save X and y")
            x, y = (_array(path, archive, name, known[name]) for name in ("X", "y"))
        return Contents(path, _features(path, x), _answers(path, y, len(x)), lambda i: f"{path}: y[{i}]")
    except UsageError:
        raise
    except Exception as error:  # zipfile and NumPy raise errors of many types for a damaged file
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(f"{path} cannot be read as an NPZ file ({reason}); {SAVE}") from None


def _array(path: Path, archive: zipfile.ZipFile, name: str, member: zipfile.ZipInfo) -> np.ndarray:
    """One array of the archive; raises UsageError for a size beyond the limits or unlike its header's."""
    if member.compress_type not in _METHODS:
        raise UsageError(f"{path}: {name} is packed by method {member.compress_type} of ZIP archives; {SAVE}")
    check_unpacked(path, member.compress_size, member.file_size)
    with archive.open(member) as file:
        shape, backwards, dtype = _header(file)
        if dtype.hasobject:
            raise UsageError(
                f"{path}: {name} holds Python objects, which are not read, since reading them could run any code; "
                f"save {name}.astype(str), or numbers"
            )
        if math.prod(shape) >= DATA_VALUES:
            raise UsageError(
                f"{path}: {name} has shape {shown(shape)}, and fewer than {DATA_VALUES:,} values are supported; keep "
                "fewer"
            )
        size = math.prod(shape) * dtype.itemsize
        if size != member.file_size - file.tell():
            raise UsageError(
                f"{path}: {name} has {member.file_size - file.tell():,} bytes where its header says {size:,}; {SAVE}"
            )
        array = np.frombuffer(file.read(size), dtype, math.prod(shape)) if size else np.empty(shape, dtype)
        file.read(1)  # zipfile compares the checksum at the end of the member
    return array.reshape(shape, order="F" if backwards else "C")


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """The shape, whether the first index runs fastest, and the dtype."""
    version = np.lib.format.read_magic(file)
    if version not in _READERS:
        raise ValueError(f"version {version[0]}.{version[1]} of its header")
    shape, backwards, dtype = _READERS[version](file)
    if any(size < 0 for size in shape):
        raise ValueError(f"shape {shown(shape)}")
    return shape, backwards, dtype


def _features(path: Path, x: np.ndarray) -> np.ndarray:
    if x.dtype.kind not in "fiub":
        raise UsageError(f"{path}: X has dtype {shown(x.dtype)}; it must hold numbers")
    if x.ndim < 2 or x.size == 0:
        raise UsageError(f"{path}: X has shape {x.shape}; it must be samples x features, with at least one of each")
    check_values(f"{path}: X", len(x), x.size // len(x))
    x = _doubles(x.reshape(len(x), -1))
    _check_finite(path, "X", x)
    return x


def _answers(path: Path, y: np.ndarray, samples: int) -> np.ndarray:
    if y.dtype.kind not in "fiubUS":
        raise UsageError(
            f"{path}: y has dtype {shown(y.dtype)}; it must hold whole numbers or text (labels), or floats (targets)"
        )
    if y.ndim not in (1, 2) or len(y) != samples or y.size == 0:
        raise UsageError(f"{path}: y has shape {y.shape} for {samples} samples in X; it must have a row for each")
    if y.dtype.kind in "US":
        y = _texts(path, y)
    if y.dtype.kind == "f":
        y = _doubles(y)
        _check_finite(path, "y", y.reshape(samples, -1))
    return y


def _doubles(values: np.ndarray) -> np.ndarray:
    """The values as float64; a long double beyond its range becomes infinite."""
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, np.float64)


def _texts(path: Path, y: np.ndarray) -> np.ndarray:
    """Text labels, or numbers if all texts are numbers, as in a CSV file."""
    if y.size != len(y):
        raise UsageError(f"{path}: y has shape {y.shape} of text; labels are one column")
    cells = y.reshape(-1)
    if y.dtype.kind == "S":
        try:
            cells = np.char.decode(cells, "utf-8")
        except UnicodeDecodeError:
            raise UsageError(f"{path}: y has dtype {y.dtype} and is not text in UTF-8; save y.astype(str)") from None
    texts = [text.strip() for text in cells.tolist()]
    if "" in texts:
        raise UsageError(f"{path}: y[{texts.index('')}] is an empty text; fill it in, or leave the sample out")
    return parsed(texts)


def _check_finite(path: Path, name: str, values: np.ndarray) -> None:
    bad = first_unusable(values)
    if bad:
        raise UsageError(f"{path}: {name}[{bad[0]}, {bad[1]}] is {values[bad]}; values must be finite, below 1e100")
