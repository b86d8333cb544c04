"""Read from a kernel's machine code what it needs of a GPU, and count the instructions in its PTX.

    needs(image.cubin, image.entry)  # registers, shared memory, stack
    instructions(image.ptx)          # {"fma": 868, ...}

A cubin is an ELF file, whose sections pyelftools finds. NVIDIA does not document the sections that it adds, but
`cuobjdump --dump-elf` prints them. The numbers of the attributes are from CuAssembler
(github.com/cloudcores/CuAssembler, CuAsm/CuNVInfo.py).

Section .nv.info is a sequence of entries: a byte of format, a byte of attribute, and two bytes with a value. In format
4 these two bytes hold the size of what follows. If it is 8, a function's number and its value follow, four bytes each.
"""

import re
import struct
from collections.abc import Iterator
from importlib.util import find_spec
from io import BytesIO
from typing import Any, NamedTuple

from gdbench.errors import GdbenchError

_SIZED = 4  # the format of attributes with a size
_REGISTERS = 0x2F  # EIATTR_REGCOUNT
_STACKS = (0x11, 0x12, 0x23)  # EIATTR_FRAME_SIZE, EIATTR_MIN_STACK_SIZE, EIATTR_MAX_STACK_SIZE
_RESERVED = {True: 1024, False: 0}  # bytes of shared memory of the driver, which a cubin counts from sm_90 on

MISSING = "pyelftools, which reads a GPU's machine code, is not installed; `pip install pyelftools` installs it"


def missing_reader() -> str | None:
    """Why no machine code can be read, with the remedy; None if it can."""
    return None if find_spec("elftools") else MISSING


class Needs(NamedTuple):
    """The resources that a kernel needs."""

    registers: int  # of a thread
    shared: int  # bytes of shared memory per block that the kernel itself declares
    stack: int  # bytes of local memory per thread, as slow as the GPU's memory: spilled registers, local arrays


def needs(cubin: bytes, entry: str) -> Needs:
    """The needs of a kernel and of the functions that it calls; a cubin holds nothing else.

    entry: the name of the kernel's function. Raises ValueError if the cubin is not an ELF file or has no such function,
    and GdbenchError without pyelftools.
    """
    try:
        from elftools.common.exceptions import ELFError
        from elftools.elf.elffile import ELFFile
    except ImportError:
        raise GdbenchError(MISSING) from None
    try:
        elf = ELFFile(BytesIO(cubin))
        sections = {section.name: section for section in elf.iter_sections()}
    except (ELFError, struct.error) as error:
        raise ValueError(f"no ELF file ({error})") from None
    if ".nv.info" not in sections or f".text.{entry}" not in sections:
        raise ValueError(f"no machine code of {entry}")
    registers, stack = [0], [0]
    for attribute, value in _attributes(sections[".nv.info"].data()):
        if attribute == _REGISTERS:
            registers.append(value)
        elif attribute in _STACKS:
            stack.append(value)
    own = sections.get(f".nv.shared.{entry}")
    shared = own["sh_size"] if own else 0
    return Needs(max(registers), max(0, shared - _RESERVED[_capability(elf) >= 90]), max(stack))


def _attributes(section: bytes) -> Iterator[tuple[int, int]]:
    """Yields the attributes of functions in section .nv.info, each with its value."""
    at = 0
    while at < len(section):
        form, attribute, size = struct.unpack_from("<BBH", section, at)
        at += 4
        if form == _SIZED:
            if size == 8:
                yield attribute, struct.unpack_from("<II", section, at)[1]
            at += size


def _capability(elf: Any) -> int:
    """The compute capability that a cubin was compiled for, as an integer: 75, 80, 90."""
    flags, version = elf["e_flags"], elf["e_ident"]["EI_ABIVERSION"]  # from version 8 on, it is in other bits
    return int(flags >> 8 & 0xFF if version >= 8 else flags & 0xFF)


_INSTRUCTION = re.compile(r"^\s+(?:@!?%p\d+\s+)?([a-z][\w.:]*)", re.MULTILINE)
_FLOAT, _WIDE = r"f(?:32|64)$", r"(?:v4\.\w32|v2\.\w64)$"
KINDS = {
    "fma": rf"fma\..*{_FLOAT}",
    "mul": rf"mul\..*{_FLOAT}",
    "add": rf"(?:add|sub)\..*{_FLOAT}",
    "div": rf"(?:div|rcp)\..*{_FLOAT}",
    "sqrt": rf"r?sqrt\..*{_FLOAT}",
    # Not rounded to nearest explicitly: the assembler may fuse such a product and sum, or flush small numbers to zero.
    "loose": rf"(?:(?:add|sub|mul|fma|mad|div|rcp|sqrt)\.(?!rn\.{_FLOAT}).*{_FLOAT}|.*\.approx\b.*)",
    "16-byte loads": rf"ld\.(?:shared|global)\.(?:nc\.)?{_WIDE}",
    "16-byte stores": rf"st\.(?:shared|global)\.{_WIDE}",
    "other loads": rf"ld\.(?!param|local)(?!.*{_WIDE})",
    "other stores": rf"st\.(?!param|local)(?!.*{_WIDE})",
    "local": r"(?:ld|st)\.local\b",
    "barriers": r"(?:bar|barrier)\.",
    "calls": r"call\b",
    "f64": r".*\.f64\b",
}  # patterns of the instructions of each kind; one instruction may be of several kinds


def instructions(ptx: str) -> dict[str, int]:
    """The number of instructions of each kind in a kernel's PTX; those of a loop count once."""
    words = _INSTRUCTION.findall(ptx)
    return {kind: sum(re.match(pattern, word) is not None for word in words) for kind, pattern in KINDS.items()}
