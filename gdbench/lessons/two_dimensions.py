"""Lessons in two dimensions: gradient and contour, momentum, badly scaled axes, saddles, Newton's method."""

import math
from typing import Any

import numpy as np
import pandas as pd

from gdbench.lessons.descents import Frames, descents, minimisers, surface
from gdbench.runner.descent import minimize
from gdbench.suites.mathematics import problem

CONDITION = 50.0  # of the long valley
SMALL = 0.01  # the length of a step along a direction
POINTS = ((4.0, 2.5), (2.0, -1.0), (-2.0, -2.5), (-4.0, 0.5), (0.0, 4.6))
UNEVEN = 100.0  # the condition of the badly scaled axes
AWAY = (1.0, 0.6)  # not on a diagonal, which would favour rules that move every coordinate equally far
CHOICES = tuple(10.0 ** (exponent / 4) for exponent in range(-16, 1))  # learning rates, four a decade


def contour() -> Frames:
    """Himmelblau's function: `surface`, and `points` with the gradient (g0, g1) and the value at each.

    A short `step` from a point changes the value by `along` along the contour, and by `down` against the gradient.
    """
    hills = problem("himmelblau")
    rows = []
    for x in map(np.array, POINTS):
        gradient, value = hills.gradient(x), hills.loss(x)
        unit = gradient / np.linalg.norm(gradient)
        across = np.array([-unit[1], unit[0]])
        along, down = (hills.loss(x + SMALL * step) - value for step in (across, -unit))
        rows.append((*x, value, *gradient, SMALL, along, down))
    points = pd.DataFrame(rows, columns=["x0", "x1", "value", "g0", "g1", "step", "along", "down"])
    return {"surface": surface(hills.loss, (-5.0, 5.0), (-5.0, 5.0)), "points": points}


def momentum() -> Frames:
    """A long valley, by gradient descent and by momentum: `paths`, `surface` and `minimisers`.

    Both use nine tenths of 2 / CONDITION, the greatest learning rate at which gradient descent converges.
    """
    valley = ("quadratic", {"condition": CONDITION})
    lr = 1.8 / CONDITION
    settings: dict[str, dict[str, Any]] = {"sgd": {"lr": lr}, "momentum": {"lr": lr, "momentum": 0.7}}
    paths = descents(valley, [10.0, 1.0], settings, steps=400)
    loss = problem({"kind": "function", "function": valley[0], **valley[1]}).loss
    return {
        "paths": paths,
        "surface": surface(loss, (-3.5, 10.8), (-1.25, 1.25)),
        "minimisers": minimisers("quadratic"),
    }


def axes() -> Frames:
    """Two axes, one a hundred times as steep as the other, by five rules, each with the best of 17 learning rates.

    Best: the fewest steps to 1e-4 of the first value, then the least last value. `paths`, `surface` and `minimisers`.
    """
    uneven = ("quadratic", {"condition": UNEVEN})
    best = {}
    for rule in ("sgd", "momentum", "adagrad", "rmsprop", "adam"):
        tried = [minimize(uneven, list(AWAY), rule, lr=lr, steps=400).path for lr in CHOICES]
        best[rule] = {"lr": CHOICES[min(range(len(tried)), key=lambda i: _steps_then_value(tried[i]))]}
    loss = problem({"kind": "function", "function": uneven[0], **uneven[1]}).loss
    return {
        "paths": descents(uneven, list(AWAY), best, steps=400),
        "surface": surface(loss, (-0.35, 1.1), (-0.75, 0.75)),
        "minimisers": minimisers("quadratic"),
    }


def _steps_then_value(path: pd.DataFrame) -> tuple[float, float]:
    """How good a descent was, less is better: the steps to 1e-4 of its first value, then its last value."""
    low = path["step"][path["value"] <= 1e-4 * path["value"].iloc[0]]
    last = path["value"].iloc[-1]
    return (float(low.iloc[0]) if len(low) else math.inf), (float(last) if math.isfinite(last) else math.inf)


def saddles() -> Frames:
    """Descents past a saddle (`paths`, with `surface` and `minimisers`), and from a plateau (`plateau`, paths too)."""
    rules: dict[str, dict[str, Any]] = {"sgd": {"lr": 0.1}, "momentum": {"lr": 0.1}, "adam": {"lr": 0.1}}
    return {
        "paths": descents("saddle", [1.0, 1e-3], {**rules, "newton": {}}, steps=150),
        "surface": surface(problem("saddle").loss, (-0.8, 1.3), (-1.4, 1.4)),
        "minimisers": minimisers("saddle"),
        "plateau": descents("plateau", [4.0, 3.0], rules, steps=5000),
    }


def newton() -> Frames:
    """Rosenbrock's curved valley by gradient descent and by Newton's method: `paths`, `surface`, `minimisers`."""
    settings: dict[str, dict[str, Any]] = {"sgd": {"lr": 0.0015}, "newton": {"steps": 10}}
    return {
        "paths": descents("rosenbrock", [-1.2, 1.0], settings, steps=15_000),
        "surface": surface(problem("rosenbrock").loss, (-1.6, 1.5), (-4.0, 2.0)),
        "minimisers": minimisers("rosenbrock"),
    }
