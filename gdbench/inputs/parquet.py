"""Parquet files that anybody may have written, read without trust in what they say of themselves.

    table = read_table(path, check)     # check(metadata) refuses what is too large, before anything is unpacked

pyarrow's metadata of a column's chunk are never asked for: where these are damaged, it ends the process.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyarrow import Table
    from pyarrow.parquet import FileMetaData


def read_table(path: Path, check: "Callable[[FileMetaData], None]", *, shared: bool = False) -> "Table":
    """The columns of a file. Raises ValueError for lists in them, and whatever pyarrow raises for a damaged file.

    check: is given the metadata first, and raises for a file that is not to be read. shared: texts stay numbers of a
    dictionary, since a long one that all rows share would take its length for each of them.
    """
    from pyarrow import Table
    from pyarrow.parquet import ParquetFile

    told = check_table(path, check)
    columns = [told.schema.column(j) for j in range(told.num_columns)]
    texts = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"] if shared else []
    batches, rows = [], 0
    with ParquetFile(path, read_dictionary=texts) as file:
        for batch in file.iter_batches(batch_size=max(1, told.num_rows)):
            rows += len(batch)
            if rows > told.num_rows:  # a few bytes may stand for any number of equal values
                raise ValueError(f"it holds more rows than the {told.num_rows:,} that it tells")
            batches.append(batch)
        return Table.from_batches(batches, batches[0].schema if batches else file.schema_arrow)


def check_table(path: Path, check: "Callable[[FileMetaData], None]") -> "FileMetaData":
    """Refuse a file by its metadata, and return these; arguments and errors as of `read_table`."""
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as file:
        told = file.metadata
    check(told)
    for column in (told.schema.column(j) for j in range(told.num_columns)):
        if column.max_repetition_level:  # a row may hold any number of values
            raise ValueError(f"column {column.path.partition('.')[0]!r} holds lists, and a row has one value")
    return told
