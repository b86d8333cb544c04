"""Data files that were cut, flipped, padded and mistyped: they load, or one sentence says what is wrong with them.

CSV, Parquet, NPZ and IDX files of forty samples, packed and not, each with a few bytes or cells that are others.
"""

import gzip
import io
import random
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from child import commands
from mutations import of_bytes
from tally import main

X = np.random.default_rng(0).normal(size=(40, 3))
Y = np.arange(40) % 3
SUITE = """seeds = 1
batch_size = 1
budget = {epochs = 1}
rule.sgd.lr = 0.1
problem.p = {kind = "mlp", dataset = "iris", hidden = [4], subset = 10}
"""
CELLS = [
    "",
    "nan",
    "inf",
    "1e400",
    "1_0",
    "１",
    "é",
    '"',
    "1,2",
    "a\0b",
    "9" * 5000,
    "x" * 140000,
    "\ufeff1",
    "1.",
    "-1",
    "2.5",
]
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def attempts(rng: random.Random, folder: Path) -> Iterator[str | None]:
    """Change a data file, and ask for a dry run of a suite on it."""
    (folder / "s.toml").write_text(SUITE)
    sound = _sound()
    with commands([["run", "s.toml", "--dry-run"]], cwd=folder) as run:
        while True:
            name, content = rng.choice(sound)
            odd = _cells(rng, content) if name.endswith(".csv") and rng.random() < 0.5 else of_bytes(rng, content)
            if rng.random() < 0.2:
                odd = gzip.compress(odd) if rng.random() < 0.5 else of_bytes(rng, gzip.compress(content))
            place = folder / "idx" if name in (IMAGES, LABELS) else folder / name
            if name in (IMAGES, LABELS):
                place.mkdir(exist_ok=True)
                for each, whole in sound:
                    if each in (IMAGES, LABELS):
                        (place / each).write_bytes(odd if each == name else whole)
            else:
                place.write_bytes(odd)
            outcome = run("run", "s.toml", "--dry-run", "--set", f'problem.p.dataset="{place}"', cwd=folder)
            complaint = outcome.complaint((0, 2))
            yield complaint and f"{name}: {complaint}, of {odd[:3000]!r}"


def _sound() -> list[tuple[str, bytes]]:
    """Files that load, by the names they have."""
    table = pd.DataFrame(X, columns=list("abc")).assign(y=Y)
    text = table.assign(y=[f"kind {label}" for label in Y])
    files = [("d.csv", table.to_csv(index=False).encode()), ("e.csv", text.to_csv(index=False, quoting=1).encode())]
    for name, frame, packed in (("d", table, "snappy"), ("e", text, "gzip")):
        buffer = io.BytesIO()
        frame.to_parquet(buffer, compression=packed)
        files.append((f"{name}.parquet", buffer.getvalue()))
    for save, labels in ((np.savez, Y), (np.savez_compressed, Y.astype(str))):
        buffer = io.BytesIO()
        save(buffer, X=X, y=labels)
        files.append((f"{save.__name__}.npz", buffer.getvalue()))
    images = struct.pack(">HBBIII", 0, 0x0E, 3, 40, 3, 1) + X.astype(">f8").tobytes()
    return [*files, (IMAGES, images), (LABELS, struct.pack(">HBBI", 0, 8, 1, 40) + Y.astype("u1").tobytes())]


def _cells(rng: random.Random, content: bytes) -> bytes:
    """A table in which a cell or two are others."""
    lines = content.decode().split("\n")
    for _ in range(rng.choice([1, 1, 2])):
        row = rng.randrange(len(lines))
        cells = lines[row].split(",")
        cells[rng.randrange(len(cells))] = rng.choice(CELLS)
        lines[row] = ",".join(cells)
    return "\n".join(lines).encode()


if __name__ == "__main__":
    sys.exit(main("odd data files", attempts))
