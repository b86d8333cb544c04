"""Export a run to files that other programs can read, and read it back.

JSON: one file. CSV and Parquet: a folder with `about.json` and one file each for trials, curves, targets, timings and
subjects. In JSON, infinity is written as "inf" and NaN as null. A JSON file holds the SHA-256 of everything after that
hash; in a folder, `about.json` also holds the SHA-256 of each other file. A file that was changed since is refused.
"""

import hashlib
import io
import json
import math
import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gdbench.errors import GdbenchError, UsageError
from gdbench.inputs.limits import DATA_VALUES, EXPORT_BYTES
from gdbench.inputs.parquet import check_table, read_table
from gdbench.inputs.paths import user_path
from gdbench.inputs.writing import replacing, write_text
from gdbench.results.export_checks import LATER, NULLABLE, TEXT, check_about, check_tables, check_whole
from gdbench.results.frames import SUBJECT_COLUMNS, Frames

if TYPE_CHECKING:
    from pyarrow.parquet import FileMetaData

_NO_PARQUET = "Parquet needs pyarrow, which is not installed; run: pip install pyarrow"
VERSION = 1
FORMATS = ("json", "csv", "parquet")
TABLES = ("trials", "curves", "targets", "timings", "subjects")
ADDED = "subjects"  # older exports do not have it
FOLLOWING = ("ranking",)  # tables that follow from the others: written for other programs, and not read back
_HASHED = re.compile(r'\{\s*"gdbench_export": \d+,\s*"hash": "([^"]*)",')  # how a file with a hash begins
_UNHASHED = "{} is unverified: it was exported by a gdbench that wrote no hash into it"


def export(frames: Frames, path: Path, form: str, **following: pd.DataFrame) -> Path:
    """Write the frames to `path` as `form`: a file for json, otherwise a folder. Returns the path.

    following: the tables `FOLLOWING`. Raises UsageError for an unknown form, and GdbenchError if a file cannot be
    written or pyarrow is missing.
    """
    if form not in FORMATS:
        raise UsageError(f"format {form!r} is not one of {', '.join(FORMATS)}")
    if form == "parquet" and find_spec("pyarrow") is None:
        raise GdbenchError(_NO_PARQUET)
    document: dict[str, Any] = {"about": frames.about, "environment": frames.environment}
    written = {**{name: getattr(frames, name) for name in TABLES}, **following}
    if form == "json":
        tables = {name: _columns(table) for name, table in written.items()}
        write_text(path, sealed({**document, **tables}))
        return path
    files = {}
    for name, table in written.items():
        with replacing(path / f"{name}.{form}") as temporary:
            _write(table, temporary, form)
            files[name] = hashlib.sha256(temporary.read_bytes()).hexdigest()
    document |= {"format": form, "rows": {name: len(getattr(frames, name)) for name in TABLES}, "files": files}
    write_text(path / "about.json", sealed(document, 1))
    return path


def sealed(document: Mapping[str, Any], indent: int | None = None) -> str:
    """The document as JSON that begins with the version and the hash of everything after it."""
    head, _, rest = json.dumps(
        {"gdbench_export": VERSION, "hash": "", **document}, indent=indent, allow_nan=False
    ).partition('"hash": "",')
    return f'{head}"hash": "{hashlib.sha256(rest.encode()).hexdigest()}",{rest}\n'


def _check_size(path: Path) -> None:
    """Raise UsageError for a file that is too large, endless or not a file, before any of it is read."""
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise UsageError(f"{path} is not a file; give the path of a run exported by gdbench")
    if facts.st_size > EXPORT_BYTES:
        raise UsageError(
            f"{path} has {facts.st_size:,} bytes, and at most {EXPORT_BYTES:,} are read; export fewer trials"
        )
    if path.suffix == ".parquet" and find_spec("pyarrow") is not None:
        with _parquet(path):
            check_table(path, partial(_check_values, path))


def _check_values(path: Path, told: "FileMetaData") -> None:
    """Raise UsageError for a Parquet file with too many values; very many equal ones take only a few bytes."""
    values = told.num_rows * told.num_columns
    if values > DATA_VALUES:
        raise UsageError(f"{path} holds {values:,} values, and at most {DATA_VALUES:,} are read; export fewer trials")


@contextmanager
def _parquet(path: Path) -> Iterator[None]:
    """Turn the errors of pyarrow into ours; for a damaged file it may raise anything."""
    try:
        yield
    except UsageError:
        raise
    except ImportError:
        raise GdbenchError(_NO_PARQUET) from None
    except Exception as error:
        raise UsageError(f"{path} cannot be read as a Parquet file ({error!s:.100}); export the run again") from None


def _content(path: Path) -> bytes:
    """The bytes of a table's file. A CSV gets our line endings back, since git may have changed them at checkout."""
    content = path.read_bytes()
    changed = path.suffix == ".csv" and content.partition(b"\n")[0].endswith(b"\r")
    return content.replace(b"\r\n", b"\n") if changed else content


def read_export(path: Path) -> Frames:
    """The frames that `export` wrote. Raises UsageError for a file that is not an export, was changed, or is newer."""
    path = user_path(path)
    file = path / "about.json" if os.path.isdir(path) else path
    try:
        _check_size(file)
        text = file.read_text(encoding="utf-8")
        document = json.loads(text)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from None
    except UsageError:
        raise
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or "gdbench_export" not in document:
        raise UsageError(f"{path} is not a run exported by gdbench")
    if document["gdbench_export"] != VERSION:
        version = document["gdbench_export"]
        raise UsageError(f"{path} has export version {version!r:.40} and this gdbench reads {VERSION}; update gdbench")
    if "hash" in document:
        match = _HASHED.match(text)
        rest = text[match.end() :].removesuffix("\n") if match else ""
        if match is None or match[1] != hashlib.sha256(rest.encode()).hexdigest():
            raise UsageError(f"{file} was changed since gdbench wrote it; export the run again")
    try:
        tables = _tables(document, file)
        for name, rows in document.get("rows", {}).items():
            if name not in tables or len(tables[name]) != rows:
                raise ValueError(f"{name} has {len(tables.get(name, ()))} rows instead of {rows}")
        tables.setdefault(ADDED, pd.DataFrame(columns=list(SUBJECT_COLUMNS)))
        # Without rows, pandas reads text columns as numbers, and then joins no other table to them.
        tables = {name: frame if len(frame) else frame.astype(object) for name, frame in tables.items()}
        about = {**LATER, **document["about"]}
        check_about(about, document["environment"])
        check_tables(tables, about.get("hyperparameters", ()))  # a hash does not show who wrote it
        if "hash" not in document:
            check_whole(tables)
            about["notices"] = [*about.get("notices", ()), _UNHASHED.format(path)]
        return Frames(about=about, environment=dict(document["environment"]), **tables)
    except (OSError, LookupError, ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{path} is an incomplete export: {_words(error):.200}; export the run again") from None


def _words(error: Exception) -> str:
    """What is wrong with an export, in words."""
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    if isinstance(error, FileNotFoundError):
        return f"{Path(error.filename).name} is missing beside it"
    if isinstance(error, ValueError | LookupError):
        return " ".join(str(error).split())
    return f"it does not fit together ({type(error).__name__}: {error})"


def _tables(document: Mapping[str, Any], file: Path) -> dict[str, pd.DataFrame]:
    """The frames by name, from the document or from the files beside it."""
    if "format" not in document:
        return {name: _frame(document[name]) for name in TABLES if name != ADDED or name in document}
    if document["format"] not in FORMATS:
        raise ValueError(f"format {document['format']!r} is unknown")
    files = {name: file.parent / f"{name}.{document['format']}" for name in (*TABLES, *FOLLOWING)}
    for path in files.values():
        if path.exists():
            _check_size(path)
    hashes = document.get("files", {})
    for name, wanted in hashes.items():
        if hashlib.sha256(_content(files[name])).hexdigest() != wanted:
            raise UsageError(f"{files[name]} was changed since gdbench wrote it; export the run again")
    named = document["about"].get("hyperparameters", ())
    return {name: _read(files[name], named) for name in TABLES if name != ADDED or files[name].exists()}


def _columns(frame: pd.DataFrame) -> dict[str, list[Any]]:
    return {name: [plain(value) for value in frame[name].tolist()] for name in frame}


def plain(value: Any) -> Any:
    """A value as JSON can hold it: NaN as None, infinity as "inf"."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value


def _frame(columns: Mapping[str, list[Any]]) -> pd.DataFrame:
    lengths = {name: len(values) for name, values in columns.items()}
    if len({*lengths.values()}) > 1:
        raise ValueError(f"its columns differ in length ({', '.join(f'{k}: {v}' for k, v in lengths.items())})")
    return pd.DataFrame({name: values if name in TEXT else _numbers(name, values) for name, values in columns.items()})


def _numbers(name: str, values: list[Any]) -> list[Any]:
    """A column of numbers, or of a hyperparameter that is true or false."""
    special = {"inf": np.inf, "-inf": -np.inf, None: np.nan}
    odd = next((value for value in values if isinstance(value, str) and value not in special), None)
    if odd is not None:
        raise ValueError(f"column {name!r} holds {odd!r:.40}, which is not a number")
    return [special[value] if isinstance(value, str | None) else value for value in values]


def _write(frame: pd.DataFrame, path: Path, form: str) -> None:
    if form == "csv":
        frame.to_csv(path, index=False, lineterminator="\n", float_format=_every_bit)
        return
    frame.to_parquet(path, index=False)


def _every_bit(value: Any) -> str:
    return repr(float(value))


def _read(path: Path, hyperparameters: Collection[str]) -> pd.DataFrame:
    if path.suffix == ".csv":
        content = _content(path)
        if content and not content.endswith(b"\n"):
            raise ValueError(f"{path.name} ends within a row")
        # Numbers are parsed here, since pandas rounds them differently from version to version.
        # A carriage return in a text does not end a row.
        cells = pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, lineterminator="\n")
        return pd.DataFrame({name: _parsed(str(name), cells[name].tolist(), hyperparameters) for name in cells})
    with _parquet(path):
        return read_table(path, partial(_check_values, path)).to_pandas()


def plain_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame's rows as JSON can hold them."""
    return [{str(name): plain(value) for name, value in row.items()} for row in frame.to_dict("records")]


def _parsed(name: str, cells: list[str], hyperparameters: Collection[str]) -> list[Any]:
    """The values of a column of a CSV file; their type follows from the column, not from the cell."""
    if name in TEXT:
        missing = {"": np.nan} if name in NULLABLE else {}
        return [missing.get(cell, cell) for cell in cells]
    special: dict[str, Any] = {"": np.nan}
    if name in hyperparameters:
        special |= {"True": True, "False": False}
    return [special[cell] if cell in special else _number(cell) for cell in cells]


def _number(cell: str) -> int | float:
    return int(cell) if cell.lstrip("-").isdigit() else float(cell)
