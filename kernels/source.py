"""What code produced a number: the SHA-256 of the kernels' own source."""

import hashlib
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def hash_files(paths: list[Path], root: Path) -> str:
    """SHA-256, in hexadecimal, of the names (relative to `root`) and contents of `paths`, in order of name."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


@lru_cache(maxsize=1)
def source_hash() -> str:
    """SHA-256 of every Python file of the kernels; equal hashes mean equal arithmetic."""
    return hash_files(list(FOLDER.rglob("*.py")), FOLDER)
