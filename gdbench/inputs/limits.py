"""How much a suite, a command, a call or a data file may ask for. A request for more is refused by its size.

    limits.TRIALS                                               # 1,000,000
    limits.check_network([784, 10**6, 10], 60000, itemsize=4)   # raises ValueError: it would take 27.3 GB

docs/limits.md shows the table. A limit lies far above what anybody is known to need, and below what one process can
hold. More would bring down a machine, not a benchmark.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gdbench.errors import UsageError, shown

TRIALS = 1_000_000
PROBLEMS = 1_000
LOOKS = 1_000_000
POINTS = 100_000
VALUES = 10_000_000
LEVELS = 1_000
STEPS = 1_000_000_000
LAYERS = 1_000
NETWORK_BYTES = 2**30
NUMBERS = 50_000_000
OPERATIONS = 100_000_000_000
PATH_NUMBERS = 20_000_000
FILE_BYTES = 250_000
DEPTH = 20
DIGITS = 300
MAGNITUDE = 10**30  # float32 ends at 3e38
NAME_BYTES = 255
PATH_BYTES = 4_095  # Linux; other systems take fewer
TEXT = 10_000
JOBS = 1_024
CHUNK = 1_000_000
ROUNDS = 10_000
PEER_TRIALS = 100_000

DATA_VALUES = 200_000_000  # 1.6 GB as float64; CIFAR-10 has 184 million
SAMPLES = 100_000_000
FEATURES = 1_000_000
CLASSES = 10_000
DATA_BYTES = 2_000_000_000
EXPORT_BYTES = 2_000_000_000  # 200,000 trials looked at twelve times take half a gigabyte as JSON
UNPACKED_BYTES = 1_000_000_000
# Data unpack to two to ten times their size, sparse data to fifty times, and bombs to a thousand times.
INFLATION = 100
FREELY = 64_000_000
WEIGHTS = 100_000_000
UNITS = 100_000
PRODUCTS = 1_000_000_000_000  # a minute of one core

BLOCK = 256  # samples that a network's kernels hold at a time
SAMPLED, KEPT = 3, 5  # arrays of a trial with one element per unit and sample of a block, and with one per parameter


@dataclass(frozen=True)
class Limit:
    """One row of the table."""

    most: int
    what: str
    where: str


TABLE = (
    Limit(TRIALS, "trials of a suite", "all axes times seeds"),
    Limit(PROBLEMS, "problems of a suite", "`[problem.NAME]` times the axes in it"),
    Limit(LOOKS, "looks at a trial", "`evaluate.every`, the `every` of `minimize`"),
    Limit(POINTS, "evaluation points", "`evaluate.points`, whatever the budget"),
    Limit(VALUES, "values in a list", "any list of a suite"),
    Limit(LEVELS, "levels of a target", "`target`"),
    Limit(STEPS, "steps, epochs or evaluations of a budget", "`budget`, the `steps` of `minimize`"),
    Limit(LAYERS, "hidden layers", "`hidden`, `--net`, a teacher's `hidden`"),
    Limit(NETWORK_BYTES, "bytes of a network that trains", "`hidden`, `--net`, the `history` of lbfgs"),
    Limit(NUMBERS, "numbers in the data that a suite makes", "teachers, sparse data, quadratics, functions"),
    Limit(OPERATIONS, "multiplications to make these data", "a teacher's `hidden`, a quadratic's `dimensions`"),
    Limit(PATH_NUMBERS, "numbers in a path", "`minimize`: rows times parameters"),
    Limit(FILE_BYTES, "bytes of a suite's file", "TOML"),
    Limit(DEPTH, "tables or lists in one another", "TOML, dicts, `--set`"),
    Limit(DIGITS, "digits of a whole number", "TOML, dicts, `--set`, options"),
    Limit(MAGNITUDE, "size of a number", "`start`, `noise`, `l2`, `clip_norm`, `clip_value`"),
    Limit(NAME_BYTES, "bytes of a name in UTF-8", "files, folders, rules, functions, problems"),
    Limit(PATH_BYTES, "bytes of a path", "files, folders, stores"),
    Limit(TEXT, "characters of a text", "titles, descriptions, `--set`"),
    Limit(JOBS, "threads", "`--jobs`"),
    Limit(CHUNK, "steps a call", "`--chunk`, `--steps`"),
    Limit(ROUNDS, "rounds, processes", "`--rounds`, `--processes`"),
    Limit(PEER_TRIALS, "trials side by side", "`peers --trials`"),
    Limit(DATA_VALUES, "values of a data set", "`dataset`: samples times features; an exported Parquet file"),
    Limit(SAMPLES, "samples of a data set", "`dataset`"),
    Limit(FEATURES, "features of a data set", "`dataset`"),
    Limit(CLASSES, "classes of a data set", "`dataset`"),
    Limit(DATA_BYTES, "bytes of a data file", "as it lies on disk, and of a CSV file's text"),
    Limit(EXPORT_BYTES, "bytes of an exported file", "whatever takes a run"),
    Limit(UNPACKED_BYTES, "bytes unpacked from a data file", "NPZ, Parquet, gzip"),
    Limit(INFLATION, "times its size that a data file unpacks to", f"beyond {FREELY:,} bytes"),
    Limit(WEIGHTS, "weights of a teacher", '`dataset = {name = "teacher"}`'),
    Limit(UNITS, "hidden units of a teacher", "all its layers"),
    Limit(PRODUCTS, "multiplications to make one data set", "a teacher's or sparse data's answers"),
)


def check_name(kind: str, name: object) -> None:
    """Raise UsageError for a name that is too long."""
    if isinstance(name, str) and len(name.encode(errors="surrogatepass")) > NAME_BYTES:
        raise UsageError(f"{kind} {shown(name)} has a name of more than {NAME_BYTES} bytes; names are shorter")


def network_bytes(sizes: Sequence[int], samples: int, itemsize: int) -> int:
    """The least bytes that a trial of a network takes: its arrays per block of samples, and its arrays per parameter.

    sizes: inputs, hidden widths, outputs. samples: those of the largest split. itemsize: bytes per number.
    """
    parameters = sum((a + 1) * b for a, b in zip(sizes[:-1], sizes[1:], strict=True))
    block = min(BLOCK, max(samples, 1))
    draws = 2 * 8 * parameters  # initial weights are drawn in float64
    return itemsize * (SAMPLED * block * sum(sizes) + KEPT * parameters) + draws


def check_network(sizes: Sequence[int], samples: int, itemsize: int) -> None:
    """Raise ValueError for a network that is too deep or too large to train. The message lacks its subject."""
    if len(sizes) > LAYERS + 2:
        raise ValueError(f"has {len(sizes) - 2:,} hidden layers; at most {LAYERS:,} are allowed")
    size = network_bytes(sizes, samples, itemsize)
    if size > NETWORK_BYTES:
        parameters = sum((a + 1) * b for a, b in zip(sizes[:-1], sizes[1:], strict=True))
        raise ValueError(
            f"makes {parameters:,} parameters, and training takes {size / 2**30:,.1f} GB; at most "
            f"{NETWORK_BYTES / 2**30:g} GB are allowed: use smaller layers"
        )
