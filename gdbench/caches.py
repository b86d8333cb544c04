"""The levels of memory under one core, and which of them a set of arrays fits in."""

from pathlib import Path
from typing import NamedTuple

SYSTEM = Path("/sys/devices/system/cpu/cpu0/cache")
ASSUMED = (("L1", 32 * 2**10), ("L2", 2**20), ("L3", 32 * 2**20))  # where the system does not tell
MEMORY = "memory"
UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}


class Level(NamedTuple):
    """A cache, or the memory behind the last of them, which has no size (0)."""

    name: str
    size: int  # bytes


def levels(folder: Path = SYSTEM) -> tuple[Level, ...]:
    """The caches for data as the system declares them, the nearest first, then memory."""
    found = {}
    for index in sorted(folder.glob("index[0-9]*")):
        try:
            kind, number, size = (index.joinpath(name).read_text().strip() for name in ("type", "level", "size"))
            if kind != "Instruction":
                found[f"L{int(number)}"] = int(size[:-1]) * UNITS[size[-1]]
        except (OSError, ValueError, KeyError, IndexError):
            continue
    named = sorted(found.items()) or ASSUMED
    return (*(Level(*each) for each in named), Level(MEMORY, 0))


def level_of(size: int, caches: tuple[Level, ...]) -> Level:
    """The nearest level that holds `size` bytes.

    >>> level_of(5000, (Level("L1", 4096), Level("L2", 65536), Level("memory", 0))).name
    'L2'
    """
    return next((level for level in caches if size <= level.size), caches[-1])
