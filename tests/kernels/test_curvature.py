"""Hessians and their products: the derivatives of gradients, symmetric, and the same bits on every machine."""

import json
import math
import os
import subprocess
import sys

import networks
import numpy as np
import pytest
from networks import make

import gdbench
from gdbench.errors import UsageError
from gdbench.kernels.arithmetic.linear import MAX_ORDER
from gdbench.kernels.compile.jit import DISABLED
from gdbench.kernels.networks.activations import ACTIVATIONS
from gdbench.kernels.networks.losses import LOSSES
from gdbench.kernels.networks.network import BLOCK


@pytest.mark.parametrize("batch", [1, 7, BLOCK + 5])
@pytest.mark.parametrize(("activation", "loss", "hidden", "l2"), networks.CASES)
def test_products_and_hessians_are_the_derivatives_of_gradients(activation, loss, hidden, l2, batch):
    problem = make(n=BLOCK + 5, hidden=hidden, activation=activation, loss=loss, l2=l2)
    theta, work = problem.initial(1) + 0.05, problem.workspace()
    rows = None if batch == problem.n else problem.batch(0, 2, batch)
    hessian = problem.hessian(theta, rows, work)
    np.testing.assert_array_equal(hessian, hessian.T)
    size = max(1.0, np.abs(hessian).max())
    h = 1e-6
    for direction in np.random.default_rng(5).normal(size=(3, problem.size)):
        direction /= np.linalg.norm(direction)
        product = problem.product(theta, direction, rows, work).copy()
        ahead, behind = (problem.gradient(theta + s * direction, rows) for s in (h, -h))
        np.testing.assert_allclose(product, (ahead - behind) / (2 * h), atol=2e-8 * size)
        np.testing.assert_allclose(product, hessian @ direction, rtol=1e-10, atol=1e-13 * size)


@pytest.mark.parametrize(("activation", "loss", "hidden", "l2"), networks.CASES)
def test_float32_follows_float64(activation, loss, hidden, l2):
    single, double = (make(d, hidden=hidden, activation=activation, loss=loss, l2=l2) for d in ("float32", "float64"))
    theta = single.initial(0)
    got, expected = single.hessian(theta), double.hessian(theta.astype(float))
    assert got.dtype == np.float32
    assert np.abs(got - expected).max() <= 5e-5 * np.abs(expected).max()


def test_two_classes_with_one_output_have_the_hessian_of_logistic_regression():
    problem = gdbench.problem({"kind": "mlp", "dataset": "breast-cancer", "hidden": [], "l2": 0.1})
    theta = problem.initial(0)
    x = np.column_stack([problem.x, np.ones(problem.n)])
    p = 1 / (1 + np.exp(-x @ theta))
    expected = (x.T * (p * (1 - p))) @ x / problem.n + 0.1 * np.diag([*np.ones(problem.size - 1), 0.0])
    np.testing.assert_allclose(problem.hessian(theta), expected, rtol=1e-10, atol=1e-14)


def test_the_order_of_rows_counts_only_in_the_last_bits_and_repeats_count_twice():
    problem = make(n=30)
    theta = problem.initial(0)
    turned = problem.hessian(theta, np.arange(30)[::-1])
    np.testing.assert_allclose(turned, problem.hessian(theta), rtol=1e-9, atol=1e-15)
    twice = problem.hessian(theta, np.repeat(np.arange(30), 2))
    np.testing.assert_allclose(twice, problem.hessian(theta), rtol=1e-9, atol=1e-15)


def test_a_workspace_that_is_kept_changes_no_bit_and_products_leave_the_gradient_alone():
    problem = make(activation="gelu", l2=0.1)
    theta, work = problem.initial(0), problem.workspace()
    gradient = problem.gradient(theta, None, work)
    kept = gradient.copy()
    once = problem.product(theta, gradient, None, work)
    assert once is work.tangents.product
    np.testing.assert_array_equal(once, problem.product(theta, kept))
    second = problem.product(theta, problem.product(theta, kept))
    np.testing.assert_array_equal(problem.product(theta, once, None, work), second)  # of its own result
    problem.hessian(theta, None, work)
    np.testing.assert_array_equal(work.gradient, kept)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_a_direction_that_is_not_finite_gives_nan(activation, loss):
    problem = make(n=7, activation=activation, loss=loss)
    direction = np.zeros(problem.size)
    direction[0] = math.nan
    assert np.isnan(problem.product(problem.initial(0), direction)).any()


def test_what_is_too_large_or_no_vector_is_refused():
    problem = gdbench.problem({"kind": "mlp", "dataset": "digits", "hidden": [100]})
    assert problem.size == 7510 > MAX_ORDER
    theta = problem.initial(0)
    with pytest.raises(UsageError, match=r"Hessian of 7,510 parameters has .* elements, 0\.4 GB; .*newton-cg or lbfgs"):
        problem.hessian(theta)
    assert problem.product(theta, theta, [0, 1]).shape == theta.shape
    with pytest.raises(UsageError, match="direction has shape"):
        problem.product(theta, theta[1:])
    with pytest.raises(UsageError, match="direction has dtype"):
        problem.product(theta, theta.astype(complex))
    with pytest.raises(UsageError, match="rows must be"):
        problem.product(theta, theta, [])


LANE = """
import json, sys
sys.path.insert(0, {tests!r})
from gdbench.kernels.networks import network
if {block}:
    network.BLOCK = {block}
import networks
print(json.dumps(networks.numbers(networks.CASES[:: {every}], n={n}, hessians={hessians}, dtypes={dtypes})))
"""


def lane(*, every=1, n=40, hessians=True, block=0, dtypes=("float32", "float64"), **environment):
    """What a process of its own finds for every case, or for each so many; block: samples a block."""
    code = LANE.format(
        tests=os.path.dirname(os.path.dirname(__file__)),
        every=every,
        n=n,
        hessians=hessians,
        block=block,
        dtypes=dtypes,
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, **environment}
    )
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(DISABLED, reason="nothing is compiled in this lane")
def test_avx2_code_gives_the_same_bits():
    features = "+avx2,+fma,+avx,+sse4.2,+sse4.1,+ssse3,+sse3,+sse2,+popcnt,+bmi,+bmi2"
    # One dtype, since it all has to be compiled anew; the digests of the suite `regression` speak for the other.
    other = lane(dtypes=("float32",), NUMBA_CPU_NAME="haswell", NUMBA_CPU_FEATURES=features)
    assert other == networks.numbers(networks.CASES, n=40, hessians=True, dtypes=("float32",))


@pytest.mark.slow
def test_without_the_compiler_numbers_agree_to_rounding_and_blocks_change_no_bit():
    plain = lane(every=5, n=7, hessians=False, NUMBA_DISABLE_JIT="1")
    assert lane(every=5, n=7, hessians=False, block=3, NUMBA_DISABLE_JIT="1") == plain
    for key, expected in networks.numbers(networks.CASES[::5], n=7, hessians=False).items():
        bound = (1e-5 if key.startswith("float32") else 1e-13) * max(map(abs, expected))
        np.testing.assert_allclose(plain[key], expected, atol=bound, rtol=0)
