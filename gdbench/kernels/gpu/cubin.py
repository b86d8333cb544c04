"""What a kernel needs of a card, read from its machine code, and what it consists of, counted in its PTX.

    needs(image.cubin, image.entry)  # registers, shared memory, stack
    instructions(image.ptx)          # {"fma": 868, ...}

A cubin is an ELF file. NVIDIA describes none of the sections that it adds, but prints them (`cuobjdump --dump-elf`);
the numbers of their attributes are those of CuAssembler (github.com/cloudcores/CuAssembler, CuAsm/CuNVInfo.py). Section
.nv.info is a sequence of a byte of format, a byte of attribute, and two bytes that hold a value or, in format 4, the
size of what follows: there, a function's number and its value, four bytes each.
"""

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

_SIZED = 4  # the format of attributes that have a size
_REGISTERS = 0x2F  # EIATTR_REGCOUNT
_STACKS = (0x11, 0x12, 0x23)  # EIATTR_FRAME_SIZE, EIATTR_MIN_STACK_SIZE, EIATTR_MAX_STACK_SIZE
_RESERVED = {True: 1024, False: 0}  # bytes of shared memory that the driver keeps, counted in from sm_90 on


class Needs(NamedTuple):
    """What a kernel needs."""

    registers: int  # of a thread
    shared: int  # bytes of shared memory of a block that it declares itself
    stack: int  # bytes of a thread's own memory, which lies as far away as the card's: spilled registers, local arrays


def needs(cubin: bytes, entry: str) -> Needs:
    """Of a kernel and the functions that it calls, which are all that its file holds. Raises ValueError for others."""
    if cubin[:6] != b"\x7fELF\x02\x01":
        raise ValueError("no ELF file of 64 bits, the least significant byte first")
    sections = dict(_sections(cubin))
    if ".nv.info" not in sections or f".text.{entry}" not in sections:
        raise ValueError(f"no machine code of {entry}")
    registers, stack = [0], [0]
    start, size = sections[".nv.info"]
    for attribute, value in _attributes(cubin[start : start + size]):
        if attribute == _REGISTERS:
            registers.append(value)
        elif attribute in _STACKS:
            stack.append(value)
    _, shared = sections.get(f".nv.shared.{entry}", (0, 0))
    return Needs(max(registers), max(0, shared - _RESERVED[_capability(cubin) >= 90]), max(stack))


def _sections(cubin: bytes) -> Iterator[tuple[str, tuple[int, int]]]:
    """The name of every section, where it begins and its size in bytes."""
    (table,) = struct.unpack_from("<Q", cubin, 40)
    width, count, names = struct.unpack_from("<3H", cubin, 58)
    headers = [struct.unpack_from("<IIQQQQ", cubin, table + i * width) for i in range(count)]
    for name, _, _, _, start, size in headers:
        at = headers[names][4] + name
        yield cubin[at : cubin.index(b"\0", at)].decode(), (start, size)


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


def _capability(cubin: bytes) -> int:
    """The compute capability that it was compiled for: 75, 80, 90."""
    (flags,) = struct.unpack_from("<I", cubin, 48)
    return int(flags >> 8 & 0xFF if cubin[8] >= 8 else flags & 0xFF)  # cubin[8]: the version of NVIDIA's format


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
