"""The machine, software and source of a run: a flat dict that is stored with it."""

import hashlib
import json
import math
import os
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from gdbench.machine.caches import levels
from gdbench.machine.processors import cpu_name

PACKAGES = ("gdbench", "numba", "llvmlite", "numpy", "scipy", "pandas", "scikit-learn", "numba-cuda")
TOPOLOGY = Path("/sys/devices/system/cpu")  # of Linux
WIDE = ("avx512f", "avx2", "fma", "avx", "sse4.2", "neon", "sve")


def environment() -> dict[str, Any]:
    """Facts about this machine and installation, as JSON can hold them."""
    from gdbench.kernels.compile.processor import target  # loads Numba, which reading results does not need

    compiled_for, features = target()
    return {
        **hardware(),
        "compiled_for": compiled_for,
        "features": [name for name in WIDE if name in features],
        "os": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: package_version(name) for name in PACKAGES},
    }


def hardware() -> dict[str, Any]:
    """The part of `environment` that is found out without Numba: all that `fingerprint` needs of a CPU."""
    return {
        "cpu": cpu_name(),
        "cores": psutil.cpu_count(logical=False) or os.cpu_count(),
        "threads": usable_cores(),
        **{f"{level.name}_kib": level.size // 2**10 for level in levels() if level.size},
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "machine": platform.machine(),
    }


def fingerprint(environment: Mapping[str, Any]) -> str:
    """A name for the machine of an environment, not for its software: times of two machines are not comparable.

    Virtual machines of one kind have the same name; the references in every round show how much they differ.
    """
    names = ("cpu", "cores", "threads", "L1_kib", "L2_kib", "L3_kib", "machine", "gpu")
    facts = {name: environment.get(name) for name in names}
    facts["memory_gb"] = _installed(environment.get("memory_gb") or 0)
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


def _installed(gigabytes: float) -> int:
    """The installed memory. A system keeps a little of it, not always the same amount, so the rest is rounded up.

    Sizes are four to eight times a power of two: 23.5 and 23.4 become 24.
    """
    unit = 1 << max(0, math.ceil(math.log2(max(1, gigabytes))) - 3)
    return math.ceil(gigabytes / unit) * unit


def slow_products() -> str | None:
    """A sentence that says why matrix products are slow here, and how slow; None with fused multiply-adds.

    The ratios were measured for products of (32, 784) by (784, 128) on one core of a Zen processor.
    """
    from gdbench.kernels.compile.processor import TARGET_VARIABLES, features_of_host, fused

    if fused():
        return None
    host = "fma" in features_of_host()
    told = [f"{name}={os.environ[name]}" for name in TARGET_VARIABLES if host and name in os.environ]
    reason = f"{' and '.join(told)} {'take' if told[1:] else 'takes'} away" if told else "this processor lacks"
    return (
        f"{reason} fused multiply-adds: matrix products take about 15 times as long in float32, 35 times in float64; "
        "results keep their bits"
    )


def usable_cores() -> int:
    """The number of processors on which this process may run."""
    return len(usable_set())


def usable_set() -> list[int]:
    """The numbers of the processors on which this process may run."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def spread(processors: Sequence[int], folder: Path = TOPOLOGY) -> list[int]:
    """These processors, the last first, and one thread of each core before any second thread of a core.

    folder: where the system says which threads share a core. Without it, each processor counts as a core.
    """
    taken: Counter[str] = Counter()
    rank = {}
    for number in sorted(processors, reverse=True):
        core = _siblings(folder, number)
        rank[number] = taken[core]
        taken[core] += 1
    return sorted(rank, key=rank.__getitem__)


def _siblings(folder: Path, number: int) -> str:
    """The threads of a processor's core, as a text that is the same for all of them."""
    try:
        return (folder / f"cpu{number}" / "topology" / "thread_siblings_list").read_text().strip()
    except OSError:
        return str(number)


def package_version(name: str) -> str | None:
    """The installed version of a package, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def missing(*modules: str) -> str | None:
    """Words about which of these modules cannot be imported; None if all can."""
    absent = [module for module in modules if find_spec(module) is None]
    return f"not installed: {', '.join(absent)}" if absent else None
