"""Slow and obvious float64 NumPy: what the kernels are held to. Rules: rule_table.py; losses: network_table.py."""

import math
from fractions import Fraction

import numpy as np
from network_table import ACTIVATIONS, LOSSES


def unpack(theta, sizes):
    """[(W, b), ...] of the flat parameters."""
    layers, start = [], 0
    for a, b in zip(sizes[:-1], sizes[1:], strict=True):
        layers.append((theta[start : start + a * b].reshape(a, b), theta[start + a * b : start + (a + 1) * b]))
        start += (a + 1) * b
    return layers


def activate(name, z):
    return ACTIVATIONS[name].value(z)


def slope(name, z):
    """The activation's derivative."""
    return ACTIVATIONS[name].derivative(z)


def _sums(theta, sizes, activation, x):
    """The sums z of every layer."""
    sums = []
    for i, (w, b) in enumerate(unpack(theta, sizes)):
        sums.append((activate(activation, sums[-1]) if i else x) @ w + b)
    return sums


def outputs(theta, sizes, activation, x):
    return _sums(theta, sizes, activation, x)[-1]


def as_targets(y, columns):
    """Labels as one-hot rows, or as a column of 0 and 1 for one output; targets as they are."""
    if y.ndim == 2:
        return y
    return y[:, None].astype(float) if columns == 1 else np.eye(columns)[y]


def mean_loss(name, z, y):
    """The mean loss of outputs z, and its derivative by z; y is labels or targets."""
    return LOSSES[name].mean_loss(z, as_targets(y, z.shape[1]))


def loss(theta, sizes, activation, loss_name, l2, x, y):
    """Mean loss plus the penalty 1/2 l2 |W|^2; y is labels or targets."""
    value, _ = mean_loss(loss_name, outputs(theta, sizes, activation, x), y)
    return value + 0.5 * l2 * sum((w**2).sum() for w, _ in unpack(theta, sizes))


def gradient(theta, sizes, activation, loss_name, l2, x, y):
    """Backpropagation, written from the chain rule with whole matrices."""
    layers, sums = unpack(theta, sizes), _sums(theta, sizes, activation, x)
    _, d = mean_loss(loss_name, sums[-1], y)
    parts = []
    for i in range(len(layers) - 1, -1, -1):
        w, _ = layers[i]
        a = activate(activation, sums[i - 1]) if i else x
        parts = [(a.T @ d + l2 * w).ravel(), d.sum(axis=0), *parts]
        d = (d @ w.T) * slope(activation, sums[i - 1]) if i else d
    return np.concatenate(parts)


def fma(a, b, c):
    """a b + c in the dtype of a, rounded once: exact rationals, rounded to its bits, ties to even."""
    number, bits = type(a), np.finfo(type(a)).nmant + 1
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    if exact == 0:
        return number(0)
    sign, size = (-1, -exact) if exact < 0 else (1, exact)
    exponent = math.frexp(float(size))[1] - bits
    unit = Fraction(2) ** exponent
    return number(sign * float(round(size / unit) * unit))
