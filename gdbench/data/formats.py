"""The formats that data sets may have on disk, in one table. A new one is a file with its reader, and a row here.

format_of(Path("flowers.csv")).read(path, "species")    # the contents of the file, and of the test split if it has one
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

Target = str | list[str] | None  # the column or columns to predict; None where the format has no columns with names
Parts = tuple[Contents, Contents | None]  # what to train on, and what to test on where the format tells


@dataclass(frozen=True, eq=False, kw_only=True)
class Format:
    """One format: what it is called, how it is known, and what reads it.

    endings: of a file's name, in small letters; none for a folder. what: a sentence, after what a suite writes.
    read(path, target): the contents; raises UsageError that says what is wrong, and where.
    columns: whether columns have names, so that a suite may say which to predict.
    files(folder): of a folder, its files by what they hold; raises UsageError where one is missing.
    """

    name: str
    endings: tuple[str, ...] = ()
    what: str
    read: Callable[[Path, Target], Parts]
    columns: bool = False
    files: Callable[[Path], Mapping[str, Path]] | None = None

    @property
    def label(self) -> str:
        """What a suite writes: `FILE.csv, FILE.csv.gz`."""
        return ", ".join(f"FILE{ending}" for ending in self.endings) or "FOLDER"


def _table(read: Callable[[Path, str | list[str]], Contents]) -> Callable[[Path, Target], Parts]:
    """The reader of a file with named columns, one of which is y where nobody says which to predict."""
    return lambda path, target: (read(path, target or "y"), None)


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
        read=lambda path, _: (read_npz(path), None),
    ),
    Format(
        name="IDX",
        what="MNIST's IDX files: train-images-idx3-ubyte, train-labels-idx1-ubyte, and t10k-... to test on",
        read=lambda path, _: read_idx_folder(path),
        files=find_idx,
    ),
)


def format_of(path: str | Path) -> Format | None:
    """The format of a file, by its name's ending, or of a folder; None for a file that has none of them."""
    if os.path.isdir(path):  # os.path, since pathlib raises for paths that no system could have
        first, *others = [known for known in FORMATS if known.files]
        return next((known for known in others if _holds(path, known)), first)  # whose error tells of any other folder
    name = Path(path).name.lower()
    return next((known for known in FORMATS if known.endings and name.endswith(known.endings)), None)


def _holds(folder: str | Path, known: Format) -> bool:
    """Whether a folder has the files of a format."""
    try:
        return bool(known.files and known.files(Path(folder)))
    except UsageError:
        return False


def of_files() -> tuple[str, str]:
    """The names of the formats of files, and the endings: `CSV, Parquet or NPZ`, `.csv, .csv.gz, .parquet or .npz`."""
    files = [known for known in FORMATS if known.endings]
    return _either([known.name for known in files]), _either([end for known in files for end in known.endings])


def gzipped() -> str:
    """The names of the formats whose files may be gzipped."""
    return _either([known.name for known in FORMATS if any(end.endswith(".gz") for end in known.endings)])


def _either(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
