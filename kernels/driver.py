"""Whether this machine has an NVIDIA driver: what can be asked before numba.cuda is loaded (kernels/cuda.py)."""

import ctypes
import os

SIMULATED = bool(int(os.environ.get("NUMBA_ENABLE_CUDASIM", "0") or 0))  # numba-cuda's simulator takes its place


def driver_found() -> bool:
    """Whether the driver's library can be loaded, or the simulator takes its place."""
    if SIMULATED:
        return True
    try:
        ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
    except OSError:
        return False
    return True
