"""What a kernel needs of a GPU, read from its machine code, and what it consists of, counted in its PTX.

    needs(image.cubin, image.entry)  # registers, shared memory, stack
    instructions(image.ptx)          # {"fma": 868, ...}

A cubin is an ELF file, whose sections pyelftools finds. NVIDIA describes none of those that it adds, but prints them
(`cuobjdump --dump-elf`); the numbers of their attributes are those of CuAssembler
(github.com/cloudcores/CuAssembler, CuAsm/CuNVInfo.py). Section .nv.info is a sequence of a byte of format, a byte of
attribute, and two bytes that hold a value or, in format 4, the size of what follows: there, a function's number and its
value, four bytes each.
"""

import re
import struct
from collections.abc import Iterator
from io import BytesIO
from typing import Any, NamedTuple

from gdbench.errors import GdbenchError

_SIZED = 4  # the format of attributes that have a size
_REGISTERS = 0x2F  # EIATTR_REGCOUNT
_STACKS = (0x11, 0x12, 0x23)  # EIATTR_FRAME_SIZE, EIATTR_MIN_STACK_SIZE, EIATTR_MAX_STACK_SIZE
_RESERVED = {True: 1024, False: 0}  # bytes of shared memory that the driver keeps, counted in from sm_90 on


class Needs(NamedTuple):
    """What a kernel needs."""

    registers: int  # of a thread
    shared: int  # bytes of shared memory of a block that it declares itself
    stack: int  # bytes of a thread's own memory, which lies as far away as the GPU's: spilled registers, local arrays


def needs(cubin: bytes, entry: str) -> Needs:
    """Of a kernel and the functions that it calls, which are all that its file holds. Raises ValueError for others."""
    try:
        from elftools.common.exceptions import ELFError
        from elftools.elf.elffile import ELFFile
    except ImportError:
        raise GdbenchError("a GPU's machine code cannot be read; `pip install pyelftools` installs what does") from None
    try:
        elf = ELFFile(BytesIO(cubin))
        sections = {section.name: section for section in elf.iter_sections()}
    except ELFError as error:
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
    """The attributes that say something of a function, and what."""
    at = 0
    while at < len(section):
        form, attribute, size = struct.unpack_from("<BBH", section, at)
        at += 4
        if form == _SIZED:
            if size == 8:
                yield attribute, struct.unpack_from("<II", section, at)[1]
            at += size


def _capability(elf: Any) -> int:
    """The compute capability that it was compiled for: 75, 80, 90."""
    flags, version = elf["e_flags"], elf["e_ident"]["EI_ABIVERSION"]  # the version of NVIDIA's format
    return int(flags >> 8 & 0xFF if version >= 8 else flags & 0xFF)


_INSTRUCTION = re.compile(r"^\s+(?:@!?%p\d+\s+)?([a-z][\w.:]*)", re.MULTILINE)
_FLOAT, _WIDE = r"f(?:32|64)$", r"(?:v4\.\w32|v2\.\w64)$"
KINDS = {
    "fma": rf"fma\..*{_FLOAT}",
    "mul": rf"mul\..*{_FLOAT}",
    "add": rf"(?:add|sub)\..*{_FLOAT}",
    "div": rf"(?:div|rcp)\..*{_FLOAT}",
    "sqrt": rf"r?sqrt\..*{_FLOAT}",
    # Rounded as the assembler likes: it may make one instruction of such a product and sum, or flush small numbers.
    "loose": rf"(?:(?:add|sub|mul|fma|mad|div|rcp|sqrt)\.(?!rn\.{_FLOAT}).*{_FLOAT}|.*\.approx\b.*)",
    "16-byte loads": rf"ld\.(?:shared|global)\.(?:nc\.)?{_WIDE}",
    "16-byte stores": rf"st\.(?:shared|global)\.{_WIDE}",
    "other loads": rf"ld\.(?!param|local)(?!.*{_WIDE})",
    "other stores": rf"st\.(?!param|local)(?!.*{_WIDE})",
    "local": r"(?:ld|st)\.local\b",
    "barriers": r"(?:bar|barrier)\.",
    "calls": r"call\b",
    "f64": r".*\.f64\b",
}  # what instructions of each kind begin with; one instruction may be of several kinds


def instructions(ptx: str) -> dict[str, int]:
    """How many instructions of each kind a kernel's PTX has, loops counted once."""
    words = _INSTRUCTION.findall(ptx)
    return {kind: sum(re.match(pattern, word) is not None for word in words) for kind, pattern in KINDS.items()}
