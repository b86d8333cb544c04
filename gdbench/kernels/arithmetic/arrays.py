"""Arrays that begin at a cache line: a vector of theirs then lies in one line, not across two."""

import platform
import sys
from typing import Any

import numpy as np


def line(system: str, machine: str) -> int:
    """Bytes of a cache line: Apple's own processors have 128."""
    return 128 if (system, machine) == ("darwin", "arm64") else 64


LINE = line(sys.platform, platform.machine())


def empty(shape: int | tuple[int, ...], dtype: Any) -> np.ndarray:
    """A row-major array that holds anything."""
    return _aligned(np.empty, shape, dtype)


def zeros(shape: int | tuple[int, ...], dtype: Any) -> np.ndarray:
    """A row-major array of zeros, which take no memory until they are written to."""
    return _aligned(np.zeros, shape, dtype)


def copied(array: np.ndarray, dtype: Any = None) -> np.ndarray:
    """A copy of an array, of its own dtype unless another is given."""
    result = empty(array.shape, dtype or array.dtype)
    result[...] = array
    return result


def padded(size: int, dtype: Any) -> int:
    """The least number of elements, `size` or more, that fills whole lines: rows of so many all begin at one."""
    line = LINE // np.dtype(dtype).itemsize
    return -(-size // line) * line


def _aligned(make: Any, shape: int | tuple[int, ...], dtype: Any) -> np.ndarray:
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory: np.ndarray = make(size + LINE, np.uint8)
    first = -memory.ctypes.data % LINE
    return memory[first : first + size].view(dtype).reshape(shape)
