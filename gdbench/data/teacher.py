"""Data made by a teacher: a random network that labels normally distributed points.

    dataset = {name = "teacher", samples = 2000, features = 20, hidden = [16], classes = 4}

With classes = 0 the task is a regression on `outputs` values. Normal noise with standard deviation `noise` is added to
the teacher's outputs before they become labels or targets. The weights are Glorot normal, and the activation is tanh.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from gdbench.data.dataset import Dataset
from gdbench.data.generator import Generator, labelled
from gdbench.inputs.limits import CLASSES, UNITS
from gdbench.kernels.arithmetic.random import Stream, normals
from gdbench.kernels.layers import Layers
from gdbench.kernels.networks.activations import NUMBERS
from gdbench.kernels.networks.initial import initial_weights
from gdbench.kernels.networks.network import network_outputs


def _check_units(hidden: list[int]) -> list[int]:
    if sum(hidden) > UNITS:
        raise ValueError(f"must have at most {UNITS:,} units in all")
    return hidden


class Teacher(Generator):
    """The options of the teacher, with their defaults."""

    hidden: Annotated[list[Annotated[int, Field(ge=1)]], AfterValidator(_check_units)] = Field([16], max_length=100)
    outputs: int = Field(1, ge=1, le=CLASSES)

    @property
    def outputs_of_teacher(self) -> int:
        """The number of the teacher's outputs."""
        return self.classes or self.outputs

    @property
    def weights(self) -> int:
        """The teacher's weights: each takes one multiply-add a sample."""
        return sum(a * b for a, b in pairwise([self.features, *self.hidden, self.outputs_of_teacher]))


def load_teacher(options: Mapping[str, Any]) -> Dataset:
    """The data of a teacher with these options."""
    samples, features, seed = options["samples"], options["features"], options["seed"]
    layers = Layers([features, *options["hidden"], options["classes"] or options["outputs"]])
    x = normals(seed, Stream.DATA, samples * features).reshape(samples, features)
    # A stream of its own: a student of the same seed must not begin with the teacher's weights.
    weights = initial_weights(layers, "glorot-normal", seed, Stream.TEACHER)
    return labelled("teacher", x, network_outputs(weights, layers, NUMBERS["tanh"], x), options)
