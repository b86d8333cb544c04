"""The levels of memory of a core, and which of them a set of arrays fits in."""

import sys
from pathlib import Path
from typing import NamedTuple

from gdbench.machine.processors import sysctl

SYSTEM = Path("/sys/devices/system/cpu")
ASSUMED = (("L1", 32 * 2**10), ("L2", 2**20), ("L3", 32 * 2**20))  # if the system does not say
MEMORY = "memory"
UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


class Level(NamedTuple):
    """A cache, or the main memory behind the last cache, whose size is given as 0."""

    name: str
    size: int  # bytes


def levels(folder: Path = SYSTEM) -> tuple[Level, ...]:
    """The data caches that the system reports, the nearest first, then memory.

    folder: where Linux lists the caches of each processor. If cores differ, the largest cache of each level counts.
    """
    found = _of_mac() if sys.platform == "darwin" else _of_linux(folder)
    named = sorted(found.items()) or ASSUMED
    return (*(Level(*each) for each in named), Level(MEMORY, 0))


def _of_linux(folder: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for index in folder.glob("cpu[0-9]*/cache/index[0-9]*"):
        try:
            kind, number, size = (index.joinpath(name).read_text().strip() for name in ("type", "level", "size"))
            if kind != "Instruction":
                name = f"L{int(number)}"
                found[name] = max(found.get(name, 0), int(size[:-1]) * UNITS[size[-1]])
        except (OSError, ValueError, KeyError, IndexError):
            continue
    return found


def _of_mac() -> dict[str, int]:
    """Apple's own processors have performance levels, 0 being the fastest; Intel's have none."""
    found = {}
    for name, key in (("L1", "l1dcachesize"), ("L2", "l2cachesize"), ("L3", "l3cachesize")):
        told = sysctl(f"hw.perflevel0.{key}") or sysctl(f"hw.{key}") or ""
        if told.isdecimal() and int(told):
            found[name] = int(told)
    return found


def level_of(size: int, caches: tuple[Level, ...]) -> Level:
    """The nearest level that holds `size` bytes.

    >>> level_of(5000, (Level("L1", 4096), Level("L2", 65536), Level("memory", 0))).name
    'L2'
    """
    return next((level for level in caches if size <= level.size), caches[-1])
