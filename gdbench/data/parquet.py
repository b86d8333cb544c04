"""Parquet files, read by pyarrow: columns with names, as in CSV files, and with types."""

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gdbench.data.contents import Contents
from gdbench.data.limits import check_unpacked, check_values
from gdbench.data.tables import Place, answers, check_matrix, divided, miss, numbers, one_hot, parsed
from gdbench.errors import UsageError, shown
from gdbench.inputs.parquet import read_table

if TYPE_CHECKING:
    import pandas as pd
    from pyarrow.parquet import FileMetaData


def read_parquet(path: Path, target: str | list[str], encode: bool = False) -> Contents:
    """The contents of a Parquet file. target, encode: as for `read_csv`.

    Raises UsageError for a wrong file, and if pyarrow is not installed.
    """
    frame = _frame(path)
    frame.columns = [str(name) for name in frame.columns]
    wanted, features = divided(path, list(frame.columns), target)
    if not len(frame):
        raise UsageError(f"{path} has columns and no rows; add a row a sample")

    def place(row: int, column: str) -> str:
        return f"{path}, row {row + 1}, column {shown(column)}"

    encoded: frozenset[str] = frozenset()
    if encode:
        x, features, encoded = one_hot([_cells(frame[name], place) for name in features], features, place)
    else:
        x = np.empty((len(frame), len(features)))
        for j, name in enumerate(features):
            x[:, j] = numbers(_cells(frame[name], place), name, place)
    check_matrix(x, features, place)
    y = answers([_cells(frame[name], place) for name in wanted], wanted, place)
    return Contents(path, x, y, lambda row: place(row, wanted[0]), features, encoded)


def _frame(path: Path) -> "pd.DataFrame":
    try:
        return read_table(path, lambda metadata: _check_size(path, metadata), shared=True).to_pandas()
    except UsageError:
        raise
    except ImportError:
        raise UsageError(
            f"{path} is a Parquet file, which needs pyarrow, and that is not installed; run: pip install pyarrow"
        ) from None
    except Exception as error:  # pyarrow and pandas raise errors of many types for a damaged file
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise UsageError(f"{path} cannot be read as a Parquet file ({reason}); write it again") from None


def _check_size(path: Path, metadata: "FileMetaData") -> None:
    """Refuse a file whose metadata declares too many values, or too many bytes when unpacked."""
    check_values(str(path), metadata.num_rows, metadata.num_columns, "keep fewer samples in it")
    packed = path.stat().st_size
    check_unpacked(path, packed, sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)))
    # A column that repeats one value takes a few bytes in the file, however many rows it has and however long it is.
    lengths = [max(8, metadata.schema.column(j).length) for j in range(metadata.num_columns)]
    check_unpacked(path, packed, metadata.num_rows * sum(lengths))


def _cells(column: "pd.Series[Any]", place: Place) -> np.ndarray:
    """A column as an array of numbers, or of objects; raises UsageError for a missing cell."""
    missing = np.flatnonzero(column.isna().to_numpy())
    if missing.size:
        miss(place(int(missing[0]), str(column.name)))
    if column.dtype.name == "category":  # each category is checked once, not each cell
        used = column.cat.remove_unused_categories().cat
        codes = used.codes.to_numpy()
        values = used.categories.to_series(name=column.name)
        return np.asarray(_cells(values, lambda value, name: place(int(np.argmax(codes == value)), name))[codes])
    dtype = {"f": np.float64, "i": np.int64, "u": np.uint64, "b": np.bool_}.get(column.dtype.kind)
    if dtype:
        return np.asarray(column.to_numpy(dtype))
    cells = [_plain(cell, row, str(column.name), place) for row, cell in enumerate(column.tolist())]
    if all(isinstance(cell, str) for cell in cells):
        if "" in cells:
            miss(place(cells.index(""), str(column.name)))
        return parsed(cells)
    out = np.empty(len(cells), object)  # not np.array: it would turn lists into a matrix
    out[:] = cells
    return out


def _plain(cell: Any, row: int, column: str, place: Place) -> Any:
    """Text without the spaces around it, as in CSV files; bytes and decimals become text, other cells stay."""
    if isinstance(cell, bytes):
        try:
            cell = cell.decode()
        except UnicodeDecodeError:
            raise UsageError(f"{place(row, column)}, is {shown(cell)}, no text in UTF-8; write it as text") from None
    return str(cell).strip() if isinstance(cell, str | Decimal) else cell
