"""Data made by a teacher: a random network that labels normally distributed points.

    dataset = {name = "teacher", samples = 2000, features = 20, hidden = [16], classes = 4}

With classes = 0 the task is a regression on `outputs` values; `noise` is the standard deviation of what is added to the
teacher's outputs before they become labels or targets. The teacher's weights are Glorot normal, its activation tanh.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from gdbench.data.dataset import Dataset
from gdbench.kernels.activations import ACTIVATIONS
from gdbench.kernels.initial import initial_weights
from gdbench.kernels.network import network_outputs
from gdbench.kernels.random import Stream, normals

SYNTHETIC = {"teacher": "points labelled by a random network of any size"}


class Teacher(BaseModel):
    """The options of the teacher, with their defaults."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    samples: int = Field(2000, ge=1, le=10**8)
    features: int = Field(20, ge=1, le=10**6)
    hidden: list[Annotated[int, Field(ge=1, le=10**6)]] = Field([16])
    classes: int = Field(4, ge=0, le=10**4)
    outputs: int = Field(1, ge=1, le=10**4)
    noise: float = Field(0.0, ge=0.0, allow_inf_nan=False)
    seed: int = Field(0, ge=0, lt=2**62)


def teacher_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The teacher's options in full; raises pydantic's ValidationError for a wrong one."""
    return Teacher.model_validate(dict(given)).model_dump()


def load_teacher(options: Mapping[str, Any]) -> Dataset:
    """The data of a teacher whose options `teacher_options` gave."""
    samples, features, seed = options["samples"], options["features"], options["seed"]
    outputs = options["classes"] or options["outputs"]
    sizes = np.array([features, *options["hidden"], outputs], np.int64)
    x = normals(seed, Stream.DATA, samples * features).reshape(samples, features)
    # A stream of its own: a student of the same seed must not begin with the teacher's weights.
    weights = initial_weights(sizes, "glorot-normal", seed, Stream.TEACHER)
    z = network_outputs(weights, sizes, ACTIVATIONS["tanh"], x)
    z = z + options["noise"] * normals(seed, Stream.NOISE, z.size).reshape(z.shape)
    return Dataset("teacher", x, z.argmax(axis=1).astype(np.int64) if options["classes"] else z)
