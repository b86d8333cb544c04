"""Read Parquet files that anybody may have written, without trusting what they say about themselves.

    table = read_table(path, check)     # check(metadata) refuses what is too large, before anything is unpacked

The metadata of a column's chunk are never read: if they are damaged, pyarrow ends the process.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyarrow import Table
    from pyarrow.parquet import FileMetaData


def read_table(path: Path, check: "Callable[[FileMetaData], None]", *, shared: bool = False) -> "Table":
    """The columns of a file. Raises ValueError for columns of lists, and what pyarrow raises for a damaged file.

    check: gets the metadata first, and raises for a file that must not be read. shared: keep texts as numbers of a
    dictionary. A long text that all rows share would otherwise take its length for each of them.
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
            if rows > told.num_rows:  # a few bytes may encode any number of equal values
                raise ValueError(f"it holds more rows than the {told.num_rows:,} that it declares")
            batches.append(batch)
        return Table.from_batches(batches, batches[0].schema if batches else file.schema_arrow)


def check_table(path: Path, check: "Callable[[FileMetaData], None]") -> "FileMetaData":
    """The metadata of a file, checked; arguments and errors are those of `read_table`."""
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as file:
        told = file.metadata
    check(told)
    for column in (told.schema.column(j) for j in range(told.num_columns)):
        if column.max_repetition_level:  # a row may hold any number of values
            raise ValueError(f"column {column.path.partition('.')[0]!r} holds lists, but a row must have one value")
    return told
