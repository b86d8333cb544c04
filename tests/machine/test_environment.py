"""What `gdbench.machine.environment` tells of a machine that is not this one."""

import itertools
import json
import platform
import sys

import pytest

from gdbench.machine import caches, environment, processors
from gdbench.machine.caches import Level, levels
from gdbench.machine.environment import fingerprint, spread, usable_set
from gdbench.machine.processors import cpu_name

SIBLINGS = {
    "halves": ["0,4", "1,5", "2,6", "3,7"] * 2,  # the second threads have the numbers behind all first ones
    "pairs": ["0-1", "0-1", "2-3", "2-3", "4-5", "4-5", "6-7", "6-7"],
    "single": [str(number) for number in range(8)],
}


@pytest.mark.parametrize(
    ("machine", "usable", "order"),
    [
        ("halves", range(8), [7, 6, 5, 4, 3, 2, 1, 0]),
        ("halves", [0, 3, 4, 5], [5, 4, 3, 0]),
        ("pairs", range(8), [7, 5, 3, 1, 6, 4, 2, 0]),
        ("pairs", [0, 1, 2, 3, 6], [6, 3, 1, 2, 0]),
        ("single", range(8), [7, 6, 5, 4, 3, 2, 1, 0]),
        ("untold", range(8), [7, 6, 5, 4, 3, 2, 1, 0]),
    ],
)
def test_every_core_comes_once_before_a_second_thread_of_any(machine, usable, order, tmp_path):
    for number, siblings in enumerate(SIBLINGS.get(machine, [])):
        folder = tmp_path / f"cpu{number}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{siblings}\n")
    assert spread(list(usable), tmp_path) == order


def test_this_machine_has_each_processor_once():
    assert sorted(spread(usable_set())) == usable_set()


def arm(*cores):
    """What Linux tells of cores of ARM, given as maker and part."""
    lines = [
        f"processor\t: {i}\nCPU implementer\t: {maker}\nCPU part\t: {part}\n" for i, (maker, part) in enumerate(cores)
    ]
    return "\n".join(lines)


NAMES = {
    "x86": ("processor\t: 0\nmodel name\t: AMD EPYC 7B13\nflags\t: fma\n", "AMD EPYC 7B13"),
    "Neoverse": (arm(*[("0x41", "0xd0c")] * 4), "Arm Neoverse-N1"),
    "Graviton 4": (arm(("0x41", "0xd4f")), "Arm Neoverse-V2"),
    "two kinds": (arm(("0x41", "0xd05"), ("0x41", "0xd0b")), "Arm Cortex-A55 + Arm Cortex-A76"),
    "the same, another order": (arm(("0x41", "0xd0b"), ("0x41", "0xd05")), "Arm Cortex-A55 + Arm Cortex-A76"),
    "Apple": (arm(("0x61", "0x022"), ("0x61", "0x023")), "Apple M1"),
    "Ampere": (arm(("0xc0", "0xac3")), "Ampere Ampere-1"),
    "unknown part": (arm(("0x41", "0xfff")), "Arm part 0xfff"),
    "unknown maker": (arm(("0x77", "0x12")), "ARM implementer 0x77 part 0x012"),
    "not a number": (arm(("0x41", "new")) + "model name\t: Odd\n", "Odd"),
    "not even text": ("\udcff: \udcfe\n", None),
    "nothing": ("", None),
}


@pytest.mark.parametrize(("text", "name"), NAMES.values(), ids=[*NAMES])
def test_a_processor_has_the_name_that_linux_tells(text, name, tmp_path, monkeypatch):
    monkeypatch.setattr(processors.sys, "platform", "linux")
    path = tmp_path / "cpuinfo"
    path.write_text(text, errors="surrogateescape")
    assert cpu_name(path) == (name or platform.processor() or platform.machine())


MACS = {
    "Apple": (
        {"machdep.cpu.brand_string": "Apple M2 Pro", "hw.perflevel0.l1dcachesize": "131072"}
        | {"hw.perflevel0.l2cachesize": "16777216", "hw.l1dcachesize": "65536", "hw.l2cachesize": "4194304"},
        "Apple M2 Pro",
        (Level("L1", 2**17), Level("L2", 2**24), Level("memory", 0)),
    ),
    "Intel": (
        {"machdep.cpu.brand_string": "Intel(R) Core(TM) i7", "hw.l1dcachesize": "32768", "hw.l2cachesize": "262144"}
        | {"hw.l3cachesize": "8388608"},
        "Intel(R) Core(TM) i7",
        (Level("L1", 2**15), Level("L2", 2**18), Level("L3", 2**23), Level("memory", 0)),
    ),
    "silent": ({}, None, (*(Level(*each) for each in caches.ASSUMED), Level("memory", 0))),
}


@pytest.mark.skipif(sys.platform == "win32", reason="a command is played by a shell script")
@pytest.mark.parametrize(("told", "name", "expected"), MACS.values(), ids=[*MACS])
def test_a_mac_tells_its_name_and_caches_by_sysctl(told, name, expected, tmp_path, monkeypatch):
    cases = "".join(f"{key}) echo '{value}';;\n" for key, value in told.items())
    (tmp_path / "sysctl").write_text(f'#!/bin/sh\ncase "$2" in\n{cases}*) exit 1;;\nesac\n')
    (tmp_path / "sysctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cpu_name() == (name or platform.processor() or platform.machine()) and levels() == expected


def test_a_machine_has_one_fingerprint_and_two_have_two(monkeypatch):
    here = environment.environment()
    assert fingerprint(here) == fingerprint(environment.environment()) == fingerprint(json.loads(json.dumps(here)))
    software = {"python": "3.99", "os": "Linux 9", "numba": "9", "compiled_for": "generic", "features": []}
    assert fingerprint({**here, **software}) == fingerprint(dict(reversed(here.items())))
    # What a system keeps of the memory for itself differs from start to start.
    sizes = [fingerprint({**here, "memory_gb": size}) for size in (15.1, 15.4, 15.5, 15.6, 16.0)]
    assert len({*sizes}) == 1
    others = [{"memory_gb": 31.2}, {"L2_kib": 77}, {"threads": 99}, {"machine": "vax"}]
    others += [{"cpu": name} for name in ("Arm Neoverse-N1", "Arm Neoverse-V1", "Arm part 0xfff", "Arm part 0xffe")]
    found = [fingerprint({**here, "memory_gb": 15.5, **other}) for other in others] + sizes[:1]
    assert all(a != b for a, b in itertools.combinations(found, 2))
