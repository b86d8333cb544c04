"""What a problem is, in sentences for people: rows, features, classes and their shares, splits, odd columns.

facts_of({"kind": "mlp", "dataset": "iris", ...}, "float32")
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gdbench.data.contents import named
from gdbench.data.dataset import Dataset, counted
from gdbench.data.loading import load
from gdbench.data.notices import NAMED, notices
from gdbench.data.problems import build
from gdbench.errors import shown
from gdbench.kernels.networks.mlp import is_network

SHARES = 4  # classes whose shares are listed
EVEN = 2.0  # percent by which shares that count as equal differ
ALIKE = 0.99  # share of a column's rows with one value from which the column is nearly constant
FEW = 10  # samples of a class below which a split may hold none of them


def facts_of(definition: Mapping[str, Any], dtype: str) -> str:
    """The facts of a complete definition. Raises UsageError for data that cannot be used."""
    problem = build(definition, dtype)
    if not is_network(problem):
        if not problem.batched:
            return f"{definition['function']} of {counted(problem.size, 'number')}."
        return f"a quadratic of {counted(problem.size, 'number')}, {problem.n:,} samples."
    data = load(definition["dataset"])
    train, validate, test = (len(split.x) for split in problem.splits)
    rows = len(data.x) + (len(data.test.x) if data.test else 0)
    return (
        f"{counted(rows, 'row')}, {counted(data.x.shape[1], 'feature')}, {_task(data)}. "
        f"{train:,} train, {validate:,} validate, {test:,} test; {counted(problem.size, 'parameter')}."
    )


def _task(data: Dataset) -> str:
    if not data.classes:
        return counted(data.outputs, "target")
    classes = counted(data.classes, "class")
    shares = 100 * np.bincount(data.y, minlength=data.classes) / len(data.y)
    ordered = np.sort(shares)[::-1]
    listed = ", ".join(f"{share:.0f}" for share in ordered[:SHARES]) + (", ..." if data.classes > SHARES else "")
    most = int(np.argmax(shares))
    name = shown(data.names[most]) if data.names else f"class {most}"
    if np.ptp(shares) < EVEN:
        return f"{classes} of about {100 / data.classes:.0f} % each"
    return f"{classes} ({listed} %; always answering {name} scores {shares[most]:.0f} %)"


def cautions_of(definition: Mapping[str, Any]) -> list[str]:
    """What may be wrong with a network's data: nearly constant features, tiny classes, what the file was read as."""
    data = load(definition["dataset"])
    return [*notices(definition), *_alike(data), *_tiny(data)]


def _alike(data: Dataset) -> Iterator[str]:
    """Sentences about features that have one value in nearly all rows."""
    found = []
    for j in range(data.x.shape[1]):
        share = float(np.mean(data.x[:, j] == np.median(data.x[:, j])))
        if share >= ALIKE:
            found.append((data.column(j), share, float(np.median(data.x[:, j]))))
    for column, share, value in found[:NAMED]:
        word = "in all rows" if share == 1.0 else f"in {100 * share:.4g} % of the rows"
        yield f"{data.name}: {column} is {value:g} {word}; it says little"
    if len(found) > NAMED:
        yield f"{data.name}: {len(found) - NAMED} other features have one value in nearly all rows"


def _tiny(data: Dataset) -> Iterator[str]:
    """Sentences about classes with so few samples that a split may hold none."""
    counts = np.bincount(data.y, minlength=data.classes) if data.classes else np.empty(0, int)
    found = np.flatnonzero(counts < FEW)
    for label in found[:NAMED]:
        samples = counted(int(counts[label]), "sample")
        yield f"{data.name}: {_class(data, int(label))} has {samples}; a split may have none"
    if len(found) > NAMED:
        yield f"{data.name}: {len(found) - NAMED} other classes have fewer than {FEW} samples"


def _class(data: Dataset, label: int) -> str:
    return f"class {named(data.names[label])}" if data.names else f"class {label}"
