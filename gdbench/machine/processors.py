"""The processor's name, as the system reports it.

On ARM, Linux reports only numbers for the maker and the kind of a core, from Arm's register MIDR_EL1. Their names are
those of util-linux's lscpu-arm.c.
"""

import platform
import subprocess
import sys
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
MAKERS = {0x41: "Arm", 0x42: "Broadcom", 0x46: "Fujitsu", 0x48: "HiSilicon", 0x4E: "NVIDIA", 0x51: "Qualcomm"} | {
    0x61: "Apple",
    0x6D: "Microsoft",
    0xC0: "Ampere",
}
CORES = {
    "Arm": {
        0xD03: "Cortex-A53", 0xD04: "Cortex-A35", 0xD05: "Cortex-A55", 0xD07: "Cortex-A57", 0xD08: "Cortex-A72",
        0xD09: "Cortex-A73", 0xD0A: "Cortex-A75", 0xD0B: "Cortex-A76", 0xD0C: "Neoverse-N1", 0xD0D: "Cortex-A77",
        0xD40: "Neoverse-V1", 0xD41: "Cortex-A78", 0xD44: "Cortex-X1", 0xD46: "Cortex-A510", 0xD47: "Cortex-A710",
        0xD48: "Cortex-X2", 0xD49: "Neoverse-N2", 0xD4A: "Neoverse-E1", 0xD4B: "Cortex-A78C", 0xD4D: "Cortex-A715",
        0xD4E: "Cortex-X3", 0xD4F: "Neoverse-V2", 0xD80: "Cortex-A520", 0xD81: "Cortex-A720", 0xD82: "Cortex-X4",
        0xD83: "Neoverse-V3AE", 0xD84: "Neoverse-V3", 0xD85: "Cortex-X925", 0xD87: "Cortex-A725", 0xD8E: "Neoverse-N3",
    },
    "Broadcom": {0x516: "ThunderX2"},
    "Fujitsu": {0x001: "A64FX"},
    "HiSilicon": {0xD01: "TaiShan-v110", 0xD02: "TaiShan-v120"},
    "NVIDIA": {0x004: "Carmel", 0x010: "Olympus"},
    "Qualcomm": {0x001: "Oryon", 0xC00: "Falkor"},
    "Apple": {
        0x022: "M1", 0x023: "M1", 0x024: "M1 Pro", 0x025: "M1 Pro", 0x028: "M1 Max", 0x029: "M1 Max",
        0x032: "M2", 0x033: "M2", 0x034: "M2 Pro", 0x035: "M2 Pro", 0x038: "M2 Max", 0x039: "M2 Max",
    },
    "Microsoft": {0xD49: "Azure Cobalt 100"},
    "Ampere": {0xAC3: "Ampere-1", 0xAC4: "Ampere-1a", 0xAC5: "Ampere-1b"},
}  # fmt: skip


def cpu_name(path: Path = CPUINFO) -> str:
    """The name, on Linux from `path`. A processor with several kinds of cores lists all, always in the same order."""
    if sys.platform == "darwin":
        told = sysctl("machdep.cpu.brand_string")
    else:
        try:
            told = _of_linux(path.read_text(errors="replace"))
        except OSError:
            told = None
    return told or platform.processor() or platform.machine()


def sysctl(name: str) -> str | None:
    """The value that the kernel of macOS has for this name, or None."""
    try:
        done = subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def _of_linux(text: str) -> str | None:
    facts = [(key.strip(), value.strip()) for key, _, value in (line.partition(":") for line in text.splitlines())]
    kinds, maker = set(), 0
    for key, value in facts:
        try:
            if key == "CPU implementer":
                maker = int(value, 0)
            elif key == "CPU part":
                kinds.add((maker, int(value, 0)))
        except ValueError:
            continue
    names = {_core(*kind) for kind in kinds}
    return " + ".join(sorted(names)) or next((value for key, value in facts if key == "model name" and value), None)


def _core(maker: int, part: int) -> str:
    """A core's name, or its numbers if the name is unknown."""
    by = MAKERS.get(maker, f"ARM implementer {maker:#04x}")
    return f"{by} {CORES.get(by, {}).get(part, f'part {part:#05x}')}"
