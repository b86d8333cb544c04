"""What this machine has of NVIDIA's, asked without loading numba.cuda (compile/cuda.py does): a driver, numba-cuda."""

import ctypes
import os
from importlib.util import find_spec
from pathlib import Path

import numba


def numba_cuda_found() -> bool:
    """Whether `import numba.cuda` would give what numba-cuda puts there.

    Numba has an old module of that name, with a simulator of its own, which gdbench never loads. numba-cuda takes its
    place by a finder that starts with Python, from the site-packages folder that it is installed in: it does not when
    that folder is merely on the PYTHONPATH.
    """
    found = find_spec("numba.cuda")
    return found is not None and "numba_cuda" in Path(found.origin or "").parts


# Whether numba-cuda's simulator takes the place of a GPU; without numba-cuda nothing does.
SIMULATED = bool(numba.config.ENABLE_CUDASIM) and numba_cuda_found()  # type: ignore[attr-defined]


def driver_found() -> bool:
    """Whether the driver's library can be loaded, or the simulator takes its place."""
    if SIMULATED:
        return True
    try:
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return False
    return True
