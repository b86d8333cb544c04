"""The formats of data files, in one table. A new format needs a file with its reader, and a row here.

format_of(Path("flowers.csv")).read(path, "species", False)    # the contents of the file, and of its test split or None
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gdbench.data.contents import Contents
from gdbench.data.csv_files import read_csv
from gdbench.data.idx import find_idx, read_idx_folder
from gdbench.data.npz import read_npz
from gdbench.data.parquet import read_parquet
from gdbench.errors import UsageError

Target = str | list[str] | None  # the column or columns to predict; None if the format's columns have no names
Parts = tuple[Contents, Contents | None]  # the training data, and the test data if the format has them


@dataclass(frozen=True, eq=False, kw_only=True)
class Format:
    """One format: its name, the endings of its files and its reader.

    endings: of a file's name, in small letters; none for a folder. what: a description, shown behind `label`.
    read(path, target, encode): the contents; raises UsageError that says what is wrong, and where. encode: whether
    columns of texts become columns of 0 and 1.
    columns: whether columns have names, so that a suite may name those to predict.
    files(folder): the files of a folder by what they hold; raises UsageError if one is missing.
    """

    name: str
    endings: tuple[str, ...] = ()
    what: str
    read: Callable[[Path, Target, bool], Parts]
    columns: bool = False
    files: Callable[[Path], Mapping[str, Path]] | None = None

    @property
    def label(self) -> str:
        """What a suite writes: `FILE.csv, FILE.csv.gz`."""
        return ", ".join(f"FILE{ending}" for ending in self.endings) or "FOLDER"


def _table(read: Callable[[Path, str | list[str], bool], Contents]) -> Callable[[Path, Target, bool], Parts]:
    """The reader of a file with named columns. It predicts the column y unless a suite names another."""
    return lambda path, target, encode: (read(path, target or "y", encode), None)


FORMATS = (
    Format(
        name="CSV",
        endings=(".csv", ".csv.gz"),
        what="a header, the column y (or target = NAME) to predict, numbers as features",
        read=_table(read_csv),
        columns=True,
    ),
    Format(
        name="Parquet",
        endings=(".parquet",),
        what="the same columns in Parquet",
        read=_table(read_parquet),
        columns=True,
    ),
    Format(
        name="NPZ",
        endings=(".npz",),
        what="arrays X (samples x features) and y (labels or targets)",
        read=lambda path, *_: (read_npz(path), None),
    ),
    Format(
        name="IDX",
        what="MNIST's IDX files: train-images-idx3-ubyte, train-labels-idx1-ubyte, and t10k-... to test on",
        read=lambda path, *_: read_idx_folder(path),
        files=find_idx,
    ),
)


def format_of(path: str | Path) -> Format | None:
    """The format of a folder, or of a file by the ending of its name; None for a file with another ending."""
    if os.path.isdir(path):  # os.path, since pathlib raises for paths that no system could have
        first, *others = [known for known in FORMATS if known.files]
        # A folder of no known format gets the first one, whose reader says what is missing.
        return next((known for known in others if _holds(path, known)), first)
    name = Path(path).name.lower()
    return next((known for known in FORMATS if known.endings and name.endswith(known.endings)), None)


def _holds(folder: str | Path, known: Format) -> bool:
    """Whether a folder has the files of a format."""
    try:
        return bool(known.files and known.files(Path(folder)))
    except UsageError:
        return False


def of_files() -> tuple[str, str]:
    """The names and the endings of all formats of files: `CSV, Parquet or NPZ`, `.csv, .csv.gz, .parquet or .npz`."""
    files = [known for known in FORMATS if known.endings]
    return _either([known.name for known in files]), _either([end for known in files for end in known.endings])


def gzipped() -> str:
    """The names of the formats whose files may be gzipped."""
    return _either([known.name for known in FORMATS if any(end.endswith(".gz") for end in known.endings)])


def _either(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
