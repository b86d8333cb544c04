"""Checks of options, and labels or targets from a teacher's outputs: common to all generators of data."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gdbench.data.contents import LIMIT
from gdbench.data.dataset import Dataset
from gdbench.data.limits import check_products, check_values
from gdbench.errors import UsageError, nearest, shown
from gdbench.inputs.limits import CLASSES, FEATURES, SAMPLES
from gdbench.kernels.arithmetic.random import Stream, normals


def _check_classes(classes: int) -> int:
    if classes == 1:
        raise ValueError("must be 0 (a regression), or 2 or more")
    return classes


Classes = Annotated[int, Field(ge=0, le=CLASSES), AfterValidator(_check_classes)]


class Generator(BaseModel):
    """The options of every generator, with their defaults; classes = 0 is a regression."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    samples: int = Field(2000, ge=1, le=SAMPLES)
    features: int = Field(20, ge=1, le=FEATURES)
    classes: Classes = 4
    noise: float = Field(0.0, ge=0.0, lt=LIMIT)
    seed: int = Field(0, ge=0, lt=2**62)

    @property
    def outputs_of_teacher(self) -> int:
        """The number of the teacher's outputs."""
        return self.classes or 1

    @property
    def weights(self) -> int:
        """The teacher's weights: each takes one multiply-add a sample."""
        return self.features * self.outputs_of_teacher


def options(model: type[Generator], name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a generator, completed by the defaults; raises UsageError for a wrong one."""
    try:
        checked = model.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise UsageError(f"{name} has no option {key!r}{nearest(key, model.model_fields)}") from None
        message = first["msg"].lower().removeprefix("input ").removeprefix("value error, ").replace("should", "must")
        raise UsageError(f"{key} = {shown(first['input'])} {message}") from None
    check_values(name, checked.samples, checked.features)
    check_values(f"{name}, by its answers,", checked.samples, checked.outputs_of_teacher)
    check_products(name, checked.samples, checked.weights)
    return checked.model_dump()


def labelled(name: str, x: np.ndarray, outputs: np.ndarray, options: Mapping[str, Any]) -> Dataset:
    """The data set of features and a teacher's outputs (samples x outputs), to which noise is added first.

    The label is the number of the greatest output; in a regression the outputs are the targets. Raises UsageError if a
    class has no sample.
    """
    z = outputs + options["noise"] * normals(options["seed"], Stream.NOISE, outputs.size).reshape(outputs.shape)
    if not options["classes"]:
        return Dataset(name, x, z)
    labels = z.argmax(axis=1).astype(np.int64)
    missing = np.flatnonzero(np.bincount(labels, minlength=options["classes"]) == 0)
    if missing.size:
        raise UsageError(
            f"{name} with samples = {len(x)}, classes = {options['classes']}, seed = {options['seed']} has no "
            f"sample of class {missing[0]}; use more samples, fewer classes or another seed"
        )
    return Dataset(name, x, labels)
