"""The clocks that a card runs at, by NVIDIA's management library, which comes with the driver.

read = reader(card.bus)
before = read()  # Clocks(sm=1980, memory=2619), in MHz; None where it cannot be known

A reading takes microseconds, `nvidia-smi` a tenth of a second. API: NVML 13, nvmlDeviceGetClockInfo.
"""

import ctypes
import os
from collections.abc import Callable
from typing import NamedTuple

_SM, _MEMORY = 1, 2  # nvmlClockType_t


class Clocks(NamedTuple):
    """MHz."""

    sm: int
    memory: int


def _library() -> ctypes.CDLL:
    return ctypes.CDLL("nvml.dll" if os.name == "nt" else "libnvidia-ml.so.1")


Reader = Callable[[], Clocks | None]


def unknown() -> Clocks | None:
    """The reader where nothing can be read."""
    return None


def driver() -> str | None:
    """The driver's version; None where it cannot be known."""
    text = ctypes.create_string_buffer(80)
    try:
        library = _library()
        if library.nvmlInit_v2() or library.nvmlSystemGetDriverVersion(text, ctypes.c_uint(len(text))):
            return None
    except (OSError, AttributeError):
        return None
    return text.value.decode()


def reader(bus: str) -> Reader:
    """What tells the present clocks of the card at that place of the PCI bus."""
    try:
        library = _library()
        handle = ctypes.c_void_p()
        if library.nvmlInit_v2() or library.nvmlDeviceGetHandleByPciBusId_v2(bus.encode(), ctypes.byref(handle)):
            return unknown
    except (OSError, AttributeError):
        return unknown

    def read() -> Clocks | None:
        found = []
        for kind in (_SM, _MEMORY):
            clock = ctypes.c_uint()
            if library.nvmlDeviceGetClockInfo(handle, kind, ctypes.byref(clock)):
                return None
            found.append(int(clock.value))
        return Clocks(*found)

    return read
