"""Files that may be gzipped: what is read of them, and what is refused before."""

import gzip
import os
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from gdbench.data.limits import check_unpacked

GZIP = b"\x1f\x8b"
ERRORS = (OSError, EOFError, zlib.error)  # what reading a file that is damaged or gone raises
_PIECE = 2**20


def is_gzipped(path: Path) -> bool:
    """Whether a file is gzipped by its name or by its first bytes: browsers and tools rename what they fetch."""
    return path.suffix.lower() == ".gz" or first_bytes(path, 2) == GZIP


def first_bytes(path: Path, count: int) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as file:
        return file.read(count)


def open_unpacked(path: Path) -> BinaryIO:
    """A file's bytes, unpacked if it is gzipped. Raises UsageError for a bomb, and one of `ERRORS`."""
    if not is_gzipped(path):
        return path.open("rb")
    _refuse_bomb(path)
    return cast(BinaryIO, gzip.open(path, "rb"))


def _refuse_bomb(path: Path) -> None:
    """Unpack once without keeping anything, until the end or what is too much: a second for 500 MB.

    What is too much for the part that has been read is too much for all of it, so that a bomb ends soon.
    """
    packed = os.path.getsize(path)
    with path.open("rb") as file:
        file.seek(max(0, packed - 4))
        told = int.from_bytes(file.read(4), "little")  # the size modulo 4 GB, unless the file lies or is cut
    if told <= 1100 * packed:  # deflate packs to a 1032nd at most, so that more is damage, which reading will tell
        check_unpacked(path, packed, told)
    unpacked = 0
    with path.open("rb") as file, gzip.open(file, "rb") as stream:
        while piece := stream.read(_PIECE):
            unpacked += len(piece)
            check_unpacked(path, min(packed, file.tell()), unpacked)
