"""Copy finished trials from one run to another that plans the same ones."""

import hashlib
from collections.abc import Mapping

from sqlalchemy import Connection, insert, select

from gdbench.results.records import DONE
from gdbench.store import schema
from gdbench.store.integrity import hashes_of_trials, names_text


def copy_trials(connection: Connection, source: str, run: str, wanted: Mapping[tuple[str, str], int]) -> int:
    """Copy the finished trials of `source` whose key and role are wanted, under their numbers there; returns how many.

    They must be of the code of `run`. A trial that does not match its hash or its digest is left out.
    """
    trials, curves = schema.trials, schema.curves
    code = connection.scalar(select(schema.runs.c.code).where(schema.runs.c.run == run))
    query = select(trials).where(trials.c.run == source, trials.c.code == code, trials.c.status.in_(DONE))
    rows = [dict(row) for row in connection.execute(query).mappings() if (row["key"], row["role"]) in wanted]
    query = select(curves).where(curves.c.run == source)
    drawn = {row["trial"]: dict(row) for row in connection.execute(query).mappings()}
    rows = [row for row in rows if row["trial"] in drawn]
    names = [names_text(drawn[row["trial"]]["columns"]) for row in rows]
    found = [
        (row, name)
        for row, name, hashed in zip(rows, names, hashes_of_trials(rows, names), strict=True)
        if row["hash"] == hashed and row["digest"] == _digest(drawn[row["trial"]]["data"])
    ]
    if not found:
        return 0
    numbers = [wanted[row["key"], row["role"]] for row, _ in found]
    points = [{**drawn[row["trial"]], "run": run, "trial": n} for (row, _), n in zip(found, numbers, strict=True)]
    copies = [{**row, "run": run, "trial": n} for (row, _), n in zip(found, numbers, strict=True)]
    hashes = hashes_of_trials(copies, [name for _, name in found])
    connection.execute(insert(trials), [{**row, "hash": hashed} for row, hashed in zip(copies, hashes, strict=True)])
    connection.execute(insert(curves), points)
    return len(found)


def _digest(data: bytes) -> str | None:
    return hashlib.sha256(data).hexdigest() if data else None
