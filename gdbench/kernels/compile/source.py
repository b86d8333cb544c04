"""Identify the code that produced a number, by the SHA-256 of the kernels' source."""

import hashlib
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1]


def hash_files(paths: list[Path], root: Path) -> str:
    """The SHA-256, in hexadecimal, of the names (relative to `root`) and contents of files, in order of name.

    Line ends are normalised as Python does, so that a checkout on another system has the same hash.
    """
    digest = hashlib.sha256()
    for name in sorted(path.relative_to(root).parts for path in paths):  # Windows sorts paths without regard to case
        content = as_python_reads(root.joinpath(*name).read_bytes())
        digest.update(f"{'/'.join(name)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def as_python_reads(source: bytes) -> bytes:
    """Python source with the line ends that the compiler sees, within strings too, whatever the file's are."""
    return source.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


@lru_cache(maxsize=1)
def source_hash() -> str:
    """The SHA-256 of all Python files of the kernels; equal hashes mean equal arithmetic."""
    return hash_files(list(FOLDER.rglob("*.py")), FOLDER)
