"""From a problem's table in a suite to complete definitions: every axis at one value, every default filled in.

A definition is what `gdbench.data.problems.build` takes and what a trial's key hashes.
"""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gdbench import data
from gdbench.data.limits import check_values
from gdbench.errors import UsageError
from gdbench.kernels.function import find as find_function
from gdbench.kernels.losses import NEEDS_LABELS
from gdbench.suites.schema import FunctionModel, ProblemModel, QuadraticModel

Definition = dict[str, Any]


def definitions(label: str, model: ProblemModel, folder: Path, place: str) -> Iterator[tuple[str, Definition]]:
    """Every problem of one table's grid, named by its label and the axes along which it varies.

    folder: where relative paths begin. place: what errors call the table.
    """
    axes = model.axes()
    varied = [name for name, values in axes.items() if len(values) > 1]
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        options = ", ".join(f"{name}={_text(chosen[name])}" for name in varied)
        yield (f"{label} ({options})" if options else label), _complete(model, chosen, folder, place)


def _complete(model: ProblemModel, chosen: Definition, folder: Path, place: str) -> Definition:
    if isinstance(model, FunctionModel):
        return _function(chosen, place)
    if isinstance(model, QuadraticModel):
        check_values(f"{place}: the quadratic", max(chosen["samples"], chosen["test_samples"]), chosen["dimensions"])
        return {"kind": "quadratic", **chosen, "noise": float(chosen["noise"]), "start": float(chosen["start"])}
    return _network(chosen, "test_fraction" in model.model_fields_set, folder, place)


def _function(chosen: Definition, place: str) -> Definition:
    """{kind, function, options, start, noise}: options in full, start a list of numbers or "random"."""
    options = {name: value for name, value in chosen.items() if name not in ("function", "start", "noise")}
    start = chosen["start"]
    try:
        function = find_function(chosen["function"])
        if isinstance(start, list) and "dimension" not in options and function.least is not None:
            options["dimension"] = len(start)
        options = function.settings(options)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from None
    dimension = int(options["dimension"])
    if start is None:
        start = function.start(dimension).tolist()
    if isinstance(start, list) and len(start) != dimension:
        raise UsageError(
            f"{place}.start = {start} has {len(start)} numbers; function {function.name!r} has {dimension} parameters"
        )
    start = start if isinstance(start, str) else [float(x) for x in start]
    noise = float(chosen["noise"])
    return {"kind": "function", "function": function.name, "options": options, "start": start, "noise": noise}


def _network(definition: Definition, asks_for_test: bool, folder: Path, place: str) -> Definition:
    try:
        definition["dataset"] = data.resolve(definition["dataset"], folder)
        dataset = data.load(definition["dataset"])
    except UsageError as error:
        raise UsageError(f"{place}.dataset: {error}") from None
    if dataset.test:
        if definition["test_fraction"] and asks_for_test:
            raise UsageError(
                f"{place}.test_fraction = {definition['test_fraction']} is of no use, since this data has test files; "
                "leave it out"
            )
        definition["test_fraction"] = 0.0
    definition["loss"] = definition["loss"] or _default_loss(dataset.classes)
    if definition["loss"] in NEEDS_LABELS and not dataset.classes:
        raise UsageError(
            f"{place}.loss = {definition['loss']!r} needs labels, and this data has numbers as targets; use 'mse' or "
            "'huber'"
        )
    definition["init"] = definition["init"] or ("he-normal" if definition["activation"] == "relu" else "glorot-uniform")
    definition["l2"] = float(definition["l2"])
    return {"kind": "mlp", **definition}


def _default_loss(classes: int) -> str:
    """The loss by the labels: two classes, more, or (0) numbers."""
    if not classes:
        return "mse"
    return "binary-cross-entropy" if classes == 2 else "cross-entropy"


def _text(value: Any) -> str:
    """A value of an axis in a problem's label."""
    if isinstance(value, dict):
        options = ", ".join(f"{name}={_text(option)}" for name, option in value.items() if name != "name")
        return f"{value.get('name', '')}({options})"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
