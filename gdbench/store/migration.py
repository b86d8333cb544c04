"""Bring a database of an earlier version up to this version."""

from sqlalchemy import Connection, Table, func, insert, inspect, select, update

from gdbench.results.records import DONE
from gdbench.store import schema
from gdbench.store.integrity import UNVERIFIED


def make_tables(connection: Connection) -> None:
    """Create the tables that are missing, and the row with the version."""
    schema.metadata.create_all(connection)
    if connection.scalar(select(func.count()).select_from(schema.schema)) == 0:
        connection.execute(insert(schema.schema).values(version=schema.VERSION, runs=0))


def bring_up(connection: Connection, version: int) -> None:
    """Add what a database of that version lacks, unless another process has just done so, and fill the new columns."""
    schema.metadata.create_all(connection)
    added: set[str] = set()
    for tables in (columns for raised, columns in schema.ADDED.items() if raised > version):
        for name, columns in tables.items():
            table = schema.metadata.tables[name]
            present = {column["name"] for column in inspect(connection).get_columns(name)}
            for column in (column for column in columns if column not in present):
                kind = table.columns[column].type.compile(connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {name} ADD COLUMN {column} {kind}")
                added.add(f"{name}.{column}")
    for name in ("runs", "trials", "notes"):
        if f"{name}.hash" in added:
            table = schema.metadata.tables[name]
            connection.execute(update(table).values(hash=UNVERIFIED))
    if "runs.stored" in added:
        connection.execute(update(schema.runs).values(timed=UNVERIFIED, stored=_count(), done=_count(DONE)))
    if "gdbench_schema.runs" in added:
        runs = select(func.count()).select_from(schema.runs).scalar_subquery()
        connection.execute(update(schema.schema).values(runs=runs))
    connection.execute(update(schema.schema).values(version=schema.VERSION))


def _count(statuses: tuple[str, ...] | None = None) -> object:
    """A subquery: how many trials a run has, of these statuses or of all."""
    trials: Table = schema.trials
    query = select(func.count()).where(trials.c.run == schema.runs.c.run)
    query = query if statuses is None else query.where(trials.c.status.in_(statuses))
    return query.scalar_subquery()
