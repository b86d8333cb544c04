"""From a problem's definition (a dict, as a suite gives it) to the mathematics that the kernels run."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from gdbench.data.dataset import Dataset
from gdbench.data.loading import load
from gdbench.data.splitting import Split, split
from gdbench.kernels import MLP, Samples
from gdbench.kernels.losses import output_count


def build(definition: Mapping[str, Any], dtype: str) -> MLP:
    """The problem that a complete definition (suites/schema.py) describes, built once a process for each dtype."""
    return _build(json.dumps(definition, sort_keys=True), dtype)


_SPLIT = ("validation_fraction", "test_fraction", "scale", "subset")
_NETWORK = ("hidden", "activation", "loss", "l2", "init", "shuffle", "drop_last")


@lru_cache(maxsize=64)
def _build(text: str, dtype: str) -> MLP:
    definition = json.loads(text)
    dataset = load(definition["dataset"])
    splits = split(dataset, **{name: definition[name] for name in _SPLIT})
    outputs = output_count(definition["loss"], dataset.outputs)
    samples = [_samples(part, dataset, definition["loss"], outputs, dtype) for part in splits]
    return MLP(samples, outputs, **{name: definition[name] for name in _NETWORK}, dtype=dtype)


def _samples(part: Split, dataset: Dataset, loss: str, outputs: int, dtype: str) -> Samples:
    """A split as the kernels take it: cross-entropy wants labels, the others targets.

    For labels, targets are one-hot rows, or, for one output, a column that is 1 for class 1.
    """
    x = np.ascontiguousarray(part.x, dtype)
    if not dataset.classes:
        return Samples(x, np.zeros(0, np.int64), np.ascontiguousarray(part.y, dtype))
    labels = np.ascontiguousarray(part.y, np.int64)
    if loss == "cross-entropy":
        return Samples(x, labels, np.zeros((0, outputs), dtype))
    one_hot = np.eye(dataset.classes, dtype=dtype)[labels]
    return Samples(x, labels, np.ascontiguousarray(one_hot[:, -outputs:]))
