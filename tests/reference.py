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
    name, _, inner = rule.rstrip(")").partition("(")
    if name in ("lookahead", "ranger"):
        slow = state.setdefault("slow", p)
        p = step(inner or {"lookahead": "adam", "ranger": "radam"}[name], p, g, state, t, h)
        if t % h["k"] == 0:
            state["slow"] = p = slow + h["alpha"] * (p - slow)
        return p

    def mean(slot, decay, value):
        state[slot] = decay * state.get(slot, 0.0) + (1 - decay) * value
        return state[slot]

    lr = h["lr"]
    decay = h["weight_decay"] * p
    p, g = (p - lr * decay, g) if rule in ("adamw", "lion") else (p, g + decay)
    if rule == "sgd":
        return p - lr * g
    if rule in ("momentum", "nesterov"):
        state["v"] = v = h["momentum"] * state.get("v", 0.0) + g
        return p - lr * (g + h["momentum"] * v if rule == "nesterov" else v)
    if rule == "adagrad":
        state["s"] = s = state.get("s", 0.0) + g**2
        return p - lr * g / (np.sqrt(s) + h["eps"])
    if rule == "adadelta":
        change = np.sqrt((state.get("d", 0.0) + h["eps"]) / (mean("s", h["rho"], g**2) + h["eps"])) * g
        mean("d", h["rho"], change**2)
        return p - lr * change
    if rule == "rmsprop":
        variance = mean("s", h["rho"], g**2) - (mean("a", h["rho"], g) ** 2 if h["centered"] else 0)
        state["v"] = h["momentum"] * state.get("v", 0.0) + g / (np.sqrt(variance) + h["eps"])
        return p - lr * state["v"]
    beta1, beta2 = h["beta1"], h["beta2"]
    if rule == "lion":
        sign = np.sign(beta1 * state.get("m", 0.0) + (1 - beta1) * g)
        mean("m", beta2, g)
        return p - lr * sign
    m = mean("m", beta1, g)
    if rule == "adamax":
        state["u"] = np.maximum(beta2 * state.get("u", 0.0), np.abs(g) + h["eps"])
        return p - lr * m / (1 - beta1**t) / state["u"]
    v = mean("v", beta2, g**2)
    if rule == "radam":
        limit = 2 / (1 - beta2) - 1
        rho = limit - 2 * t * beta2**t / (1 - beta2**t)
        m = m / (1 - beta1**t)
        if rho <= h["rectify_above"]:
            return p - lr * m
        r = np.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
        return p - lr * r * m * np.sqrt(1 - beta2**t) / (np.sqrt(v) + h["eps"])
    if rule == "nadam":
        mu = [beta1 * (1 - 0.5 * 0.96 ** (i * h["momentum_decay"])) for i in range(1, t + 2)]
        g, m = (1 - mu[-2]) * g / (1 - math.prod(mu[:-1])), mu[-1] * m / (1 - math.prod(mu))
        return p - lr * (g + m) / (np.sqrt(v / (1 - beta2**t)) + h["eps"])
    assert rule in ("adam", "adamw", "amsgrad")
    if rule == "amsgrad":
        state["largest"] = v = np.maximum(state.get("largest", 0.0), v)
    if h["bias_correction"]:
        m, v = m / (1 - beta1**t), v / (1 - beta2**t)
    return p - lr * m / (np.sqrt(v) + h["eps"])


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
