"""The quadratic of data against its formula, and DeepOBS's random matrix and samples against what they promise."""

import numpy as np
import pytest

from gdbench.errors import UsageError
from gdbench.kernels import RULES
from gdbench.kernels.quadratic import deepobs
from gdbench.kernels.quadratic.problem import DataQuadratic


def make(dtype="float64", **options):
    """23 samples of 4 features, 5 to test with."""
    rng = np.random.default_rng(0)
    half = rng.normal(size=(4, 4))
    return DataQuadratic(half @ half.T, rng.normal(size=(23, 4)), rng.normal(size=(5, 4)), dtype=dtype, **options)


def loss(matrix, theta, samples):
    return np.mean([0.5 * (theta - x) @ matrix @ (theta - x) for x in samples])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_loss_and_derivatives_follow_the_formula(dtype):
    problem, tolerance = make(dtype), 1e-5 if dtype == "float32" else 1e-13
    theta = np.array([0.5, -1.0, 2.0, 0.0], dtype)
    for rows in (None, [3], [7, 7, 1]):
        chosen = problem.x if rows is None else problem.x[rows]
        assert problem.loss(theta, rows) == pytest.approx(loss(problem.matrix, theta, chosen), rel=1e-13)
        got = problem.gradient(theta, rows)
        assert got.dtype == np.dtype(dtype)
        np.testing.assert_allclose(got, problem.matrix @ (theta - chosen.mean(axis=0)), rtol=tolerance, atol=tolerance)
    hessian = problem.hessian(theta)
    np.testing.assert_array_equal(hessian, problem.matrix.astype(dtype))
    np.testing.assert_allclose(problem.product(theta, theta), hessian @ theta, rtol=tolerance, atol=tolerance)
    hessian[:] = 0.0
    assert problem.hessian(theta).any()  # a matrix of one's own
    with pytest.raises(UsageError, match="theta has shape"):
        problem.hessian(theta[1:])


@pytest.mark.parametrize("options", [{"drop_last": False}, {"shuffle": "epoch"}, {"shuffle": "epoch", "start": -2.0}])
@pytest.mark.parametrize("size", [5, 23])
def test_training_uses_the_batches_that_batch_names(options, size):
    problem = make(**options)
    trained, theta = problem.begin(seed=4, batch_size=size), problem.initial(4)
    np.testing.assert_array_equal(theta, np.full(4, options.get("start", 1.0)))
    trained.advance(RULES["sgd"].update("float64"), np.zeros((0, 4)), np.array([[0.1, 0.0]] * 12))
    for step in range(1, 13):
        theta = theta - 0.1 * problem.gradient(theta, problem.batch(4, step, size))
    np.testing.assert_array_equal(trained.theta, theta)
    values = dict(zip(problem.columns, trained.evaluate(), strict=True))
    assert values["train_loss"] == pytest.approx(loss(problem.matrix, theta, problem.x), rel=1e-12)
    assert values["test_loss"] == pytest.approx(loss(problem.matrix, theta, problem.test), rel=1e-12)
    assert values["grad_norm"] == pytest.approx(np.linalg.norm(problem.gradient(theta)), rel=1e-12)
    assert np.isnan(values["val_loss"])


def test_a_direction_rule_sees_the_batch_of_its_step():
    problem = make(drop_last=False)
    trained = problem.begin(seed=1, batch_size=5)
    objective, theta = trained.objective(), trained.theta.copy()
    first = objective.gradient(theta)
    np.testing.assert_array_equal(first, problem.gradient(theta, problem.batch(1, 1, 5)))
    trained.move(theta - 0.1 * first)
    np.testing.assert_array_equal(objective.gradient(theta), problem.gradient(theta, problem.batch(1, 2, 5)))
    np.testing.assert_array_equal(trained.theta, theta - 0.1 * first)


@pytest.mark.parametrize("dimensions", [2, 10, 30])
def test_the_matrix_of_deepobs_is_symmetric_with_the_eigenvalues_drawn(dimensions):
    matrix = deepobs.matrix(dimensions, 42)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-13)
    drawn = np.random.RandomState(42).random_sample(dimensions)
    drawn[dimensions - dimensions // 10 :] = 30.0 + 30.0 * drawn[dimensions - dimensions // 10 :]
    np.testing.assert_allclose(np.linalg.eigvalsh(matrix), np.sort(drawn), rtol=1e-10)


def test_the_samples_of_deepobs_are_numpys_normal_numbers():
    expected = np.random.RandomState(7).normal(0.0, 0.6, size=(9, 5)).astype(np.float32)
    got = deepobs.samples(9, 5, 0.6, 7)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_steps_and_sizes_that_are_none_are_refused():
    problem = make()
    for step in (0, -1, 1.0, True, "1"):
        with pytest.raises(UsageError, match=r"step = .* the first step is step 1"):
            problem.batch(0, step, 5)
    for size in (0, 24, 2.0, True, "all"):
        with pytest.raises(UsageError, match=r'size = .* from 1 to 23 \(all samples\), or "full"'):
            problem.batch(0, 1, size)
