"""exp, log, tanh and power: within their stated bounds of the exact values, and exact at the special ones."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbench.kernels import elementary
from gdbench.kernels.jit import DISABLED, kernel

FUNCTIONS = {"exp": (elementary.exp, mpmath.exp, 1.0), "log": (elementary.log, mpmath.log, 1.0)}
FUNCTIONS["tanh"] = (elementary.tanh, mpmath.tanh, 2.0)


@kernel(source=None)
def _exp(x, out):
    for i in range(x.size):
        out[i] = elementary.exp(x[i])


@kernel(source=None)
def _log(x, out):
    for i in range(x.size):
        out[i] = elementary.log(x[i])


@kernel(source=None)
def _tanh(x, out):
    for i in range(x.size):
        out[i] = elementary.tanh(x[i])


COMPILED = {"exp": _exp, "log": _log, "tanh": _tanh}


@kernel(source=None)
def _power(x, n):
    return elementary.power(x, n)


def apply(name, values, dtype):
    x = np.array(values, dtype)
    out = np.empty_like(x)
    COMPILED[name](x, out)
    return x, out


def places(name, dtype):
    """Where the functions are checked: the whole range, and densely where reductions switch."""
    rng = np.random.default_rng(1)
    limit = 87.0 if dtype == "float32" else 708.0
    return {
        "exp": [rng.uniform(-limit, limit, 1500), rng.uniform(-1, 1, 500), rng.normal(0, 1e-6, 200)],
        "log": [np.exp(rng.uniform(-limit, limit, 1500)), rng.uniform(0.6, 1.6, 500), 1 + rng.normal(0, 1e-6, 200)],
        "tanh": [rng.normal(0, 3, 1500), rng.uniform(0.55, 0.7, 500), 10.0 ** rng.uniform(-30, 1, 500)],
    }[name]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_is_within_the_stated_bound(name, dtype):
    _, exact, bound = FUNCTIONS[name]
    x, got = apply(name, np.concatenate(places(name, dtype)), dtype)
    with mpmath.workdps(40):
        worst = 0.0
        for xi, yi in zip(x, got, strict=True):
            truth = exact(mpmath.mpf(float(xi)))
            ulp = float(np.spacing(np.abs(np.array(float(truth), dtype))))
            worst = max(worst, abs(float((mpmath.mpf(float(yi)) - truth) / ulp)))
    assert worst <= bound


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_special_values_are_exact(dtype):
    inf, nan = math.inf, math.nan
    table = {
        "exp": ([0.0, -0.0, inf, -inf, nan, 1000.0, -1000.0], [1, 1, inf, 0, nan, inf, 0]),
        "log": ([1.0, 0.0, -0.0, inf, -1.0, -inf, nan], [0, -inf, -inf, inf, nan, nan, nan]),
        "tanh": ([0.0, inf, -inf, nan, 50.0, -50.0], [0, 1, -1, nan, 1, -1]),
    }
    for name, (x, expected) in table.items():
        np.testing.assert_array_equal(apply(name, x, dtype)[1], np.array(expected, dtype))


def test_subnormal_numbers_are_handled():
    _, got = apply("exp", [-100.0], "float32")
    assert got[0] == np.float32(math.exp(-100))
    _, got = apply("log", [1e-40], "float32")
    assert abs(got[0] - math.log(float(np.float32(1e-40)))) < 1e-5
    _, got = apply("log", [1e-310], "float64")
    assert got[0] == pytest.approx(math.log(1e-310), rel=1e-15)


@given(st.floats(min_value=0.0, max_value=1.0), st.integers(min_value=0, max_value=100_000))
def test_power_keeps_its_relative_bound(x, n):
    with mpmath.workdps(40):
        truth = mpmath.mpf(x) ** n
        if truth < mpmath.mpf(2) ** -1000:
            return
        error = abs(mpmath.mpf(_power(x, n)) - truth) / truth
    assert error <= max(n, 1) * 2.0**-53


@pytest.mark.skipif(DISABLED, reason="nothing is compiled in this lane")
def test_float32_loops_hold_no_double():
    apply("exp", [0.5], "float32"), apply("log", [0.5], "float32"), apply("tanh", [0.5], "float32")
    for name, function in COMPILED.items():
        single = [text for signature, text in function.inspect_llvm().items() if signature[0].dtype.name == "float32"]
        assert single and " double " not in single[0], name
