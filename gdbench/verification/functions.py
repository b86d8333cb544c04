"""Test functions, also those of plug-ins, against central differences in float64 and against their known minima."""

from typing import Any

import numpy as np

from gdbench.kernels import FUNCTIONS
from gdbench.kernels.functions.contract import Function
from gdbench.suites import mathematics
from gdbench.verification.checks import Rows, check, compare, skip
from gdbench.verification.experiments import differences

SOURCE = "central differences, fourth order, float64"
UNWRITTEN = "the function has none; differences are used instead"


def _problem(function: Function) -> Any:
    size = {} if function.least is None else {"dimension": max(function.least, 3)}
    return mathematics.problem({"kind": "function", "function": function.name, **size})


def _points(function: Function, size: int) -> np.ndarray:
    """Six points of its domain, one per row."""
    low, high = function.domain
    return np.random.default_rng(0).uniform(low, high, size=(6, size))


@check("function-gradients", SOURCE)
def _() -> Rows:
    for function in FUNCTIONS.values():
        what = f"{function.name}: gradient against differences of its value"
        if function.written_gradient is None:
            yield skip(what, UNWRITTEN)
            continue
        f, apart = _problem(function), []
        for x in _points(function, f.size):
            gradient = f.gradient(x)
            size = max(1.0, np.abs(gradient).max(), abs(f.loss(x)))  # rounding errors grow with the values
            apart.append(np.abs(gradient - differences(f.loss, x)).max() / size)
        yield compare(what, expected=0.0, measured=np.max(apart), tolerance=1e-8)


@check("function-hessians", SOURCE)
def _() -> Rows:
    for function in FUNCTIONS.values():
        what = f"{function.name}: Hessian against differences of its gradient"
        if function.written_hessian is None or function.written_gradient is None:
            yield skip(what, UNWRITTEN)
            continue
        f, apart = _problem(function), []
        for x in _points(function, f.size):
            hessian = f.hessian(x)
            size = max(1.0, np.abs(hessian).max(), np.abs(f.gradient(x)).max())
            apart.append(np.abs(hessian - differences(f.gradient, x)).max() / size)
        yield compare(what, expected=0.0, measured=np.max(apart), tolerance=1e-8)


@check("function-minimisers", "the functions' own papers")
def _() -> Rows:
    for function in FUNCTIONS.values():
        f = _problem(function)
        minimisers = function.minimisers(f.size)
        if not len(minimisers):
            continue
        largest = max(float(np.abs(f.gradient(x)).max()) for x in minimisers)
        what = f"{function.name}: largest derivative at {len(minimisers)} known minimisers"
        yield compare(what, expected=0.0, measured=largest, tolerance=1e-4)
