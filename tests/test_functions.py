"""Test functions: gradients and Hessians against differences, known minimisers, and functions of the user's own."""

import numpy as np
import pytest

import gdbench
from gdbench.kernels import FUNCTIONS
from gdbench.kernels.function import find

SHIPPED = sorted(name for name, function in FUNCTIONS.items() if function.source == "")
CASES = [
    (name, n)
    for name in SHIPPED
    for n in ((1, 2, 3, 7) if FUNCTIONS[name].least == 1 else (2, 3, 7))
    if FUNCTIONS[name].least or n == FUNCTIONS[name].dimension
] + [(n, 1) for n in SHIPPED if FUNCTIONS[n].dimension == 1]


def problem(name, dimension=None, **options):
    given = {} if dimension is None or find(name).least is None else {"dimension": dimension}
    return gdbench.problem({"kind": "function", "function": name, **given, **options})


def points(name, dimension):
    low, high = find(name).domain
    return np.random.default_rng(dimension).uniform(low, high, size=(8, dimension))


def differences(f, x, h=1e-5):
    """The derivatives of f along each coordinate, by central differences of fourth order."""
    columns = []
    for i in range(x.size):
        e = np.zeros(x.size)
        e[i] = h * max(1.0, abs(x[i]))
        columns.append((8 * (f(x + e) - f(x - e)) - (f(x + 2 * e) - f(x - 2 * e))) / (12 * e[i]))
    return np.array(columns)


def test_the_functions_of_the_design_are_here():
    wanted = {"quadratic", "rosenbrock", "beale", "himmelblau", "booth", "rastrigin", "ackley", "styblinski-tang"}
    assert wanted | {"saddle", "monkey-saddle", "plateau"} <= set(SHIPPED)
    assert sum(FUNCTIONS[name].dimension == 1 for name in SHIPPED) >= 2


@pytest.mark.parametrize(("name", "dimension"), CASES)
def test_gradients_and_hessians_agree_with_differences(name, dimension):
    f = problem(name, dimension)
    for x in points(name, dimension):
        gradient = f.gradient(x)
        scale = max(1.0, np.abs(gradient).max(), abs(f.loss(x)))
        np.testing.assert_allclose(gradient, differences(f.loss, x), rtol=0, atol=1e-8 * scale)
        hessian = f.hessian(x)
        np.testing.assert_array_equal(hessian, hessian.T)
        np.testing.assert_allclose(
            hessian, differences(f.gradient, x), rtol=0, atol=1e-8 * max(1, np.abs(hessian).max(), scale)
        )
        np.testing.assert_allclose(f.product(x, x), hessian @ x, rtol=1e-12, atol=1e-9 * scale)
