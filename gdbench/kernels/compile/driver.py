"""Find NVIDIA's driver and numba-cuda without loading numba.cuda, which compile/cuda.py does."""

import ctypes
import os
from importlib.util import find_spec
from pathlib import Path

import numba


def numba_cuda_found() -> bool:
    """Whether `import numba.cuda` would load numba-cuda's module.

    Numba has an old module of that name, with its own simulator, which gdbench never loads. numba-cuda replaces it with
    a finder, which Python installs at its start from the site-packages folder. If that folder is only on the
    PYTHONPATH, the finder is not installed.
    """
    found = find_spec("numba.cuda")
    return found is not None and "numba_cuda" in Path(found.origin or "").parts


# Whether numba-cuda's simulator stands for a GPU; without numba-cuda there is none.
SIMULATED = bool(numba.config.ENABLE_CUDASIM) and numba_cuda_found()  # type: ignore[attr-defined]


def driver_found() -> bool:
    """Whether the driver's library can be loaded, or the simulator stands for it."""
    if SIMULATED:
        return True
    try:
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return False
    return True
