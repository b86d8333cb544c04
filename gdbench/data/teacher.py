"""Data made by a teacher: a random network that labels normally distributed points.

    dataset = {name = "teacher", samples = 2000, features = 20, hidden = [16], classes = 4}

With classes = 0 the task is a regression on `outputs` values; `noise` is the standard deviation of what is added to the
teacher's outputs before they become labels or targets. The teacher's weights are Glorot normal, its activation tanh.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from gdbench.data.dataset import Dataset
from gdbench.data.generator import Generator, labelled
from gdbench.kernels.activations import ACTIVATIONS
from gdbench.kernels.initial import initial_weights
from gdbench.kernels.network import network_outputs
from gdbench.kernels.random import Stream, normals


class Teacher(Generator):
    """The options of the teacher, with their defaults."""

    hidden: list[Annotated[int, Field(ge=1, le=10**6)]] = Field([16])
    outputs: int = Field(1, ge=1, le=10**4)


def load_teacher(options: Mapping[str, Any]) -> Dataset:
    """The data of a teacher with these options."""
    samples, features, seed = options["samples"], options["features"], options["seed"]
    sizes = np.array([features, *options["hidden"], options["classes"] or options["outputs"]], np.int64)
    x = normals(seed, Stream.DATA, samples * features).reshape(samples, features)
    # A stream of its own: a student of the same seed must not begin with the teacher's weights.
    weights = initial_weights(sizes, "glorot-normal", seed, Stream.TEACHER)
    return labelled("teacher", x, network_outputs(weights, sizes, ACTIVATIONS["tanh"], x), options)
