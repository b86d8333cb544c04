"""Our elementary functions: within their stated bounds of the exact values, and exact at the special ones."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbench.kernels.arithmetic import elementary, trigonometry
from gdbench.kernels.compile.jit import DISABLED, kernel

# Each with its exact value, its bound in ULP and the dtypes it has.
BOTH = ("float32", "float64")
FUNCTIONS = {
    "exp": (mpmath.exp, 1.0, BOTH),
    "log": (mpmath.log, 1.0, BOTH),
    "log1p": (mpmath.log1p, 1.0, BOTH),
    "tanh": (mpmath.tanh, 2.0, BOTH),
    "erf": (mpmath.erf, 2.0, BOTH),
    "sin": (mpmath.sin, 1.0, ("float64",)),
    "cos": (mpmath.cos, 1.0, ("float64",)),
}
CASES = [(name, dtype) for name, (_, _, dtypes) in FUNCTIONS.items() for dtype in dtypes]


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


@kernel(source=None)
def _log1p(x, out):
    for i in range(x.size):
        out[i] = elementary.log1p(x[i])


@kernel(source=None)
def _erf(x, out):
    for i in range(x.size):
        out[i] = elementary.erf(x[i])


@kernel(source=None)
def _sin(x, out):
    for i in range(x.size):
        out[i] = trigonometry.sin(x[i])


@kernel(source=None)
def _cos(x, out):
    for i in range(x.size):
        out[i] = trigonometry.cos(x[i])


COMPILED = {"exp": _exp, "log": _log, "log1p": _log1p, "tanh": _tanh, "erf": _erf, "sin": _sin, "cos": _cos}


@kernel(source=None)
def _power(x, n):
    return elementary.power(x, n)


def apply(name, values, dtype):
    x = np.array(values, dtype)
    out = np.empty_like(x)
    COMPILED[name](x, out)
    return x, out


def beside_zeros():
    """The float64 next to multiples of pi/2, where sin or cos is as small as it gets."""
    with mpmath.workdps(40):
        return np.array([float(n * mpmath.pi / 2) for n in [*range(1, 400), *range(10**8, 10**8 + 100)]])


def places(name, dtype):
    """Where the functions are checked: the whole range, and densely where reductions switch."""
    rng = np.random.default_rng(1)
    limit = 87.0 if dtype == "float32" else 708.0
    small = rng.choice([-1, 1], 300) * 10.0 ** rng.uniform(-30, 0, 300)
    return {
        "exp": [rng.uniform(-limit, limit, 1500), rng.uniform(-1, 1, 500), rng.normal(0, 1e-6, 200)],
        "log": [np.exp(rng.uniform(-limit, limit, 1500)), rng.uniform(0.6, 1.6, 500), 1 + rng.normal(0, 1e-6, 200)],
        "log1p": [np.expm1(rng.uniform(-15, limit, 1500)), rng.uniform(-0.999, 1.5, 1500), 0.3 * small],
        "tanh": [rng.normal(0, 3, 1500), rng.uniform(0.55, 0.7, 500), 10.0 ** rng.uniform(-30, 1, 500)],
        "erf": [rng.uniform(-6.5, 6.5, 1500), rng.uniform(0.9, 1.1, 1000), small],
        "sin": [rng.uniform(-10, 10, 1500), rng.uniform(-(2.0**30), 2.0**30, 1000), small, beside_zeros()],
        "cos": [rng.uniform(-10, 10, 1500), rng.uniform(-(2.0**30), 2.0**30, 1000), small, beside_zeros()],
    }[name]


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_error_is_within_the_stated_bound(name, dtype):
    exact, bound, _ = FUNCTIONS[name]
    x, got = apply(name, np.concatenate(places(name, dtype)), dtype)
    with mpmath.workdps(40):
        worst = 0.0
        for xi, yi in zip(x, got, strict=True):
            truth = exact(mpmath.mpf(float(xi)))
            ulp = float(np.spacing(np.abs(np.array(float(truth), dtype))))
            worst = max(worst, abs(float((mpmath.mpf(float(yi)) - truth) / ulp)))
    assert worst <= bound, worst


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_special_values_are_exact(dtype):
    inf, nan = math.inf, math.nan
    table = {
        "exp": ([0.0, -0.0, inf, -inf, nan, 1000.0, -1000.0], [1, 1, inf, 0, nan, inf, 0]),
        "log": ([1.0, 0.0, -0.0, inf, -1.0, -inf, nan], [0, -inf, -inf, inf, nan, nan, nan]),
        "log1p": ([0.0, -0.0, inf, -1.0, -2.0, -inf, nan, 1e-40], [0, 0, inf, -inf, nan, nan, nan, 1e-40]),
        "tanh": ([0.0, inf, -inf, nan, 50.0, -50.0], [0, 1, -1, nan, 1, -1]),
        "erf": ([0.0, inf, -inf, nan, 7.0, -7.0, 1e30], [0, 1, -1, nan, 1, -1, 1]),
        "sin": ([0.0, inf, -inf, nan, 2.0**31, 1e300, 1e-310], [0, nan, nan, nan, nan, nan, 1e-310]),
        "cos": ([0.0, -0.0, inf, -inf, nan, -(2.0**31), 1e300], [1, 1, nan, nan, nan, nan, nan]),
    }
    for name, (x, expected) in table.items():
        if dtype not in FUNCTIONS[name][2]:
            continue
        np.testing.assert_array_equal(apply(name, x, dtype)[1], np.array(expected, dtype))


@pytest.mark.parametrize(("name", "dtype"), [*((n, d) for n in ("tanh", "erf") for d in BOTH), ("sin", "float64")])
def test_odd_functions_are_odd_to_the_bit(name, dtype):
    x = np.concatenate(places(name, dtype))
    np.testing.assert_array_equal(apply(name, -x, dtype)[1], -apply(name, x, dtype)[1])


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
    for name in (name for name, dtype in CASES if dtype == "float32"):
        apply(name, [0.5], "float32")
        function = COMPILED[name]
        single = [text for signature, text in function.inspect_llvm().items() if signature[0].dtype.name == "float32"]
        assert single and " double " not in single[0], name
