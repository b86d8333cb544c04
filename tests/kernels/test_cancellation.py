"""Coefficients and learning rates keep their digits where a decay is nearly 1 or a schedule nearly over, held to 60."""

import math

import mpmath
import numpy as np
import pytest
from mpmath import mpf

from gdbench.kernels import RULES
from gdbench.kernels.rules.schedules import learning_rates, with_defaults

NEAR = [0.0, 0.3, 0.6, 0.9, 0.99, 0.999, 0.9999, 0.99999, 1 - 1e-6, 1 - 1e-9, 1 - 1e-12, 1 - 2.0**-53]
STEPS = [1, 2, 3, 4, 5, 6, 7, 10, 100, 1000, 12345, 10**6, 10**7]


@pytest.fixture(autouse=True, scope="module")
def _digits():
    with mpmath.workdps(60):
        yield


def row(rule, step, **given):
    """The coefficients of one step by name, with lr = 1."""
    rule = RULES[rule]
    table = rule.table(rule.with_defaults({"lr": 1.0, **given}), step, np.ones(1), "float64")
    return dict(zip(rule.coefficient_names, map(float, table[0]), strict=True))


def off(got, exact):
    """The relative error."""
    return float(abs((mpf(got) - exact) / exact)) if exact else abs(got)


def length(beta2, t):
    """rho_t and its limit, of RAdam's paper, as they stand there."""
    beta2 = mpf(beta2)
    limit = 2 / (1 - beta2) - 1
    return limit - 2 * t * beta2**t / (1 - beta2**t), limit


@pytest.mark.parametrize("rule", ["radam", "ranger"])
@pytest.mark.parametrize("above", [4.0, 5.0, 6.5])
def test_rectified_steps_keep_their_digits_however_near_to_one_beta2_is(rule, above):
    for beta2 in NEAR:
        for t in STEPS:
            got = row(rule, t, beta1=0.9, beta2=beta2, rectify_above=above)
            rho, limit = length(beta2, t)
            exact = 1 / (1 - mpf(0.9) ** t)
            assert got["rectified"] == (rho > above), (beta2, t)
            tolerance = 5e-12  # 2e-12 of 1 - beta^t, twice under a root
            if rho > above:
                exact *= mpmath.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
                exact *= mpmath.sqrt(1 - mpf(beta2) ** t)
            assert off(got["step"], exact) <= tolerance, (beta2, t)


def test_the_length_of_radams_mean_is_right_to_a_few_ulp():
    # rectify_above in place of the length itself: the switch lies where the formula says, to 1e-14.
    for beta2 in NEAR:
        for t in STEPS:
            rho = length(beta2, t)[0]
            if rho > 4.001:
                below, above = (float(rho * (1 + sign * mpf(10) ** -14)) for sign in (-1, 1))
                switched = [row("radam", t, beta2=beta2, rectify_above=limit)["rectified"] for limit in (below, above)]
                assert switched == [1.0, 0.0], (beta2, t)


@pytest.mark.parametrize(
    ("rule", "name", "formula"),
    [
        ("adam", "step", lambda beta, t: 1 / (1 - beta**t)),
        ("adamw", "step", lambda beta, t: 1 / (1 - beta**t)),
        ("amsgrad", "step", lambda beta, t: 1 / (1 - beta**t)),
        ("adamax", "step", lambda beta, t: 1 / (1 - beta**t)),
        ("lookahead", "step", lambda beta, t: 1 / (1 - beta**t)),
        ("adam", "root", lambda beta, t: mpmath.sqrt(1 - beta**t)),
        ("nadam", "root", lambda beta, t: mpmath.sqrt(1 - beta**t)),
        ("adam", "one_minus_beta1", lambda beta, t: 1 - beta),
        ("lion", "one_minus_beta2", lambda beta, t: 1 - beta),
    ],
)
def test_bias_corrections_keep_their_digits_however_near_to_one_the_decay_is(rule, name, formula):
    for beta in NEAR:
        for t in STEPS:
            got = row(rule, t, beta1=beta, beta2=beta)[name]
            assert off(got, formula(mpf(beta), t)) <= 2e-12, (beta, t)


def test_nadams_products_keep_their_digits():
    def mu(t, beta1, decay):
        return mpf(beta1) * (1 - mpf(0.5) * mpf(0.96) ** (t * mpf(decay)))

    for beta1 in NEAR:
        for decay in (4e-3, 1.0):
            product = mpf(1)
            for t in range(1, 401):
                product *= mu(t, beta1, decay)
                if t in (1, 2, 3, 10, 100, 400):
                    got, following = row("nadam", t, beta1=beta1, momentum_decay=decay), mu(t + 1, beta1, decay)
                    exact = (1 - mu(t, beta1, decay)) / (1 - product)
                    assert off(got["gradient_step"], exact) <= 2e-12, (beta1, t)
                    assert off(got["momentum_step"], following / (1 - product * following)) <= 2e-12, (beta1, t)


def cosine(start, end, gone, left):
    """From start to end along half a cosine."""
    start, end, angle = mpf(start), mpf(end), mpmath.pi * mpf(gone) / (mpf(gone) + mpf(left))
    return end + (start - end) / 2 * (1 + mpmath.cos(angle))


def at(schedule, t, total):
    """lr(t) for lr = 1."""
    return learning_rates(with_defaults(schedule), 1.0, t, 1, total)[0]


@pytest.mark.parametrize("total", [6, 100, 10**4, 10**6, 10**9])
def test_schedules_keep_their_digits_to_the_last_step(total):
    places = {1, 2, 3, total // 10, total // 2, total - total // 1000, total - 2, total - 1, total}
    for t in sorted(t for t in places if t >= 1):
        got = at("cosine", t, total)
        assert off(got, cosine(1, 0, t - 1, total - t + 1)) <= 2e-12, t
        for factor, drop in ((0.04, 1e-4), (1e-6, 1e-6)):
            got = at({"kind": "one-cycle", "rise": 0.5, "factor": factor, "drop": drop}, t, total)
            top = mpf(total) / 2 - 1
            if t - 1 <= top:
                exact = cosine(factor, 1, t - 1, top - (t - 1))
            else:
                exact = cosine(1, mpf(factor) * mpf(drop), t - 1 - top, total - t)
            assert off(got, exact) <= 2e-12, (t, factor)
        for kind, exact in (("inverse-sqrt", 1 / mpmath.sqrt(t)), ("inverse", 1 / (1 + mpf(0.001) * (t - 1)))):
            assert off(at(kind, t, total), exact) <= 1e-15, (kind, t)
    assert math.isclose(at("cosine", 1, total), 1.0, rel_tol=0)
