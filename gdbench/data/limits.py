"""The sizes from which on data are refused: one table, and each is checked before memory is taken for it.

Suites have limits of their own (README, "Suites").
"""

from pathlib import Path

from gdbench.errors import UsageError

VALUES = 200_000_000  # samples x features, 1.6 GB as float64; CIFAR-10 has 184 million
FEATURES = 1_000_000
SAMPLES = 100_000_000
CLASSES = 10_000
FILE_BYTES = 2_000_000_000  # of a file as it lies on disk
UNPACKED_BYTES = 1_000_000_000  # of what lies packed in a file, and of a CSV file's text
WEIGHTS = 100_000_000  # of a teacher
UNITS = 100_000  # of all its hidden layers
PRODUCTS = 1_000_000_000_000  # multiply-adds that make a teacher's or sparse data's answers: a minute of one core
# Data unpack to two to ten times their size, sparse ones to fifty times; bombs to a thousand times.
INFLATION = 100
FREELY = 64_000_000  # bytes to which anything may unpack


def check_values(place: str, samples: int, features: int, remedy: str = "use fewer of either") -> None:
    """Raise UsageError for more samples, features or values than are read or made. place: what has them."""
    for count, most, what in ((samples, SAMPLES, "samples"), (features, FEATURES, "features")):
        if count > most:
            raise UsageError(f"{place} has {count:,} {what}, and at most {most:,} are supported; {remedy}")
    if samples * features >= VALUES:
        raise UsageError(
            f"{place} has {samples:,} samples x {features:,} features, and fewer than {VALUES:,} values are "
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
    if size > FILE_BYTES:
        raise UsageError(f"{path} has {size:,} bytes, and at most {FILE_BYTES:,} are read; keep fewer samples in it")


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
