"""The exact Hessian of a network's training objective, column by column.

A product with the Hessian is the derivative of the gradient along a direction: the R-operator of Pearlmutter, "Fast
exact multiplication by the Hessian", Neural Computation 6 (1994), applied to the forward and the backward pass. Written
with NumPy's own products, so its last bits are the machine's; no trial depends on it.

    hessian = gdbench.problem({"kind": "mlp", "dataset": "iris", "hidden": [5]}).hessian(theta)
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gdbench.kernels.activations import RELU, TANH
from gdbench.kernels.losses import CROSS_ENTROPY
from gdbench.kernels.network import Network


def hessian(theta: np.ndarray, network: Network, x: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The matrix of second derivatives (parameters x parameters, float64) over the rows of x.

    targets: samples x outputs, one-hot rows for cross-entropy. Where relu has a kink its second derivative counts as 0.
    """
    theta, x = theta.astype(np.float64), x.astype(np.float64)
    columns = np.empty((theta.size, theta.size))
    for i, direction in enumerate(np.eye(theta.size)):
        columns[i] = hessian_product(theta, direction, network, x, targets)
    return columns


def hessian_product(
    theta: np.ndarray, direction: np.ndarray, network: Network, x: np.ndarray, targets: np.ndarray
) -> np.ndarray:
    """The Hessian times `direction`; arguments as in `hessian`, all float64."""
    layers, moves = _unpack(theta, network.sizes), _unpack(direction, network.sizes)
    last = len(layers) - 1
    a, ra = [x], [np.zeros_like(x)]  # each layer's input and its derivative along the direction
    slopes, bends = [], []
    for i, ((w, b), (v, c)) in enumerate(zip(layers, moves, strict=True)):
        z, rz = a[i] @ w + b, ra[i] @ w + a[i] @ v + c
        value, slope, bend = _activation(network.activation if i < last else None, z)
        a.append(value)
        ra.append(slope * rz)
        slopes.append(slope)
        bends.append(bend * rz)
    d, rd = _loss(network.loss, a[-1], ra[-1], targets)
    parts: list[np.ndarray] = []
    for i in range(last, -1, -1):
        (w, _), (v, _) = layers[i], moves[i]
        product = ra[i].T @ d + a[i].T @ rd + float(network.l2) * v
        parts = [product.ravel(), rd.sum(axis=0), *parts]
        if i > 0:
            e, re = d @ w.T, rd @ w.T + d @ v.T
            d, rd = slopes[i - 1] * e, slopes[i - 1] * re + bends[i - 1] * e
    return np.concatenate(parts)


def _unpack(theta: np.ndarray, sizes: Sequence[int] | np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    layers, start = [], 0
    for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True):
        bias = start + inputs * outputs
        layers.append((theta[start:bias].reshape(inputs, outputs), theta[bias : bias + outputs]))
        start = bias + outputs
    return layers


def _activation(activation: int | None, z: np.ndarray) -> tuple[np.ndarray, Any, Any]:
    """Value, first and second derivative."""
    if activation == RELU:
        return np.where(z < 0, 0.0, z), (z > 0).astype(float), 0.0
    if activation == TANH:
        t = np.tanh(z)
        return t, 1 - t * t, -2 * t * (1 - t * t)
    return z, 1.0, 0.0


def _loss(loss: int, z: np.ndarray, rz: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The derivative of the mean loss by the outputs, and its derivative along the direction."""
    if loss == CROSS_ENTROPY:
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        return (p - targets) / len(z), p * (rz - (p * rz).sum(axis=1, keepdims=True)) / len(z)
    return 2 * (z - targets) / z.size, 2 * rz / z.size
