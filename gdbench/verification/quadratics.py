"""Exact rates and stability limits on f(x) = 1/2 sum lambda_i x_i^2 with lambda in [1, kappa]."""

import math
from typing import Any

import numpy as np

from gdbench.runner.descent import minimize
from gdbench.verification.checks import Rows, check, compare, farthest
from gdbench.verification.experiments import columns, trials

CONDITIONS = (10.0, 100.0, 1000.0)


def _distances(rule: str, condition: float, x0: list[float], steps: int, **hyperparameters: Any) -> np.ndarray:
    """The distance to the minimum, at 0, at the start and after every step."""
    path = minimize(("quadratic", {"condition": condition}), x0, rule, steps=steps, **hyperparameters).path
    points = path[[f"x{i}" for i in range(len(x0))]].to_numpy()
    return np.array(np.linalg.norm(points, axis=1))


def _rate(distances: np.ndarray, first: int, last: int) -> float:
    """The contraction per step, from step `first` to step `last`."""
    return float((distances[last] / distances[first]) ** (1.0 / (last - first)))


@check("gradient-descent-rate", "Nesterov 2004, theorem 2.1.15")
def _() -> Rows:
    for kappa in CONDITIONS:
        rate = _rate(_distances("sgd", kappa, [1.0, 1.0], 100, lr=2 / (kappa + 1)), 0, 100)
        what = f"contraction a step at lr = 2 / (L + mu), kappa = {kappa:g}"
        yield compare(what, expected=(kappa - 1) / (kappa + 1), measured=rate, tolerance=1e-12)


@check("gradient-descent-edge", "theory: |1 - lr L|")
def _() -> Rows:
    for share in (0.99, 1.0, 1.01):
        rate = _rate(_distances("sgd", 10.0, [0.0, 1.0], 200, lr=share * 2 / 10), 0, 200)
        what = f"contraction a step at lr = {share:g} x 2 / L"
        yield compare(what, expected=abs(1 - 2 * share), measured=rate, tolerance=1e-12)


def _double_root(root: float, first: list[float]) -> float:
    """The contraction per step over steps 200 to 400. Errors begin at 1; `first` are those after a step, over the root.

    The characteristic polynomials of both methods have a double root here: an error is (1 + t (first - 1)) root^t.
    """
    early, late = (math.hypot(*(1 + t * (error - 1) for error in first)) for t in (200, 400))
    return root * math.pow(late / early, 1 / 200)


@check("heavy-ball-rate", "Polyak 1964: (sqrt kappa - 1) / (sqrt kappa + 1), times t")
def _() -> Rows:
    for kappa in CONDITIONS:
        root = math.sqrt(kappa)
        rate, lr = (root - 1) / (root + 1), 4 / (root + 1) ** 2
        measured = _rate(_distances("momentum", kappa, [1.0, 1.0], 400, lr=lr, momentum=rate**2), 200, 400)
        expected = _double_root(rate, [(1 - lr) / rate, (1 - lr * kappa) / -rate])
        what = f"contraction a step over steps 200 to 400, kappa = {kappa:g}"
        yield compare(what, expected=expected, measured=measured, tolerance=1e-7)


@check("nesterov-rate", "Nesterov 2004: 1 - 1 / sqrt kappa, times t")
def _() -> Rows:
    for kappa in CONDITIONS:
        root = math.sqrt(kappa)
        rate, momentum = 1 - 1 / root, (root - 1) / (root + 1)
        measured = _rate(_distances("nesterov", kappa, [1.0, 1.0], 400, lr=1 / kappa, momentum=momentum), 200, 400)
        expected = _double_root(rate, [(1 - (1 + momentum) / kappa) / rate])  # the other error is 0 from step 2 on
        what = f"contraction a step over steps 200 to 400, kappa = {kappa:g}"
        yield compare(what, expected=expected, measured=measured, tolerance=1e-7)


def _edge(rule: str, formula: str, edge: float, momentum: float, swing: float) -> Rows:
    """Rows below, at and above a stability limit, where the error contracts as the polynomial's largest root.

    Both recursions are e' = (1 + momentum) q e - momentum r e_before, where q and r depend on lr L. swing: the gradient
    is taken at the point ahead, so that it damps the velocity too.
    """
    for share in (0.99, 1.0, 1.01):
        product = share * edge * 10.0  # lr L
        if swing:
            polynomial = [1.0, -(1 + momentum) * (1 - product), momentum * (1 - product)]
        else:
            polynomial = [1.0, -(1 + momentum - product), momentum]
        distances = _distances(rule, 10.0, [0.0, 1.0], 300, lr=share * edge, momentum=momentum)
        what = f"contraction a step at lr = {share:g} x {formula}, momentum = {momentum:g}"
        expected = float(np.abs(np.roots(polynomial)).max())
        yield compare(what, expected=expected, measured=_rate(distances, 200, 300), tolerance=1e-9)


@check("heavy-ball-edge", "Polyak 1964: root of the recursion's polynomial")
def _() -> Rows:
    yield from _edge("momentum", "2 (1 + momentum) / L", 2 * 1.5 / 10, 0.5, False)


@check("nesterov-edge", "theory: root of the recursion's polynomial")
def _() -> Rows:
    yield from _edge("nesterov", "2 (1 + momentum) / (L (1 + 2 momentum))", 2 * 1.5 / (10 * 2), 0.5, True)


@check("newton-one-step", "theory: one step from any start")
def _() -> Rows:
    for kappa in (10.0, 1e6):
        distances = _distances("newton", kappa, [3.0, -2.0, 1.0, 0.5, -0.1, 7.0], 1)
        what = f"distance left, kappa = {kappa:g}"
        yield compare(what, expected=0.0, measured=distances[1] / distances[0], tolerance=1e-12)
    booth = minimize("booth", [-5.0, 8.0], "newton", steps=1)
    left = float(np.abs(booth.x - [1.0, 3.0]).max())
    yield compare("distance left on Booth's function", expected=0.0, measured=left, tolerance=1e-12)
    (record,) = trials(
        {"kind": "quadratic"}, "newton", lr=1.0, batch_size="full", budget={"steps": 1}, evaluate={"points": 2}
    )
    norms = columns(record)["grad_norm"]
    what = "gradient left on the data quadratic of DeepOBS, full batch"
    yield compare(what, expected=0.0, measured=norms[1] / norms[0], tolerance=1e-12)


@check("exact-line-search-rate", "Akaike 1959: 1/2 (x^2 + kappa y^2) from (kappa, 1)")
def _() -> Rows:
    for kappa in (2.0, *CONDITIONS[:2]):
        distances = _distances("gd-exact", kappa, [kappa, 1.0], 30)
        expected = (kappa - 1) / (kappa + 1)
        worst = farthest(distances[1:] / distances[:-1], expected)
        what = f"contraction of the worst of 30 steps, kappa = {kappa:g}"
        yield compare(what, expected=expected, measured=worst, tolerance=1e-9)
