"""Reads files that may be gzipped, and refuses those that unpack to too much."""

import gzip
import os
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from gdbench.data.limits import check_unpacked

GZIP = b"\x1f\x8b"
ERRORS = (OSError, EOFError, zlib.error)  # raised when a damaged or missing file is read
_PIECE = 2**20


def is_gzipped(path: Path) -> bool:
    """Whether a file is gzipped, by its name or by its first bytes: browsers and tools rename what they fetch."""
    return path.suffix.lower() == ".gz" or first_bytes(path, 2) == GZIP


def first_bytes(path: Path, count: int) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as file:
        return file.read(count)


def open_unpacked(path: Path) -> BinaryIO:
    """A file open for its bytes, unpacked if it is gzipped.

    Raises UsageError for a file that unpacks to too much, and one of `ERRORS` for a damaged or missing one.
    """
    if not is_gzipped(path):
        return path.open("rb")
    _refuse_bomb(path)
    return cast(BinaryIO, gzip.open(path, "rb"))


def _refuse_bomb(path: Path) -> None:
    """Unpack a file once without keeping its bytes, until its end or the limit; 500 MB take about a second.

    The limit is checked against the part read so far, so that a bomb is refused early.
    """
    packed = os.path.getsize(path)
    with path.open("rb") as file:
        file.seek(max(0, packed - 4))
        declared = int.from_bytes(file.read(4), "little")  # the size modulo 4 GB, unless the file is wrong or cut
    if declared <= 1100 * packed:  # deflate packs to a 1032nd at most: more means damage, which reading will show
        check_unpacked(path, packed, declared)
    unpacked = 0
    with path.open("rb") as file, gzip.open(file, "rb") as stream:
        while piece := stream.read(_PIECE):
            unpacked += len(piece)
            check_unpacked(path, min(packed, file.tell()), unpacked)
