"""From a problem's table in a suite to complete definitions: one value per axis, and every default filled in.

`gdbench.data.problems.build` takes a definition, and a trial's key hashes it.
"""

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gdbench.data import loading
from gdbench.errors import UsageError, shown
from gdbench.inputs import limits
from gdbench.kernels.functions.contract import find as find_function
from gdbench.kernels.networks.losses import LOSSES, output_count
from gdbench.suites.schema import FunctionModel, MLPModel, ProblemModel, QuadraticModel

Definition = dict[str, Any]
# A quadratic's products are narrow, and its rotation grows by one dimension at a time: both take this many times as
# long as an ordinary product.
NARROW, ROTATION = 10, 40
_SIZES = ("dataset", "dimension", "dimensions", "samples", "test_samples")


@dataclass(frozen=True)
class Draft:
    """One problem of a table's grid, before its data are made or read: its name and the value of every axis.

    place: the table's name in errors.
    """

    name: str
    model: ProblemModel
    values: Definition
    place: str

    def work(self) -> tuple[str, int, int]:
        """What its data are (equal texts are made once), how many numbers they hold, and multiplications to make it."""
        values = self.values
        if isinstance(self.model, FunctionModel):
            dimension = values.get("dimension", 1)
            return self.name, dimension if type(dimension) is int else 1, 0
        if isinstance(self.model, QuadraticModel):
            samples, dimensions = values["samples"] + values["test_samples"], values["dimensions"]
            operations = NARROW * samples * dimensions**2 + ROTATION * dimensions**3
            return self.name, (samples + dimensions) * dimensions, operations
        kept = {name: values[name] for name in ("dataset", "validation_fraction", "test_fraction", "subset", "scale")}
        return (json.dumps(kept, sort_keys=True), *loading.work(values["dataset"]))

    def complete(self, dtypes: Iterable[str]) -> Definition:
        """The definition, every default filled in; dtypes: in which it is to be trained."""
        if isinstance(self.model, FunctionModel):
            return _function(self.values, self.place)
        if isinstance(self.model, QuadraticModel):
            noise, start = float(self.values["noise"]), float(self.values["start"])
            return {"kind": "quadratic", **self.values, "noise": noise, "start": start}
        asks_for_test = "test_fraction" in self.model.model_fields_set
        return _network(dict(self.values), asks_for_test, dtypes, self.place)


def drafts(label: str, model: ProblemModel, folder: Path, place: str) -> list[Draft]:
    """Every problem of one table's grid, named by its label and the axes along which it varies.

    folder: where relative paths begin. place: the table's name in errors.
    """
    axes = model.axes()
    varied = [name for name, values in axes.items() if len(values) > 1]
    written = {name: [_text(value) for value in axes[name]] for name in varied}
    if isinstance(model, MLPModel):
        axes["dataset"] = [_resolved(dataset, folder, place) for dataset in axes["dataset"]]
    found = []
    for numbers in itertools.product(*(range(len(values)) for values in axes.values())):
        chosen = dict(zip(axes, numbers, strict=True))
        options = ", ".join(f"{name}={written[name][chosen[name]]}" for name in varied)
        name = f"{label} ({options})" if options else label
        if len(name.encode()) > limits.NAME_BYTES and options:
            raise UsageError(
                f"{place}: a problem's name would be {shown(name)}, more than {limits.NAME_BYTES} bytes; give such "
                "problems tables of their own"
            )
        found.append(Draft(name, model, {name: axes[name][number] for name, number in chosen.items()}, place))
    return found


def check_work(found: Iterable[Draft]) -> None:
    """Raise UsageError if a suite's data would be too large, or take too long to make."""
    made: set[str] = set()
    totals = {"numbers": 0, "multiplications to make": 0}
    most = {"numbers": limits.NUMBERS, "multiplications to make": limits.OPERATIONS}
    for draft in found:
        what, *work = draft.work()
        if what in made:
            continue
        made.add(what)
        for unit, count in zip(totals, work, strict=True):
            totals[unit] += count
            if totals[unit] > most[unit]:
                sizes = {name: value for name, value in draft.values.items() if name in _SIZES}
                told = ", ".join(f"{name} = {shown(value)}" for name, value in sizes.items())
                raise UsageError(
                    f"{draft.place}: {told} brings the suite's data to {totals[unit]:,} {unit}; at most "
                    f"{most[unit]:,} are allowed, so take less"
                )


def _resolved(dataset: Any, folder: Path, place: str) -> Definition:
    try:
        return loading.resolve(dataset, folder)
    except UsageError as error:
        raise UsageError(f"{place}.dataset: {error}") from None


def _function(chosen: Definition, place: str) -> Definition:
    """{kind, function, options, start, noise}: all options, and start as a list of numbers or "random"."""
    options = {name: value for name, value in chosen.items() if name not in ("function", "start", "noise")}
    start = chosen["start"]
    try:
        function = find_function(chosen["function"])
        if isinstance(start, list) and "dimension" not in options and function.least is not None:
            options["dimension"] = len(start)
        options = function.with_defaults(options)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from None
    dimension = int(options["dimension"])
    if start is None:
        start = function.start(dimension).tolist()
    if isinstance(start, list) and len(start) != dimension:
        raise UsageError(
            f"{place}.start = {shown(start)} has {len(start)} numbers; function {function.name!r} has {dimension} "
            "parameters"
        )
    start = start if isinstance(start, str) else [float(x) for x in start]
    noise = float(chosen["noise"])
    return {"kind": "function", "function": function.name, "options": options, "start": start, "noise": noise}


def _network(definition: Definition, asks_for_test: bool, dtypes: Iterable[str], place: str) -> Definition:
    try:
        dataset = loading.load(definition["dataset"])
        definition["dataset"] = loading.identified(definition["dataset"])
    except UsageError as error:
        raise UsageError(f"{place}.dataset: {error}") from None
    if dataset.test:
        if definition["test_fraction"] and asks_for_test:
            raise UsageError(
                f"{place}.test_fraction = {definition['test_fraction']} is of no use, since this data set has test "
                "files; leave it out"
            )
        definition["test_fraction"] = 0.0
    definition["loss"] = definition["loss"] or _default_loss(dataset.classes)
    if LOSSES[definition["loss"]].classes and not dataset.classes:
        others = " or ".join(repr(name) for name, loss in LOSSES.items() if not loss.classes)
        raise UsageError(
            f"{place}.loss = {definition['loss']!r} needs labels, but the targets of this data set are numbers; use "
            f"{others}"
        )
    definition["init"] = definition["init"] or ("he-normal" if definition["activation"] == "relu" else "glorot-uniform")
    definition["l2"] = float(definition["l2"])
    sizes = [dataset.x.shape[1], *definition["hidden"], output_count(definition["loss"], dataset.outputs)]
    try:
        limits.check_network(sizes, len(dataset.x), max(np.dtype(dtype).itemsize for dtype in dtypes))
    except ValueError as error:
        raise UsageError(f"{place}.hidden = {shown(definition['hidden'])} {error}") from None
    return {"kind": "mlp", **definition}


def _default_loss(classes: int) -> str:
    """The loss that suits the labels: two classes, more, or none (0) for numbers."""
    if not classes:
        return "mse"
    return "binary-cross-entropy" if classes == 2 else "cross-entropy"


def _text(value: Any) -> str:
    """A value of an axis in a problem's label."""
    if isinstance(value, dict):
        options = ", ".join(f"{name}={_text(option)}" for name, option in value.items() if name != "name")
        return f"{value.get('name', '')}({options})"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
