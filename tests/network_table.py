"""Every activation and loss of this project, a row each, which drives their tests, on the CPU and in the simulator.

A new one is its file in gdbench/kernels/networks/, its line in the `__init__.py` there, and a row here. Imports nothing
of gdbench, so that processes which choose how kernels are compiled can read it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import erf

Formula = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Activation:
    """What the tests know of an activation, in float64.

    value, derivative: by the sums z. at_zero: value, derivative and second derivative at 0, worked by hand; from the
    left at a kink. keeps_sums: whether its derivatives need z, and not the value alone. keeps_sign: whether a zero
    keeps its sign. keeps_nan: whether the derivative at NaN is NaN.
    """

    value: Formula
    derivative: Formula
    at_zero: tuple[float, float, float]
    keeps_sums: bool = False
    keeps_sign: bool = True
    keeps_nan: bool = True


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What the tests know of a loss, in float64.

    mean_loss(z, y): the mean loss of outputs z with targets y, and its derivative by z. classes: whether it compares
    classes, so that y has rows of 0 and 1. by_label: whether it takes labels themselves. fewest: outputs that it needs.
    outputs: of two classes.
    """

    mean_loss: Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]
    classes: bool = False
    by_label: bool = False
    fewest: int = 1
    outputs: int = 2


ACTIVATIONS = {
    "identity": Activation(value=lambda z: z, derivative=np.ones_like, at_zero=(0.0, 1.0, 0.0)),
    "relu": Activation(
        value=lambda z: np.maximum(z, 0),
        derivative=lambda z: (z > 0).astype(float),
        at_zero=(0.0, 0.0, 0.0),
        keeps_nan=False,
    ),
    "leaky-relu": Activation(
        value=lambda z: np.where(z < 0, 0.01 * z, z),
        derivative=lambda z: np.where(z > 0, 1, 0.01),
        at_zero=(0.0, 0.01, 0.0),
    ),
    "tanh": Activation(
        value=np.tanh, derivative=lambda z: 1 / np.cosh(z) ** 2, at_zero=(0.0, 1.0, 0.0), keeps_sign=False
    ),
    "sigmoid": Activation(
        value=lambda z: 1 / (1 + np.exp(-z)),
        derivative=lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2,
        at_zero=(0.5, 0.25, 0.0),
        keeps_sign=False,
    ),
    "gelu": Activation(
        value=lambda z: z * (1 + erf(z / math.sqrt(2))) / 2,
        derivative=lambda z: (1 + erf(z / math.sqrt(2))) / 2 + z * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi),
        at_zero=(0.0, 0.5, 2 / math.sqrt(2 * math.pi)),
        keeps_sums=True,
    ),
}


def _cross_entropy(z, y):
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return -(np.log(p) * y).sum(axis=1).mean(), (p - y) / len(z)


def _binary_cross_entropy(z, y):
    p = 1 / (1 + np.exp(-z))
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(), (p - y) / z.size


def _mse(z, y):
    return ((z - y) ** 2).mean(), 2 * (z - y) / z.size


def _huber(z, y):
    error = z - y
    near = abs(error) < 1
    return np.where(near, error**2 / 2, abs(error) - 0.5).mean(), np.where(near, error, np.sign(error)) / z.size


LOSSES = {
    "cross-entropy": Loss(mean_loss=_cross_entropy, classes=True, by_label=True, fewest=2),
    "binary-cross-entropy": Loss(mean_loss=_binary_cross_entropy, classes=True, outputs=1),
    "mse": Loss(mean_loss=_mse),
    "huber": Loss(mean_loss=_huber),
}
