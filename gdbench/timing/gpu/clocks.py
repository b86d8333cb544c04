"""Read a GPU's clocks with NVIDIA's management library, which comes with the driver.

read = reader(gpu.bus)
before = read()  # Clocks(sm=1980, memory=2619), in MHz; None if they are not known

A reading takes microseconds; `nvidia-smi` would take a tenth of a second. The package nvidia-ml-py, of the extra
`[cuda]`, calls the library. If either is missing, nothing can be read.
"""

from collections.abc import Callable
from typing import Any, NamedTuple


class Clocks(NamedTuple):
    """Clocks in MHz: of the multiprocessors and of the memory."""

    sm: int
    memory: int


Reader = Callable[[], Clocks | None]


def unknown() -> Clocks | None:
    """The reader for a GPU whose clocks cannot be read."""
    return None


def _library() -> Any:
    """The module of nvidia-ml-py, initialised. Raises ImportError without it, and NVMLError without a driver."""
    import pynvml

    pynvml.nvmlInit()
    return pynvml


def driver() -> str | None:
    """The driver's version; None if it is not known."""
    try:
        return str(_library().nvmlSystemGetDriverVersion())
    except Exception:  # ImportError, NVMLError, or any other error of a missing library
        return None


def reader(bus: str) -> Reader:
    """A function that reads the present clocks of the GPU at this address of the PCI bus."""
    try:
        nvml = _library()
        handle = nvml.nvmlDeviceGetHandleByPciBusId(bus)
    except Exception:  # as above
        return unknown

    def read() -> Clocks | None:
        try:
            kinds = nvml.NVML_CLOCK_SM, nvml.NVML_CLOCK_MEM
            return Clocks(*(int(nvml.nvmlDeviceGetClockInfo(handle, kind)) for kind in kinds))
        except nvml.NVMLError:
            return None

    return read
