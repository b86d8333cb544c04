"""Slow and obvious float64 NumPy: what the kernels are held to."""

import math
from fractions import Fraction

import numpy as np
from scipy.special import erf


def unpack(theta, sizes):
    """[(W, b), ...] of the flat parameters."""
    layers, start = [], 0
    for a, b in zip(sizes[:-1], sizes[1:], strict=True):
        layers.append((theta[start : start + a * b].reshape(a, b), theta[start + a * b : start + (a + 1) * b]))
        start += (a + 1) * b
    return layers


def activate(name, z):
    return {
        "relu": lambda: np.maximum(z, 0),
        "leaky-relu": lambda: np.where(z < 0, 0.01 * z, z),
        "tanh": lambda: np.tanh(z),
        "sigmoid": lambda: 1 / (1 + np.exp(-z)),
        "gelu": lambda: z * (1 + erf(z / math.sqrt(2))) / 2,
        "identity": lambda: z,
    }[name]()


def slope(name, z):
    """The activation's derivative."""
    return {
        "relu": lambda: (z > 0).astype(float),
        "leaky-relu": lambda: np.where(z > 0, 1, 0.01),
        "tanh": lambda: 1 / np.cosh(z) ** 2,
        "sigmoid": lambda: np.exp(-z) / (1 + np.exp(-z)) ** 2,
        "gelu": lambda: (1 + erf(z / math.sqrt(2))) / 2 + z * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi),
        "identity": lambda: np.ones_like(z),
    }[name]()


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


def charge(name, z, y):
    """The mean loss of outputs z, and its derivative by z; y is labels or targets."""
    y = as_targets(y, z.shape[1])
    if name == "cross-entropy":
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        return -(np.log(p) * y).sum(axis=1).mean(), (p - y) / len(z)
    if name == "binary-cross-entropy":
        p = 1 / (1 + np.exp(-z))
        return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(), (p - y) / z.size
    error = z - y
    if name == "huber":
        near = abs(error) < 1
        return np.where(near, error**2 / 2, abs(error) - 0.5).mean(), np.where(near, error, np.sign(error)) / z.size
    assert name == "mse"
    return (error**2).mean(), 2 * error / z.size


def loss(theta, sizes, activation, loss_name, l2, x, y):
    """Mean loss plus the penalty 1/2 l2 |W|^2; y is labels or targets."""
    value, _ = charge(loss_name, outputs(theta, sizes, activation, x), y)
    return value + 0.5 * l2 * sum((w**2).sum() for w, _ in unpack(theta, sizes))


def gradient(theta, sizes, activation, loss_name, l2, x, y):
    """Backpropagation, written from the chain rule with whole matrices."""
    layers, sums = unpack(theta, sizes), _sums(theta, sizes, activation, x)
    _, d = charge(loss_name, sums[-1], y)
    parts = []
    for i in range(len(layers) - 1, -1, -1):
        w, _ = layers[i]
        a = activate(activation, sums[i - 1]) if i else x
        parts = [(a.T @ d + l2 * w).ravel(), d.sum(axis=0), *parts]
        d = (d @ w.T) * slope(activation, sums[i - 1]) if i else d
    return np.concatenate(parts)


def step(rule, p, g, state, t, h):
    """One step of a rule by its formula; `state` is a dict that is changed, `h` the hyperparameters."""
    g = g + h["weight_decay"] * p
    old = {name: state.get(name, np.zeros_like(p)) for name in ("m", "v", "s")}
    if rule == "sgd":
        return p - h["lr"] * g
    if rule in ("momentum", "nesterov"):
        state["v"] = v = h["momentum"] * old["v"] + g
        return p - h["lr"] * (g + h["momentum"] * v if rule == "nesterov" else v)
    if rule == "adagrad":
        state["s"] = s = old["s"] + g**2
        return p - h["lr"] * g / (np.sqrt(s) + h["eps"])
    if rule == "rmsprop":
        state["s"] = s = h["rho"] * old["s"] + (1 - h["rho"]) * g**2
        return p - h["lr"] * g / (np.sqrt(s) + h["eps"])
    assert rule == "adam"
    state["m"] = m = h["beta1"] * old["m"] + (1 - h["beta1"]) * g
    state["v"] = v = h["beta2"] * old["v"] + (1 - h["beta2"]) * g**2
    if h["bias_correction"]:
        m, v = m / (1 - h["beta1"] ** t), v / (1 - h["beta2"] ** t)
    return p - h["lr"] * m / (np.sqrt(v) + h["eps"])


def fma32(a, b, c):
    """a b + c in float32, rounded once: exact rationals, rounded to 24 bits, ties to even."""
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    if exact == 0:
        return np.float32(0)
    sign, size = (-1, -exact) if exact < 0 else (1, exact)
    exponent = math.frexp(float(size))[1] - 24
    unit = Fraction(2) ** exponent
    return np.float32(sign * float(round(size / unit) * unit))
