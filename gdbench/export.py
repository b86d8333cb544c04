"""A run as files that other programs read, and back again.

JSON: one file. CSV and Parquet: a folder with `about.json` and a file for each of trials, curves, targets, timings and
subjects. Infinity is written as "inf" in JSON, NaN as null.
"""

import json
import math
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gdbench.errors import GdbenchError, UsageError
from gdbench.files import replacing, write_text
from gdbench.store.frames import SUBJECT_COLUMNS, Frames

_NO_PARQUET = "Parquet needs pyarrow, which is not installed; run: pip install pyarrow"
VERSION = 1
FORMATS = ("json", "csv", "parquet")
TABLES = ("trials", "curves", "targets", "timings", "subjects")
ADDED = "subjects"  # exports of before it was added have none
TEXT = {
    *("run", "key", "code", "problem", "rule", "schedule", "role", "dtype", "backend", "status", "digest", "setting"),
    *("error", "metric", "subject", "part", "memory"),
}


def export(frames: Frames, path: Path, form: str) -> Path:
    """Write the frames as `form` to `path`, a file for json and a folder otherwise; returns the path."""
    if form not in FORMATS:
        raise UsageError(f"format {form!r} is not one of {', '.join(FORMATS)}")
    if form == "parquet" and find_spec("pyarrow") is None:
        raise GdbenchError(_NO_PARQUET)
    head = {"gdbench_export": VERSION, "about": frames.about, "environment": frames.environment}
    if form == "json":
        tables = {name: _columns(getattr(frames, name)) for name in TABLES}
        write_text(path, json.dumps({**head, **tables}, allow_nan=False) + "\n")
        return path
    for name in TABLES:
        with replacing(path / f"{name}.{form}") as temporary:
            _write(getattr(frames, name), temporary, form)
    head |= {"format": form, "rows": {name: len(getattr(frames, name)) for name in TABLES}}  # a file may be cut short
    write_text(path / "about.json", json.dumps(head, indent=1, allow_nan=False) + "\n")
    return path


def read_export(path: Path) -> Frames:
    """The frames that `export` wrote; raises UsageError for a file that is not one, or is newer than this program."""
    file = path / "about.json" if path.is_dir() else path
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from None
    except ValueError:
        document = None
    if not isinstance(document, dict) or "gdbench_export" not in document:
        raise UsageError(f"{path} is not a run exported by gdbench")
    if document["gdbench_export"] != VERSION:
        version = document["gdbench_export"]
        raise UsageError(f"{path} has export version {version} and this gdbench reads {VERSION}; update gdbench")
    try:
        if "format" in document:
            files = {name: file.parent / f"{name}.{document['format']}" for name in TABLES}
            tables = {name: _read(path) for name, path in files.items() if name != ADDED or path.exists()}
        else:
            tables = {name: _frame(document[name]) for name in TABLES if name != ADDED or name in document}
        for name, rows in document.get("rows", {}).items():
            if name not in tables or len(tables[name]) != rows:
                raise ValueError(f"{name} has {len(tables.get(name, ()))} rows in place of {rows}")
        tables.setdefault(ADDED, pd.DataFrame(columns=list(SUBJECT_COLUMNS)))
        about = document["about"]
        if not re.fullmatch(r"\w+", about["run"]):  # it names a folder
            raise ValueError(f"run {about['run']!r} is no id")
        if not isinstance(about["state"], str):
            raise TypeError(f"state {about['state']!r} is no text")
        return Frames(about=about, environment=dict(document["environment"]), **tables)
    except (OSError, LookupError, ValueError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"{path} is an incomplete export ({reason}); export the run again") from None


def _columns(frame: pd.DataFrame) -> dict[str, list[Any]]:
    return {name: [plain(value) for value in frame[name].tolist()] for name in frame}


def plain(value: Any) -> Any:
    """A value as JSON can hold it: NaN as None, infinity as "inf"."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value


def _frame(columns: Mapping[str, list[Any]]) -> pd.DataFrame:
    special = {"inf": np.inf, "-inf": -np.inf, None: np.nan}
    return pd.DataFrame(
        {
            name: [v if name in TEXT or not isinstance(v, str | None) else special[v] for v in values]
            for name, values in columns.items()
        }
    )


def _write(frame: pd.DataFrame, path: Path, form: str) -> None:
    if form == "csv":
        frame.to_csv(path, index=False, float_format=lambda value: repr(float(value)))  # every bit of it
        return
    frame.to_parquet(path, index=False)


def _read(path: Path) -> pd.DataFrame:
    if path.suffix == ".csv":
        with path.open("rb") as file:
            if file.seek(0, 2) and file.seek(-1, 2) >= 0 and file.read() != b"\n":
                raise ValueError(f"{path.name} ends within a row")
        # Numbers are parsed here, since what pandas rounds differs from version to version.
        cells = pd.read_csv(path, dtype=str, keep_default_na=False)
        return pd.DataFrame({name: [_parsed(v, name in TEXT) for v in cells[name]] for name in cells})
    try:
        return pd.read_parquet(path)
    except ImportError:
        raise GdbenchError(_NO_PARQUET) from None


def plain_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame's rows as JSON can hold them."""
    return [{str(name): plain(value) for name, value in row.items()} for row in frame.to_dict("records")]


def _parsed(cell: str, text: bool) -> Any:
    """What a cell of a CSV file stands for."""
    if text or cell in ("", "True", "False"):
        return {"": np.nan, "True": True, "False": False}.get(cell, cell)
    return int(cell) if cell.lstrip("-").isdigit() else float(cell)
