"""Arrays that begin at a cache line, so that no vector lies across two lines."""

import platform
import sys
from typing import Any

import numpy as np


def line(system: str, machine: str) -> int:
    """Bytes of a cache line: Apple's own processors have 128."""
    return 128 if (system, machine) == ("darwin", "arm64") else 64


LINE = line(sys.platform, platform.machine())


def empty(shape: int | tuple[int, ...], dtype: Any) -> np.ndarray:
    """A row-major array, not initialised."""
    return _aligned(np.empty, shape, dtype)


def zeros(shape: int | tuple[int, ...], dtype: Any) -> np.ndarray:
    """A row-major array of zeros, which takes no memory until it is written to."""
    return _aligned(np.zeros, shape, dtype)


def copied(array: np.ndarray, dtype: Any = None) -> np.ndarray:
    """A copy of an array, of its own dtype unless another is given."""
    result = empty(array.shape, dtype or array.dtype)
    result[...] = array
    return result


def padded(size: int, dtype: Any) -> int:
    """`size` elements rounded up to whole cache lines: rows of that length all begin at a line."""
    line = LINE // np.dtype(dtype).itemsize
    return -(-size // line) * line


def _aligned(make: Any, shape: int | tuple[int, ...], dtype: Any) -> np.ndarray:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory: np.ndarray = make(size + LINE, np.uint8)  # one line more: NumPy may align to less
    first = -memory.ctypes.data % LINE
    return memory[first : first + size].view(dtype).reshape(shape)
