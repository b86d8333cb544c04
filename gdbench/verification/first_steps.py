"""First steps that follow from the formulas, and rules that include one another."""

import math
from typing import Any

import numpy as np

from gdbench.runner.descent import minimize
from gdbench.verification.checks import Row, Rows, check, compare, difference, farthest
from gdbench.verification.experiments import START, anywhere, constant, prescribed

LR = 0.1
_BOWL = ("quadratic", {"condition": 100.0})


def _first_step(rule: str, **hyperparameters: Any) -> np.ndarray:
    """How far each parameter moves against its gradient's sign in the first step, in units of lr."""
    start = [1.0, -2.0, 3.0, -0.5]
    moved = minimize(_BOWL, start, rule, steps=1, lr=LR, **hyperparameters).x - start
    return np.array(-moved * np.sign(start) / LR)  # the gradient has the sign of the point


def _sign_step(rule: str, expected: float = 1.0, **hyperparameters: Any) -> Row:
    worst = farthest(_first_step(rule, **hyperparameters), expected)
    given = "".join(f", {name} = {value:g}" for name, value in hyperparameters.items())
    what = f"{rule}{given}: first step / (lr sign g)"
    return compare(what, expected=expected, measured=worst, tolerance=1e-12)


@check("adam-first-step", "Kingma, Ba 2015, section 2.1: lr sign(g)")
def _() -> Rows:
    yield _sign_step("adam", eps=0.0)
    yield _sign_step("amsgrad", eps=0.0)
    yield _sign_step("adamax", eps=0.0)
    yield _sign_step("adamw", eps=0.0, weight_decay=0.0)


@check("adagrad-first-step", "Duchi, Hazan, Singer 2011: lr sign(g)")
def _() -> Rows:
    yield _sign_step("adagrad", eps=0.0)


@check("rmsprop-first-step", "Hinton 2012: lr sign(g) / sqrt(1 - rho)")
def _() -> Rows:
    for rho in (0.9, 0.99):
        yield _sign_step("rmsprop", expected=1 / math.sqrt(1 - rho), rho=rho, eps=0.0)


@check("lion-first-step", "Chen et al. 2023: lr sign(g)")
def _() -> Rows:
    yield _sign_step("lion")


@check("eps-placement", "PyTorch's formulas")
def _() -> Rows:
    eps, gradient = 0.5, 2.0  # the first parameter of the bowl has eigenvalue 1
    size = 0.1 * gradient**2  # the running mean of squares with rho = 0.9
    steps = {
        "adam": ({}, gradient / (gradient + eps)),
        "amsgrad": ({}, gradient / (gradient + eps)),
        "adamw": ({"weight_decay": 0.0}, gradient / (gradient + eps)),
        "adamax": ({}, gradient / (gradient + eps)),
        "adagrad": ({}, gradient / (gradient + eps)),
        "rmsprop": ({"rho": 0.9}, gradient / (math.sqrt(size) + eps)),
        "adadelta": ({"rho": 0.9}, math.sqrt(eps) / math.sqrt(size + eps) * gradient),
    }
    for rule, (options, expected) in steps.items():
        x = minimize(_BOWL, [gradient, 0.0], rule, steps=1, lr=LR, eps=eps, **options).x[0]  # type: ignore[arg-type]
        what = f"{rule}: first step / lr, g = 2, eps = 0.5"
        yield compare(what, expected=expected, measured=(gradient - x) / LR, tolerance=1e-12)


@check("adamw-decoupled-decay", "Loshchilov, Hutter 2019, algorithm 2")
def _() -> Rows:
    start, decay = [1.0, -2.0, 3.0, -0.5], 0.5
    moved = minimize(_BOWL, start, "adamw", steps=1, lr=LR, eps=0.0, weight_decay=decay).x - start
    rest = moved / LR + decay * np.array(start)
    worst = farthest(-rest * np.sign(start), 1.0)
    what = "first step less the decay / (lr sign g), weight_decay = 0.5"
    yield compare(what, expected=1.0, measured=worst, tolerance=1e-12)


def _last(rule: str, **hyperparameters: Any) -> np.ndarray:
    """The last point after 200 prescribed gradients."""
    return minimize(anywhere, START, rule, grad=prescribed, steps=200, every=200, **hyperparameters).x


@check("inclusions", "theory: rules that contain one another")
def _() -> Rows:
    pairs: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
        ("momentum", {"momentum": 0.0}, "sgd", {}),
        ("nesterov", {"momentum": 0.0}, "sgd", {}),
        ("adamw", {"weight_decay": 0.0}, "adam", {}),
        ("lookahead", {"alpha": 1.0}, "adam", {}),
        ("ranger", {"alpha": 1.0}, "radam", {"beta1": 0.95, "eps": 1e-5}),
    ]
    for rule, options, other, its in pairs:
        apart = difference(_last(rule, lr=LR, **options), _last(other, lr=LR, **its))
        given = ", ".join(f"{name} = {value:g}" for name, value in options.items())
        yield compare(f"{rule}, {given}: distance to {other}", expected=0.0, measured=apart, tolerance=0.0)


def _radam_steps(rectify_above: float) -> np.ndarray:
    """Steps 1 ... 10 of RAdam with a gradient of 1, in units of lr: 1, then the rectification r once it begins."""
    descent = minimize(
        anywhere, [0.0], "radam", grad=constant, steps=10, lr=LR, beta2=0.999, eps=0.0, rectify_above=rectify_above
    )
    return np.array(-np.diff(descent.path["x0"].to_numpy()) / LR)


def _rho(r: float) -> float:
    """The rho_t for a rectification r: the larger root of (rho - 4) (rho - 2) / rho = k."""
    limit = 2 / (1 - 0.999) - 1
    k = r**2 * (limit - 4) * (limit - 2) / limit
    return (6 + k + math.sqrt((6 + k) ** 2 - 32)) / 2


@check("radam-rectification", "Liu et al. 2020 (rho_t > 4), PyTorch (rho_t > 5)")
def _() -> Rows:
    for above, first in ((4.0, 5), (5.0, 6)):
        plain = np.abs(_radam_steps(above) - 1) < 1e-9
        measured = int(np.argmin(plain)) + 1
        what = f"first rectified step, beta2 = 0.999, rectify_above = {above:g}"
        yield compare(what, expected=first, measured=measured, tolerance=0.0)
    steps = _radam_steps(4.0)
    for t, rho in ((5, 4.996), (6, 5.994)):
        what = f"rho_{t}, from the length of step {t}"
        yield compare(what, expected=rho, measured=_rho(float(steps[t - 1])), tolerance=1e-3)
