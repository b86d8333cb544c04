"""Data that are too large are refused before memory is taken for them, by the table of gdbench/inputs/limits.py."""

from pathlib import Path

from gdbench.errors import UsageError
from gdbench.inputs.limits import (
    DATA_BYTES,
    DATA_VALUES,
    FEATURES,
    FREELY,
    INFLATION,
    PRODUCTS,
    SAMPLES,
    UNPACKED_BYTES,
    WEIGHTS,
)


def check_values(place: str, samples: int, features: int, remedy: str = "use fewer of either") -> None:
    """Raise UsageError for more samples, features or values than are read or made. place: what has them."""
    for count, most, what in ((samples, SAMPLES, "samples"), (features, FEATURES, "features")):
        if count > most:
            raise UsageError(f"{place} has {count:,} {what}, and at most {most:,} are supported; {remedy}")
    if samples * features >= DATA_VALUES:
        raise UsageError(
            f"{place} has {samples:,} samples x {features:,} features, and fewer than {DATA_VALUES:,} values are "
            f"supported; {remedy}"
        )


def check_products(name: str, samples: int, weights: int) -> None:
    """Raise UsageError for a teacher whose answers would take too long, or whose weights too much memory."""
    if weights > WEIGHTS:
        raise UsageError(
            f"{name} has a teacher of {weights:,} weights, and at most {WEIGHTS:,} are supported; make it smaller"
        )
    if samples * weights > PRODUCTS:
        raise UsageError(
            f"{name} with {samples:,} samples and a teacher of {weights:,} weights takes {samples * weights:,} "
            f"multiply-adds, and at most {PRODUCTS:,} are supported; use fewer samples or a smaller teacher"
        )


def check_file(path: Path, size: int) -> None:
    """Raise UsageError for a file of too many bytes, before it is read to be hashed."""
    if size > DATA_BYTES:
        raise UsageError(f"{path} has {size:,} bytes, and at most {DATA_BYTES:,} are read; keep fewer samples in it")


def check_unpacked(path: Path, packed: int, unpacked: int) -> None:
    """Raise UsageError for what unpacks to many times its size, as data do not."""
    if unpacked > most_unpacked(packed):
        raise UsageError(
            f"{path} unpacks from {packed:,} bytes to {unpacked:,} or more, and at most {most_unpacked(packed):,} are "
            "unpacked; keep fewer samples in it, or save it unpacked"
        )


def most_unpacked(packed: int) -> int:
    """To how many bytes a packed file of so many may unpack."""
    return max(FREELY, min(UNPACKED_BYTES, INFLATION * packed))
