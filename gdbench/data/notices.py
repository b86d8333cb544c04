"""Notices about a problem's data that a reader should see before the results, a sentence each."""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from gdbench.data.dataset import Dataset
from gdbench.data.loading import load
from gdbench.data.scaling import Spread
from gdbench.data.splitting import rows

NAMED = 5  # nearly constant features that get a sentence each


def notices(definition: Mapping[str, Any]) -> tuple[str, ...]:
    """What was read from files, and which features hardly vary; empty for a problem without a network.

    definition: a complete one (suites/definitions.py).
    """
    if definition["kind"] != "mlp":
        return ()
    names = ("dataset", "validation_fraction", "test_fraction", "subset")
    return _notices(json.dumps({name: definition[name] for name in names}, sort_keys=True))


@lru_cache(maxsize=64)
def _notices(text: str) -> tuple[str, ...]:
    about = json.loads(text)
    resolved = about.pop("dataset")
    dataset = load(resolved)
    train, *_ = rows(dataset, **about)
    read = [dataset.summary] if "name" not in resolved else []
    return (*read, *_hardly_varying(dataset, Spread.of(dataset.x[train])))


def _hardly_varying(dataset: Dataset, spread: Spread) -> Iterator[str]:
    """Sentences about features that vary by rounding alone, or so little that rounding may matter."""
    found = np.flatnonzero((spread.constant & (spread.width > 0)) | spread.narrow)
    for j in found[:NAMED]:
        around = f"{dataset.name}: {dataset.column(int(j))} varies by {spread.width[j]:.3g} around {spread.low[j]:.6g}"
        if spread.constant[j]:
            yield f"{around} in the training samples, which is rounding; scaling takes it for constant"
        else:
            share = spread.width[j] / spread.size[j]
            yield f"{around} in the training samples, {share:.1g} of its size; it is nearly constant"
    if len(found) > NAMED:
        yield f"{dataset.name}: {len(found) - NAMED} other features are nearly constant in the training samples"
