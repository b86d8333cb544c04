"""Slow and obvious float64 NumPy: what the kernels are held to."""

import math
from fractions import Fraction

import numpy as np


def unpack(theta, sizes):
    """[(W, b), ...] of the flat parameters."""
    layers, start = [], 0
    for a, b in zip(sizes[:-1], sizes[1:], strict=True):
        layers.append((theta[start : start + a * b].reshape(a, b), theta[start + a * b : start + (a + 1) * b]))
        start += (a + 1) * b
    return layers


def activate(name, z):
    return {"relu": lambda: np.maximum(z, 0), "tanh": lambda: np.tanh(z), "identity": lambda: z}[name]()


def outputs(theta, sizes, activation, x):
    layers = unpack(theta, sizes)
    for i, (w, b) in enumerate(layers):
        x = x @ w + b
        x = activate(activation, x) if i < len(layers) - 1 else x
    return x


def loss(theta, sizes, activation, loss_name, l2, x, y):
    """Mean loss plus the penalty 1/2 l2 |W|^2; y is labels for cross-entropy, a matrix for mse."""
    z = outputs(theta, sizes, activation, x)
    if loss_name == "cross-entropy":
        top = z.max(axis=1, keepdims=True)
        value = (np.log(np.exp(z - top).sum(axis=1)) + top[:, 0] - z[np.arange(len(z)), y]).mean()
    else:
        value = ((z - y) ** 2).mean()
    return value + 0.5 * l2 * sum((w**2).sum() for w, _ in unpack(theta, sizes))


def gradient(theta, sizes, activation, loss_name, l2, x, y):
    """Backpropagation, written from the chain rule with whole matrices."""
    layers = unpack(theta, sizes)
    values = [x]
    for i, (w, b) in enumerate(layers):
        z = values[-1] @ w + b
        values.append(activate(activation, z) if i < len(layers) - 1 else z)
    z = values[-1]
    if loss_name == "cross-entropy":
        p = np.exp(z - z.max(axis=1, keepdims=True))
        d = p / p.sum(axis=1, keepdims=True)
        d[np.arange(len(z)), y] -= 1
        d /= len(z)
    else:
        d = 2 * (z - y) / z.size
    parts = []
    for i in range(len(layers) - 1, -1, -1):
        w, _ = layers[i]
        parts = [(values[i].T @ d + l2 * w).ravel(), d.sum(axis=0), *parts]
        slope = {"relu": values[i] > 0, "tanh": 1 - values[i] ** 2, "identity": 1}[activation] if i else 1
        d = (d @ w.T) * slope
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
