"""Sparse features, as of words in texts: a few are in many samples, most are rare, and the rare ones matter as much.

    dataset = {name = "sparse", samples = 2000, features = 1000, density = 0.01, exponent = 1.0, classes = 2}

Feature j = 0, 1, ... of a sample is 1 with probability p_j, independently of all others, and else 0:

    p_j = min(1/2, s (1 + j)^-exponent), with s such that the mean of all p_j is `density`

The outputs of a random linear teacher are z_k = sum_j w_jk (x_j - p_j) / sqrt(sum_j p_j (1 - p_j)), where all w_jk are
standard normal. A feature that is present moves z by as much whether it is rare or frequent, and z has mean 0 and
variance 1 over teachers and samples. `noise` times a standard normal number is added. The label is the k of the
greatest z_k; with classes = 0 there is one z, the target of a regression.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from gdbench.data.dataset import Dataset
from gdbench.data.generator import Classes, Generator, labelled
from gdbench.inputs.limits import FEATURES
from gdbench.kernels.arithmetic.elementary import exp, log
from gdbench.kernels.arithmetic.random import Stream, normals, uniforms
from gdbench.kernels.compile.jit import kernel
from gdbench.kernels.compile.source import hash_files
from gdbench.kernels.layers import Layers
from gdbench.kernels.networks.activations import NUMBERS
from gdbench.kernels.networks.network import network_outputs


class Sparse(Generator):
    """The options of sparse data, with their defaults."""

    features: int = Field(1000, ge=1, le=FEATURES)
    classes: Classes = 2
    density: float = Field(0.01, gt=0.0, le=0.5)
    exponent: float = Field(1.0, ge=0.0, le=10.0)


def load_sparse(options: Mapping[str, Any]) -> Dataset:
    """The data with these options."""
    samples, features, seed = options["samples"], options["features"], options["seed"]
    p = probabilities(features, options["density"], options["exponent"])
    x = (uniforms(seed, Stream.DATA, samples * features).reshape(samples, features) < p).astype(np.float64)
    outputs = options["classes"] or 1
    # A stream of its own: a student of the same seed must not begin with the teacher's weights.
    w = normals(seed, Stream.TEACHER, features * outputs) / math.sqrt(math.fsum(p * (1.0 - p)))
    weights, layers = np.concatenate([w, np.zeros(outputs)]), Layers([features, outputs])
    # The kernels' product adds in order of j; NumPy's order depends on the processor.
    z, mean = (network_outputs(weights, layers, NUMBERS["identity"], rows) for rows in (x, p[np.newaxis]))
    return labelled("sparse", x, z - mean, options)


# The cache hashes the sources of the kernels' own folder alone, so this file's hash is passed to it.
@kernel(source=hash_files([Path(__file__)], Path(__file__).parent))
def _power_law(exponent, out):  # type: ignore[no-untyped-def]
    """out[j] = (1 + j)^-exponent, by our own exp and log, since libm's powers differ from machine to machine."""
    for j in range(out.size):
        out[j] = exp(-exponent * log(1.0 + j))


def probabilities(features: int, density: float, exponent: float) -> np.ndarray:
    """The probability that each feature is present: a power law, capped at 1/2, with mean `density` (at most 1/2)."""
    law = np.empty(features)
    _power_law(exponent, law)
    rest = np.cumsum(law[::-1])[::-1]  # the sum of the law from feature j on; cumsum adds in order
    free = density * features - 0.5 * np.arange(features)  # the sum left for them if all before have 1/2
    capped = int(np.argmax(free * law <= 0.5 * rest))
    p: np.ndarray = law * (free[capped] / rest[capped])
    p[:capped] = 0.5
    return p
