"""Refuses data that are too large before memory is allocated for them; gdbench/inputs/limits.py has the limits."""

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
    """Raise UsageError for too many samples, features or values. place: how the error names the data."""
    for count, most, what in ((samples, SAMPLES, "samples"), (features, FEATURES, "features")):
        if count > most:
            raise UsageError(f"{place} has {count:,} {what}, and at most {most:,} are supported; {remedy}")
    if samples * features >= DATA_VALUES:
        raise UsageError(
            f"{place} has {samples:,} samples x {features:,} features, and fewer than {DATA_VALUES:,} values are "
            f"supported; {remedy}"
        )


def check_products(name: str, samples: int, weights: int) -> None:
    """Raise UsageError for a teacher that would take too long to evaluate, or too much memory for its weights."""
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
    """Raise UsageError for a file of too many bytes, before it is read and hashed."""
    if size > DATA_BYTES:
        raise UsageError(f"{path} has {size:,} bytes, and at most {DATA_BYTES:,} are read; keep fewer samples in it")


def check_unpacked(path: Path, packed: int, unpacked: int) -> None:
    """Raise UsageError for a file that unpacks to far more bytes than data do."""
    if unpacked > most_unpacked(packed):
        raise UsageError(
            f"{path} unpacks from {packed:,} bytes to {unpacked:,} or more, and at most {most_unpacked(packed):,} are "
            "unpacked; keep fewer samples in it, or save it unpacked"
        )


def most_unpacked(packed: int) -> int:
    """The most bytes that a file of `packed` bytes may unpack to."""
    return max(FREELY, min(UNPACKED_BYTES, INFLATION * packed))
