"""What a problem is, in a sentence for people: rows, features, classes and their shares, splits.

facts_of({"kind": "mlp", "dataset": "iris", ...}, "float32")
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gdbench.data.contents import named
from gdbench.data.dataset import Dataset, counted
from gdbench.data.loading import load
from gdbench.data.problems import build
from gdbench.kernels.networks.mlp import is_network

SHARES = 4  # classes whose shares are listed
EVEN = 2.0  # percent by which shares that count as equal differ


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
    name = named(data.names[most]) if data.names else f"class {most}"
    if np.ptp(shares) < EVEN:
        return f"{classes} of about {100 / data.classes:.0f} % each"
    return f"{classes} ({listed} %; always answering {name} scores {shares[most]:.0f} %)"
