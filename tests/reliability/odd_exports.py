"""Exports that were edited, cut and mistyped, read by every command that takes one."""

import json
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from child import SECONDS, commands
from endings import LONG
from mutations import of_bytes, of_lines, of_table
from stored import CSV, JSON, begin
from tally import main

from gdbench.results.export import sealed

WAYS = [
    ["show", "ODD"],
    ["show", "ODD", "--json"],
    ["gate", "ODD", "latest"],
    ["gate", "latest", "ODD", "--github"],
    ["compare", "ODD", "latest"],
    ["report", "ODD"],
    ["export", "ODD", "--format", "json", "--to", "again.json"],
    ["export", "ODD", "--format", "csv", "--to", "again"],
]
KEYS = ["run", "trials", "curves", "about", "environment", "lr", "rule", "problem", "step", "digest", "x", ""]


def attempts(rng: random.Random, folder: Path) -> Iterator[str | None]:
    """Change an export, and read it."""
    with commands([*begin(folder), *(_with(way, JSON) for way in WAYS)], cwd=folder, pictures=True) as run:
        document = json.loads((folder / JSON).read_text(encoding="utf-8"))
        while True:
            odd = _of_json(rng, folder, document) if rng.random() < 0.6 else _of_folder(rng, folder)
            way = _with(rng.choice(WAYS), odd)
            limit = LONG if way[0] == "report" else SECONDS
            complaint = run(*way, cwd=folder, seconds=limit).complaint((0, 1, 2, 3, 4), limit)
            yield complaint and f"{' '.join(way)}: {complaint}"


def _with(way: list[str], name: str) -> list[str]:
    return [*(name if word == "ODD" else word for word in way), "--out", "out"]


def _of_json(rng: random.Random, folder: Path, document: dict[str, Any]) -> str:
    """A changed document, a third of them with the hash that they had."""
    way = rng.choice([_kept, _without_hash, _with_hash])
    if rng.random() < 0.5:
        content = of_bytes(rng, way(document))
    else:
        content = way(of_table(rng, document, KEYS))
    (folder / "odd.json").write_bytes(content)
    return "odd.json"


def _kept(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def _without_hash(document: dict[str, Any]) -> bytes:
    """As of a gdbench that wrote no hashes, so that what the document holds is read."""
    return _kept({key: value for key, value in document.items() if key not in ("hash", "files")})


def _with_hash(document: dict[str, Any]) -> bytes:
    """With the hash of what it holds now."""
    held = {key: value for key, value in document.items() if key not in ("hash", "gdbench_export")}
    try:
        return sealed(held).encode()
    except ValueError:  # a number that JSON does not have
        return _kept(document)


def _of_folder(rng: random.Random, folder: Path) -> str:
    """A folder one of whose files was changed, half of them without a hash of it."""
    odd = folder / "odd"
    shutil.rmtree(odd, ignore_errors=True)
    shutil.copytree(folder / CSV, odd)
    about = odd / "about.json"
    if rng.random() < 0.5:
        about.write_bytes(_without_hash(json.loads(about.read_text(encoding="utf-8"))))
    file = rng.choice(sorted(odd.iterdir()))
    if rng.random() < 0.1:
        file.unlink()
    elif rng.random() < 0.5:
        file.write_bytes(of_bytes(rng, file.read_bytes()))
    else:
        file.write_text(of_lines(rng, file.read_text(encoding="utf-8"), ","), encoding="utf-8")
    return "odd"


if __name__ == "__main__":
    sys.exit(main("odd exports", attempts))
