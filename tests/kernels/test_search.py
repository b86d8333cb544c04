"""Line searches: what each promises holds at every point that it accepts, on every function and network."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from networks import make

import gdbench
from gdbench.kernels import RULES
from gdbench.kernels.arithmetic.linear import dot
from gdbench.kernels.directions import search
from gdbench.kernels.directions.objective import Objective
from gdbench.kernels.functions.contract import FUNCTIONS

NETWORKS = [
    (activation, loss, hidden)
    for activation, hidden in (("tanh", (5,)), ("sigmoid", (7, 3)), ("gelu", (5,)), ("identity", ()))
    for loss in ("cross-entropy", "binary-cross-entropy", "mse", "huber")
]
KINKED = [("relu", "cross-entropy", (5,)), ("leaky-relu", "mse", (7, 3)), ("relu", "huber", (4, 6, 5))]
DTYPES = ("float32", "float64")
STEPS = 3


def objective(problem):
    """What a step of all samples minimises."""
    dtype = problem.dtype
    return Objective(
        problem.loss,
        lambda x: problem.gradient(x).astype(dtype),
        lambda x: problem.hessian(x).astype(dtype),
        lambda x, v: problem.product(x, v).astype(dtype),
    )


def problems(dtype, networks=NETWORKS):
    """Every shipped function from three starts, and networks: a name, the problem and a start each."""
    rng = np.random.default_rng(3)
    for name, known in FUNCTIONS.items():
        problem = gdbench.problem({"kind": "function", "function": name})
        problem.dtype = dtype
        drawn = rng.uniform(*known.domain, (2, known.dimension))
        for start in (known.start(known.dimension), drawn[0], np.round(drawn[1])):  # lattice points, too
            yield name, problem, start.astype(dtype)
    for activation, loss, hidden in networks:
        problem = make(dtype, activation=activation, loss=loss, hidden=hidden, l2=0.01)
        yield f"{activation} {loss} {hidden}", problem, problem.initial(1)


def steepest(problem, start):
    """The first points of gradient descent by `exact`, each with the direction, its slope and the step."""
    seen, x = objective(problem), start
    for _ in range(STEPS):
        d = -seen.gradient(x)
        slope = dot(d, -d)
        if not -slope > 1e-9:  # as good as there: the gradient is rounding
            return
        step = search.exact(seen, x, d, slope)
        yield x, d, slope, step
        x = x + x.dtype.type(step) * d


def test_exact_ends_where_the_slope_vanishes_wherever_the_loss_is_smooth():
    for name, problem, start in problems("float64"):
        for x, d, slope, step in steepest(problem, start):
            assert abs(problem.gradient(x + step * d) @ d) <= 1e-8 * abs(slope), (name, start, step)


def test_exact_ends_at_the_first_minimiser():
    for name, problem, start in problems("float64"):
        for x, d, slope, step in steepest(problem, start):
            tried = np.concatenate([np.geomspace(1e-5, 1e-2, 10), np.linspace(1e-2, 1.0 - 1e-5, 60)]) * step
            slopes = [problem.gradient(x + part * d) @ d for part in tried]
            assert max(slopes) < 1e-12 * abs(slope), (name, start, step)


@pytest.mark.parametrize("dtype", DTYPES)
def test_exact_ends_within_the_resolution_of_a_change_of_sign_in_float32_and_at_kinks(dtype):
    for name, problem, start in problems(dtype, [*NETWORKS, *KINKED]):
        for x, d, slope, step in steepest(problem, start):
            number = x.dtype.type
            here = [np.nextafter(number(step), number(0)), number(step), np.nextafter(number(step), number(np.inf))]
            slopes = [dot(problem.gradient(x + s * d).astype(dtype), d) for s in here]
            turns = slopes[1] == 0 or min(slopes[:2]) < 0 <= slopes[1] or slopes[1] < 0 <= slopes[2]
            assert turns or (dtype == "float64" and abs(slopes[1]) <= 1e-8 * abs(slope)), (name, start, step, slopes)


@pytest.mark.parametrize(("start", "step", "value"), [((0.742, 0.602), 1.540e-3, 0.05473), ((-1.2, 1.0), None, 4.128)])
def test_exact_finds_rosenbrocks_first_minimisers(start, step, value):
    descent = gdbench.minimize("rosenbrock", start, "gd-exact", steps=1)
    assert descent.path["value"].iloc[1] == pytest.approx(value, abs=5e-6 if step else 5e-4)
    if step:
        gone = np.linalg.norm(descent.x - start) / descent.path["grad_norm"].iloc[0]
        assert gone == pytest.approx(step, abs=5e-7)


@pytest.mark.parametrize("start", [-14.0, -9.0, -3.3, 2.0, 5.0, 11.0])
def test_exact_jumps_over_no_minimum_of_a_wave(start):
    # Between two maxima of 1 - cos x there is one minimum, and no slope leads out of there.
    x = gdbench.minimize("ripples", [start], "gd-exact", steps=1).x[0]
    d = -(start / 20 + np.sin(start))
    tried = start + np.linspace(0.0, 1.0, 2001)[1:-3] * (x - start)
    assert (d * (tried / 20 + np.sin(tried)) < 0).all()


def line(value, gradient, curvature, dtype="float64"):
    """A function of one number."""
    return Objective(
        lambda x: float(value(x[0])),
        lambda x: np.array([gradient(x[0])], dtype),
        lambda x: np.array([[curvature(x[0])]], dtype),
        lambda x, v: np.array([curvature(x[0])], dtype) * v,
    )


UNBOUNDED = {
    "straight": (lambda x: -x, lambda x: -1.0, lambda x: 0.0, 2.0**60),
    "ever steeper": (lambda x: -x * x, lambda x: -2.0 * x, lambda x: -2.0, 2.0**60),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNBOUNDED)
def test_exact_goes_two_to_the_sixty_of_its_scale_where_nothing_bounds_the_descent(name, dtype):
    *parts, longest = UNBOUNDED[name]
    seen, x = line(*parts, dtype), np.ones(1, dtype)
    slope = -1.0 if name == "straight" else -2.0
    scale = 1.0  # |slope / curvature|, 1 on a straight line
    assert search.exact(seen, x, np.ones(1, dtype), slope) == longest * scale


def test_exact_accepts_no_point_that_is_not_finite():
    with np.errstate(all="ignore"):
        falling = line(lambda x: -np.exp(x), lambda x: -np.exp(x), lambda x: -np.exp(x))
        step = search.exact(falling, np.zeros(1), np.ones(1), -1.0)
        assert np.isfinite(np.exp(step)) and np.isinf(np.exp(np.nextafter(step, np.inf)))
        barrier = line(lambda x: x - np.log(x), lambda x: 1 - 1 / x, lambda x: 1 / x**2)
        assert search.exact(barrier, np.array([5.0]), np.array([-0.8]), -0.64) == pytest.approx(5.0)
        domain = line(lambda x: x if x > 1 else np.nan, lambda x: 1.0 if x > 1 else np.nan, lambda x: 0.0)
        step = search.exact(domain, np.array([3.0]), np.array([-1.0]), -1.0)
        assert 3.0 - step > 1.0 and 3.0 - step - 1.0 < 1e-15 * 3


@pytest.mark.parametrize("slope", [0.0, 1.0, math.nan, math.inf, -math.inf])
def test_no_search_leaves_a_point_whose_slope_does_not_lead_down(slope):
    seen, x, d = line(lambda x: x * x, lambda x: 2 * x, lambda x: 2.0), np.ones(1), np.ones(1)
    assert search.exact(seen, x, d, slope) == 0.0
    assert search.backtrack(seen, x, d, 1.0, slope, step=1.0, decrease=1e-4, shrink=0.5) is None
    assert search.wolfe(seen, x, d, 1.0, slope, step=1.0, decrease=1e-4, curvature=0.9) is None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [1e-300, 1e-40, 1e-20, 1.0, 1e30, 1e300])
def test_exact_ends_whatever_the_scale(scale, dtype):
    # A line whose slope is -1 here and whose curvature is 1 / scale, with and without a limit.
    with np.errstate(all="ignore"):
        seen = line(lambda x: 0.5 * x * x / scale - x, lambda x: x / scale - 1.0, lambda x: 1.0 / scale, dtype)
        for longest in (math.inf, 1.0, 1e-320, 0.0):
            step = search.exact(seen, np.zeros(1, dtype), np.ones(1, dtype), -1.0, longest=longest)
            assert 0.0 <= step <= max(longest, 0.0)
            if math.isinf(longest) and np.finfo(dtype).tiny < scale < np.finfo(dtype).max:
                assert step == pytest.approx(scale, rel=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", ["gd-armijo", "gd-exact", "lbfgs", "newton", "newton-cg", "newton-damped"])
@pytest.mark.parametrize("size", [1e9, 1e18, 1e30])
def test_searches_end_where_gradients_overflow(size, rule, dtype):
    for start in ([size, -size], [size, size]):
        descent = gdbench.minimize("rosenbrock", start, rule, steps=3, dtype=dtype)
        assert descent.status in ("exhausted", "stalled", "diverged")


def test_searches_find_quadratics_at_once():
    for condition in (1.0, 10.0, 1e4):
        descent = gdbench.minimize(("quadratic", {"condition": condition}), [3.0, 1.0], "gd-exact", steps=1)
        assert descent.gradient_evaluations == 3  # here, the curvature, and there


def promised(start, least, dtype):
    """Whether a value is at most start - least, but for rounding."""
    return lambda value: value <= start - least + 2.0 * np.finfo(dtype).eps * abs(start)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("step", [1.0, 1e-3, 1e30])
def test_backtracking_takes_the_first_step_of_its_sequence_that_brings_enough(dtype, step):
    decrease, shrink = 0.1, 0.5
    for name, problem, start in problems(dtype, [*NETWORKS, *KINKED]):
        with np.errstate(all="ignore"):
            seen, d = objective(problem), -problem.gradient(start).astype(dtype)
            value, slope = problem.loss(start), dot(d, -d)
            there = search.backtrack(seen, start, d, value, slope, step=step, decrease=decrease, shrink=shrink)
            lengths = [step * shrink**k for k in range(60)]
            enough = (
                point
                for length in lengths
                if promised(value, -decrease * length * slope, dtype)(problem.loss(point := start + length * d))
                and np.isfinite(problem.loss(point))
                and (point != start).any()
            )
            expected = next(enough, None) if slope < 0 else None
        assert (there is None) == (expected is None), (name, start)
        if there is not None:
            np.testing.assert_array_equal(there, expected, err_msg=name)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("step", [1.0, 1e-6, 1e6])
def test_wolfe_steps_meet_both_conditions_and_bring_the_gradient(dtype, step):
    decrease, curvature, found = 1e-4, 0.9, 0
    for name, problem, start in problems(dtype, [*NETWORKS, *KINKED]):
        with np.errstate(all="ignore"):
            seen, d = objective(problem), -problem.gradient(start).astype(dtype)
            value, slope = problem.loss(start), dot(d, -d)
            reached = search.wolfe(seen, start, d, value, slope, step=step, decrease=decrease, curvature=curvature)
        if reached is None:
            continue
        found += 1
        there, gradient = reached
        gone = float((there - start) @ d) / float(d @ d)
        slack = (2.0 * np.finfo(dtype).eps + 1e-6) * abs(value)
        assert problem.loss(there) <= value + decrease * gone * slope + slack, (name, start)
        assert dot(gradient, d) >= curvature * slope, (name, start)
        np.testing.assert_array_equal(gradient, problem.gradient(there).astype(dtype), err_msg=name)
    assert found >= 50


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", ["gd-armijo", "gd-exact", "lbfgs", "newton-cg", "newton-damped"])
def test_searching_rules_accept_only_finite_points_that_are_no_higher(rule, dtype):
    function, defaults = RULES[rule].function, RULES[rule].defaults
    for name, problem, start in problems(dtype, [*NETWORKS[::3], *KINKED]):
        seen, x, memory = objective(problem), start, {}
        for _ in range(STEPS):
            with np.errstate(all="ignore"):
                there = function(seen, x.copy(), SimpleNamespace(**defaults), memory)
            if there is None:
                break
            before, after = problem.loss(x), problem.loss(there)
            assert np.isfinite(there).all() and np.isfinite(after), (name, start)
            assert after <= before + 64 * np.finfo(dtype).eps * abs(before), (name, start)
            x = there
