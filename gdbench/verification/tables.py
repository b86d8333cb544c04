"""What is computed once per step in float64: schedules, and the coefficients of every rule, also of plug-ins."""

import math
from typing import Any

import numpy as np

from gdbench.kernels.rules import schedules
from gdbench.kernels.rules.contract import scalar_rules
from gdbench.runner.descent import minimize
from gdbench.verification.checks import Rows, check, compare, difference, farthest
from gdbench.verification.experiments import START, anywhere, prescribed

LR, TOTAL = 0.5, 40


def _half_cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


# The share of lr = 0.5 at steps 1, 2, 11 and 40 of 40, from the formulas.
HAND: list[tuple[dict[str, Any], tuple[float, float, float, float]]] = [
    ({"kind": "constant"}, (1, 1, 1, 1)),
    ({"kind": "constant", "warmup": 20}, (1 / 20, 2 / 20, 11 / 20, 1)),
    ({"kind": "step", "every": 10, "factor": 0.5}, (1, 1, 1 / 2, 1 / 8)),
    ({"kind": "exponential", "gamma": 0.9}, (1, 0.9, 0.9**10, 0.9**39)),
    ({"kind": "inverse", "decay": 0.5}, (1, 1 / 1.5, 1 / 6, 1 / 20.5)),
    ({"kind": "inverse-sqrt"}, (1, 1 / math.sqrt(2), 1 / math.sqrt(11), 1 / math.sqrt(40))),
    (
        {"kind": "cosine", "final": 0.1},
        (1, _half_cosine(1, 0.2, 1 / 40), _half_cosine(1, 0.2, 1 / 4), _half_cosine(1, 0.2, 39 / 40)),
    ),
    ({"kind": "cosine"}, (1, _half_cosine(1, 0, 1 / 40), _half_cosine(1, 0, 1 / 4), _half_cosine(1, 0, 39 / 40))),
    ({"kind": "one-cycle"}, (0.04, _half_cosine(0.04, 1, 1 / 11), _half_cosine(0.04, 1, 10 / 11), 4e-6)),
]


@check("schedules", "the formulas, by hand; PyTorch's")
def _() -> Rows:
    missing = set(schedules.SCHEDULES) - {given["kind"] for given, _ in HAND}
    yield compare("kinds without a row here", expected=0, measured=len(missing), tolerance=0)
    for given, shares in HAND:
        # On 1/2 x^2 a step of gradient descent multiplies x by 1 - lr.
        descent = minimize("quadratic", [1.0], "sgd", steps=TOTAL, lr=LR, schedule=given)
        x = descent.path["x0"].to_numpy()
        taken = (1 - x[1:] / x[:-1]) / LR
        apart = farthest(taken[[0, 1, 10, -1]] - shares, 0.0)
        options = ", ".join(f"{name} = {value:g}" for name, value in given.items() if name != "kind")
        what = f"{given['kind']}{f' ({options})' if options else ''}: steps 1, 2, 11, 40 of 40, distance / lr"
        yield compare(what, expected=0.0, measured=apart, tolerance=1e-14)


@check("chunks", "theory: steps depend on themselves alone")
def _() -> Rows:
    for rule in scalar_rules():
        hyperparameters, lrs = rule.with_defaults({}), np.linspace(0.1, 0.01, 60)
        whole = rule.table(hyperparameters, 1, lrs, "float64")
        pieces = [
            rule.table(hyperparameters, 1 + first, lrs[first : first + 7], "float64") for first in range(0, 60, 7)
        ]
        apart = np.abs(whole - np.vstack(pieces)).max()
        what = f"{rule.name}: coefficients of 60 steps, at once and seven at a time"
        yield compare(what, expected=0.0, measured=apart, tolerance=0.0)


@check("float32", "theory: both dtypes follow one formula")
def _() -> Rows:
    for rule in scalar_rules():
        single, double = (
            minimize(anywhere, START, rule.name, grad=prescribed, steps=100, every=100, dtype=dtype).x
            for dtype in ("float32", "float64")
        )
        what = f"{rule.name}: float32 beside float64 after 100 prescribed gradients"
        yield compare(what, expected=0.0, measured=difference(single, double), tolerance=1e-5)
