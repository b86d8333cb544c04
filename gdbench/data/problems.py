"""From a problem's definition (a dict, as a suite gives it) to the problem that the kernels train."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from gdbench.data.dataset import Dataset
from gdbench.data.limits import check_values
from gdbench.data.loading import load
from gdbench.data.splitting import Split, split
from gdbench.errors import UsageError
from gdbench.kernels import MLP, DataQuadratic, FunctionProblem, Samples
from gdbench.kernels.functions.contract import find
from gdbench.kernels.networks.losses import LOSSES, output_count
from gdbench.kernels.problem import Problem
from gdbench.kernels.quadratic import deepobs

_SPLIT = ("validation_fraction", "test_fraction", "scale", "subset")
_NETWORK = ("hidden", "activation", "loss", "l2", "init", "shuffle", "drop_last")


def build(definition: Mapping[str, Any], dtype: str) -> Problem:
    """The problem of a complete definition (suites/definitions.py); raises UsageError for data that cannot be used."""
    if definition["kind"] == "function":  # not cached: it is cheap, and a plug-in may have redefined the name
        return _function(definition, dtype)
    return _build(json.dumps(definition, sort_keys=True), dtype)


@lru_cache(maxsize=64)
def _build(text: str, dtype: str) -> Problem:
    """The problem of a definition in JSON, built once a process for each dtype."""
    definition = json.loads(text)
    return _quadratic(definition, dtype) if definition["kind"] == "quadratic" else _network(definition, dtype)


def _function(definition: Mapping[str, Any], dtype: str) -> FunctionProblem:
    function, options = find(definition["function"]), definition["options"]
    start = definition["start"]
    return FunctionProblem(
        function.compiled,
        size=int(options["dimension"]),
        start=function.domain if start == "random" else np.array(start, np.float64),
        options=tuple(float(options[name]) for name in function.options),
        noise=definition["noise"],
        dtype=dtype,
    )


def _quadratic(definition: Mapping[str, Any], dtype: str) -> DataQuadratic:
    dimensions, seed, noise = definition["dimensions"], definition["seed"], definition["noise"]
    return DataQuadratic(
        deepobs.matrix(dimensions, seed),
        deepobs.samples(definition["samples"], dimensions, noise, seed),
        deepobs.samples(definition["test_samples"], dimensions, noise, seed + 1),
        start=definition["start"],
        shuffle=definition["shuffle"],
        drop_last=definition["drop_last"],
        dtype=dtype,
    )


def _network(definition: Mapping[str, Any], dtype: str) -> MLP:
    dataset = load(definition["dataset"])
    loss = definition["loss"]
    outputs = output_count(loss, dataset.outputs)
    text = json.dumps([definition["dataset"], {name: definition[name] for name in _SPLIT}], sort_keys=True)
    samples = _splits(text, LOSSES[loss].by_label, outputs, dtype)
    return MLP(samples, outputs, **{name: definition[name] for name in _NETWORK}, dtype=dtype)


@lru_cache(maxsize=16)
def _splits(text: str, by_label: bool, outputs: int, dtype: str) -> tuple[Samples, ...]:
    """The splits of a data set; all networks on them share the arrays."""
    resolved, options = json.loads(text)
    dataset = load(resolved)
    return tuple(_samples(part, dataset, by_label, outputs, dtype) for part in split(dataset, **options))


def _cast(values: np.ndarray, dtype: str, dataset: Dataset) -> np.ndarray:
    with np.errstate(over="ignore"):
        cast = np.ascontiguousarray(values, dtype)
    if not np.isfinite(cast).all():
        greatest = np.abs(values).max()
        raise UsageError(f"{dataset.name} holds {greatest:g}, more than {dtype} can; scale the data or use float64")
    return cast


def _samples(part: Split, dataset: Dataset, by_label: bool, outputs: int, dtype: str) -> Samples:
    """A split as the kernels take it. by_label: whether the loss takes labels; else it takes targets.

    The targets of labels are one-hot rows or, for one output, a column that is 1 for class 1.
    """
    x = _cast(part.x, dtype, dataset)
    if not dataset.classes:
        return Samples(x, np.zeros(0, np.int64), _cast(part.y, dtype, dataset))
    labels = np.ascontiguousarray(part.y, np.int64)
    if by_label:
        return Samples(x, labels, np.zeros((0, outputs), dtype))
    check_values(f"{dataset.name} as targets of its {dataset.classes:,} classes", len(labels), dataset.classes)
    one_hot = np.zeros((len(labels), dataset.classes), dtype)
    one_hot[np.arange(len(labels)), labels] = 1
    return Samples(x, labels, np.ascontiguousarray(one_hot[:, -outputs:]))
