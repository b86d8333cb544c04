"""The clocks that a GPU runs at, by NVIDIA's management library, which comes with the driver.

read = reader(gpu.bus)
before = read()  # Clocks(sm=1980, memory=2619), in MHz; None where it cannot be known

A reading takes microseconds, `nvidia-smi` a tenth of a second. The library is called by nvidia-ml-py, of the extra
`[cuda]`; where either is missing, nothing can be read.
"""

from collections.abc import Callable
from typing import Any, NamedTuple


class Clocks(NamedTuple):
    """MHz."""

    sm: int
    memory: int


Reader = Callable[[], Clocks | None]


def unknown() -> Clocks | None:
    """The reader where nothing can be read."""
    return None


def _library() -> Any:
    """nvidia-ml-py, ready to be asked; raises ImportError without it, and NVMLError without a driver."""
    import pynvml

    pynvml.nvmlInit()
    return pynvml


def driver() -> str | None:
    """The driver's version; None where it cannot be known."""
    try:
        return str(_library().nvmlSystemGetDriverVersion())
    except Exception:  # ImportError, NVMLError, or whatever else a library is not there by
        return None


def reader(bus: str) -> Reader:
    """What tells the present clocks of the GPU at that place of the PCI bus."""
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
