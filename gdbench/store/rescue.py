"""Write a run's results to a new file when its database was moved or replaced during the run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from gdbench.errors import StoreError
from gdbench.inputs.writing import temporary_in
from gdbench.results.records import DONE
from gdbench.store import schema
from gdbench.store.integrity import UNVERIFIED, earlier_hash, hashes_of_trials, names_text, row_hash, stored_cells
from gdbench.store.opening import FAULTS, WRITE, make_file, parse_url, reason, sqlite_engine


class LostError(StoreError):
    """The file of a run's database is not the same any more. Exit code 3."""

    exit_code = 3


def rescue(connection: Connection, run: str, file: Path, trials: Sequence[Sequence[dict[str, Any]]]) -> str:
    """Write a run to a new database beside the lost one; returns the sentence to print.

    connection: to the former database. trials: rows of `trials` and of `curves` that are not in it yet.
    """
    try:
        tables = {table: _rows(connection, table, run) for table in (schema.runs, *_PARTS)}
        for table, rows in zip((schema.trials, schema.curves), trials, strict=False):
            tables[table] += rows
        _keep_whole(tables)
        path = _free(file.with_name(f"{file.stem}-rescued-{run}{file.suffix}"))
        file.parent.mkdir(parents=True, exist_ok=True)
        with temporary_in(file.parent) as temporary:
            make_file(temporary)
            _fill(temporary, tables)
            temporary.replace(path)
    except (OSError, *FAULTS, LookupError) as error:
        return f"its results could not be written beside it either ({reason(error)})"
    return (
        f"its {len(tables[schema.trials])} finished trials are in {path}, where the same command with --store {path} "
        "continues the run"
    )


_PARTS = (schema.trials, schema.curves, schema.timings, schema.subjects, schema.notes)


def _rows(connection: Connection, table: Table, run: str) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(select(table).where(table.c.run == run)).mappings()]


def _keep_whole(tables: dict[Table, list[dict[str, Any]]]) -> None:
    """Drop trials that do not match their hash or lack their curve: another file may lie under the log."""
    curves = {row["trial"]: row for row in tables[schema.curves]}
    rows = [row for row in tables[schema.trials] if row["trial"] in curves]
    columns = [names_text(curves[row["trial"]]["columns"]) for row in rows]
    hashes = hashes_of_trials(rows, columns)
    trials = {
        row["trial"]: row
        for row, names, hashed in zip(rows, columns, hashes, strict=True)
        if row["hash"] in (UNVERIFIED, hashed, *earlier_hash(stored_cells(row), names))
    }
    tables[schema.trials] = list(trials.values())
    tables[schema.curves] = [curves[number] for number in trials]
    if not tables[schema.runs]:
        raise LookupError("the run is not there any more")
    (record,) = tables[schema.runs]
    done = sum(row["status"] in DONE for row in trials.values())
    record |= {"state": "interrupted", "token": None, "stored": len(trials), "done": done}
    record["hash"] = row_hash(schema.runs, record)


def _fill(path: Path, tables: dict[Table, list[dict[str, Any]]]) -> None:
    engine = sqlite_engine(parse_url(path))
    try:
        with engine.execution_options(**{WRITE: True}).begin() as connection:
            for table, rows in tables.items():
                if rows:
                    connection.execute(insert(table), rows)
            connection.execute(update(schema.schema).values(runs=1))
    finally:
        engine.dispose()


def _free(path: Path) -> Path:
    """The path, or a similar one if a file is already there."""
    others = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(2, 1000))
    return next(each for each in (path, *others) if not each.exists())
