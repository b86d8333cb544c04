"""Linear algebra in a fixed order, against LAPACK and exact properties."""

import numpy as np
import pytest

from gdbench.errors import UsageError
from gdbench.kernels.arithmetic import linear


def matrix(n, seed=0, dtype="float64"):
    return np.random.default_rng(seed).normal(size=(n, n)).astype(dtype)


@pytest.mark.parametrize("n", [1, 2, 7, 40, 300])
def test_solving_agrees_with_lapack_whatever_the_signs(n):
    a, b = matrix(n), np.random.default_rng(1).normal(size=n)
    for given in (a, a + a.T, -(a @ a.T) - np.eye(n)):
        x = linear.solve(given, b)
        assert np.abs(given @ x - b).max() <= 1e-9 * np.abs(given).max() * max(1.0, np.abs(x).max())
        np.testing.assert_allclose(x, np.linalg.solve(given, b), rtol=1e-6, atol=1e-8 * np.abs(x).max())


def test_solving_exchanges_rows_where_a_pivot_is_zero_and_leaves_its_arguments():
    a, b = np.array([[0.0, 2.0], [4.0, 1.0]]), np.array([2.0, 5.0])
    np.testing.assert_array_equal(linear.solve(a, b), [1.0, 1.0])
    np.testing.assert_array_equal(a, [[0.0, 2.0], [4.0, 1.0]])
    np.testing.assert_array_equal(b, [2.0, 5.0])


@pytest.mark.parametrize("singular", [np.zeros((2, 2)), np.ones((3, 3)), np.full((2, 2), np.nan)])
def test_a_singular_matrix_has_no_solution(singular):
    assert linear.solve(singular, np.ones(len(singular))) is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 3, 50])
def test_cholesky_solves_positive_definite_systems_and_knows_them(n, dtype):
    a = matrix(n, dtype=dtype)
    h = (a @ a.T + n * np.eye(n, dtype=dtype)).astype(dtype)
    factor = linear.Cholesky(h)
    assert factor.positive
    x = factor.solve(np.ones(n, dtype))
    assert x.dtype == np.dtype(dtype)
    np.testing.assert_allclose(h @ x, np.ones(n), atol=2e-5 if dtype == "float32" else 1e-12)
    least = np.linalg.eigvalsh(h.astype(float))[0]
    assert not linear.Cholesky(h, shift=-1.01 * least).positive
    assert linear.Cholesky(h, shift=-0.9 * least).positive
    assert not linear.Cholesky(np.full((2, 2), np.nan)).positive


def test_products_norms_and_dots_are_those_of_numpy():
    rng = np.random.default_rng(3)
    a, v, w = matrix(600), rng.normal(size=600), rng.normal(size=600)
    np.testing.assert_allclose(linear.product(a, v), a @ v, rtol=1e-10, atol=1e-10)
    assert linear.dot(v, w) == pytest.approx(v @ w, rel=1e-12)
    assert linear.length(v) == pytest.approx(np.linalg.norm(v), rel=1e-14)


def test_a_matrix_that_does_not_fit_is_refused_with_the_memory_it_needs():
    linear.check_order(linear.MAX_ORDER)
    with pytest.raises(
        UsageError, match=r"50,000 parameters has 50,000 x 50,000 elements, 18\.6 GB; .*newton-cg or lbfgs"
    ):
        linear.check_order(50_000)
