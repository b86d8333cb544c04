"""Shows that trials of before the hash of data was part of a key have the digests of their likes of now.

    python tests/key_change.py BEFORE.db NOW.db

Trials are joined by their definition without that hash and without where files lie. Exit code 1 where a digest differs,
or where nothing could be joined.
"""

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from gdbench.data.names import CONTENTS
from gdbench.results.files import without_places


def without_contents(definition):
    """A trial's definition as both have it."""
    problem = without_places(definition["problem"])
    if isinstance(problem.get("dataset"), dict):
        problem = {**problem, "dataset": {k: v for k, v in problem["dataset"].items() if k != CONTENTS}}
    return json.dumps({**definition, "problem": problem}, sort_keys=True)


def digests(store):
    """Key and digest of each trial of a store, by definition."""
    with closing(sqlite3.connect(Path(store).resolve().as_uri() + "?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT definition, seed, key, digest FROM trials").fetchall()
    return {(without_contents(json.loads(text)), seed): (key, digest) for text, seed, key, digest in rows}


def compare(before, now):
    """How many trials both stores have, how many of these have another key, and how many another digest."""
    old, new = digests(before), digests(now)
    common = [name for name in old if name in new]
    keys, curves = (sum(old[name][i] != new[name][i] for name in common) for i in (0, 1))
    return len(common), keys, curves


if __name__ == "__main__":
    joined, keys, curves = compare(*sys.argv[1:3])
    print(  # noqa: T201
        f"{joined} trials joined: {keys} have another key, {curves} have another digest"
    )
    sys.exit(0 if joined and not curves else 1)
