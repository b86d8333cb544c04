"""gdbench.minimize: its frame, its errors, user-written functions, and what direction rules are proved to do."""

import math

import numpy as np
import pytest

import gdbench
from gdbench.errors import UsageError
from gdbench.kernels import RULES, Direction, Rule
from gdbench.kernels.compile.jit import DISABLED

DIRECTIONS = sorted(name for name, rule in RULES.items() if isinstance(rule, Direction))
SCALAR = sorted(name for name, rule in RULES.items() if isinstance(rule, Rule))


def bowl(x):
    return (x[0] - 1.0) ** 2 + 10.0 * (x[1] + 2.0) ** 2


def bowl_gradient(x, t, out):
    out[0] = 2.0 * (x[0] - 1.0)
    out[1] = 20.0 * (x[1] + 2.0)


def bowl_hessian(x, t, out):
    out[0, 0], out[1, 1] = 2.0, 20.0
    out[0, 1] = out[1, 0] = 0.0


def test_the_path_has_a_row_for_the_start_and_every_recorded_step():
    descent = gdbench.minimize("rosenbrock", [-1.2, 1.0], "sgd", lr=1e-3, steps=10, every=4)
    assert list(descent.path.columns) == ["step", "x0", "x1", "value", "grad_norm", "lr"]
    assert descent.path["step"].tolist() == [0, 4, 8, 10]
    assert math.isnan(descent.path["lr"].iloc[0]) and (descent.path["lr"].iloc[1:] == 1e-3).all()
    assert descent.path["value"].iloc[0] == pytest.approx(24.2)
    np.testing.assert_array_equal(descent.x, descent.path[["x0", "x1"]].iloc[-1])
    f = gdbench.problem({"kind": "function", "function": "rosenbrock"})
    for row in descent.path.itertuples():
        assert row.value == f.loss([row.x0, row.x1])
        assert row.grad_norm == pytest.approx(np.linalg.norm(f.gradient([row.x0, row.x1])), rel=1e-14)
    assert descent.status == "exhausted" and descent.gradient_evaluations == 10


@pytest.mark.parametrize("rule", [*SCALAR, *DIRECTIONS])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_rule_descends_and_every_leaves_the_last_step_unchanged(rule, dtype):
    def run(every):
        return gdbench.minimize("booth", [2.0, 2.0], rule, steps=25, every=every, dtype=dtype)

    all_rows, few = run(1), run(10)
    assert all_rows.x.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(all_rows.x, few.x)
    assert len(all_rows.path) == 26 and few.path["step"].tolist() == [0, 10, 20, 25]
    assert all_rows.path["value"].iloc[-1] < all_rows.path["value"].iloc[0]
    np.testing.assert_array_equal(all_rows.path.iloc[[0, 10, 20, 25]].to_numpy(), few.path.to_numpy())


def test_long_descents_run_in_chunks_that_change_nothing(monkeypatch):
    whole = gdbench.minimize("booth", [2.0, 2.0], "adam", steps=100, every=7)
    monkeypatch.setattr("gdbench.runner.descent.CHUNK", 11)
    np.testing.assert_array_equal(gdbench.minimize("booth", [2.0, 2.0], "adam", steps=100, every=7).path, whole.path)


def test_functions_of_the_users_own_run_with_and_without_derivatives():
    exact = gdbench.minimize(bowl, [4.0, 4.0], "newton", grad=bowl_gradient, hess=bowl_hessian, steps=1)
    np.testing.assert_allclose(exact.x, [1.0, -2.0], atol=1e-14)
    np.testing.assert_allclose(gdbench.minimize(bowl, [4.0, 4.0], "newton", steps=3).x, [1.0, -2.0], atol=1e-6)
    with_gradient = gdbench.minimize(bowl, [4.0, 4.0], "sgd", grad=bowl_gradient, lr=0.05, steps=50)
    without = gdbench.minimize(bowl, [4.0, 4.0], "sgd", lr=0.05, steps=50)
    np.testing.assert_allclose(with_gradient.x, without.x, atol=1e-8)
    short = gdbench.minimize(lambda x: x[0] ** 2, 3, grad=lambda x, out: fill(out, 2 * x[0]), lr=0.1, steps=1)
    assert short.x[0] == 3 - 0.1 * 6


def test_a_gradient_of_the_users_own_may_stand_beside_a_shipped_function():
    def noisy(x, t, out):
        out[0] = x[0] + 1.0 / t

    descent = gdbench.minimize(("quadratic", {"condition": 3.0}), [2.0], "sgd", grad=noisy, lr=0.5, steps=2)
    assert descent.path["x0"].tolist() == [2.0, 0.5, 0.0]
    assert descent.path["value"].tolist() == [2.0, 0.125, 0.0]


def test_lookahead_takes_its_inner_rule_by_name():
    inner = gdbench.minimize("booth", [0.0, 0.0], "momentum", lr=0.01, steps=20)
    wrapped = gdbench.minimize("booth", [0.0, 0.0], "lookahead", inner="momentum", alpha=1.0, lr=0.01, steps=20)
    np.testing.assert_array_equal(wrapped.x, inner.x)


def fill(out, value):
    out[0] = value


if not DISABLED:
    import numba

    fill = numba.njit(fill)


def test_a_gradient_may_depend_on_the_step():
    def alternating(x, t, out):
        out[0] = 1.0 if t % 2 else -3.0

    descent = gdbench.minimize(lambda x: x[0], [0.0], "sgd", grad=alternating, lr=1.0, steps=4)
    assert descent.path["x0"].tolist() == [0.0, -1.0, 2.0, 1.0, 4.0]
    assert descent.path["grad_norm"].tolist() == [1.0, 1.0, 3.0, 1.0, 3.0]


def test_bounds_clip_after_each_step():
    descent = gdbench.minimize(lambda x: -x[0] + x[1], [0.0, 0.0], "sgd", lr=1.0, steps=3, bounds=(-2, [1.5, 9]))
    np.testing.assert_allclose(descent.path[["x0", "x1"]], [[0, 0], [1, -1], [1.5, -2], [1.5, -2]], atol=1e-8)
    newton = gdbench.minimize("booth", [0.0, 0.0], "newton", steps=2, bounds=(-1, 2))
    np.testing.assert_allclose(newton.x, [1.0, 2.0])


def test_outside_values_that_change_are_seen():
    scale = 1.0

    def f(x):
        return scale * x[0]

    first = gdbench.minimize(f, [0.0], "sgd", lr=1.0, steps=1).x[0]
    scale = 2.0
    assert gdbench.minimize(f, [0.0], "sgd", lr=1.0, steps=1).x[0] == pytest.approx(2 * first)


def test_noise_is_the_seeds_and_the_steps_own():
    def run(seed, steps=5):
        return gdbench.minimize(("booth", {"noise": 0.5}), [0.0, 0.0], "sgd", lr=0.01, steps=steps, seed=seed)

    np.testing.assert_array_equal(run(1).path, run(1).path)
    assert not np.array_equal(run(1).x, run(2).x)
    plain = gdbench.minimize("booth", [0.0, 0.0], "sgd", lr=0.01, steps=1).x
    drawn = np.array([(run(seed, 1).x - plain) / -0.01 for seed in range(200)])
    assert drawn.mean() == pytest.approx(0, abs=0.08) and drawn.std() == pytest.approx(0.5, abs=0.05)


def test_it_stops_only_at_values_that_are_not_finite():
    up = gdbench.minimize("quadratic", [1.0, 1.0], "sgd", lr=1.0, steps=5000)
    assert up.status == "diverged" and len(up.path) < 5000
    assert not np.isfinite(up.path.iloc[-1][["x0", "x1", "value"]]).all()
    assert np.isfinite(up.path.iloc[:-1][["x0", "x1", "value"]]).all(axis=None)
    still = gdbench.minimize("booth", [1.0, 3.0], "gd-exact", steps=5)
    assert still.status == "stalled" and len(still.path) == 6 and (still.path["value"] == 0).all()


@pytest.mark.parametrize("condition", [1.0, 10.0, 1e4])
@pytest.mark.parametrize("dimension", [1, 2, 9])
def test_newton_solves_any_quadratic_in_one_step(condition, dimension):
    start = np.random.default_rng(dimension).normal(size=dimension)
    for rule in ("newton", "newton-damped"):
        descent = gdbench.minimize(("quadratic", {"condition": condition}), start, rule, steps=1)
        np.testing.assert_allclose(descent.x, 0, atol=1e-15 * condition)


@pytest.mark.parametrize("kappa", [2.0, 10.0, 1000.0])
def test_exact_line_search_contracts_by_the_worst_factor_every_step(kappa):
    path = gdbench.minimize(("quadratic", {"condition": kappa}), [kappa, 1.0], "gd-exact", steps=20).path
    distances = path[["x0", "x1"]].abs().to_numpy()
    np.testing.assert_allclose(distances[1:] / distances[:-1], (kappa - 1) / (kappa + 1), rtol=1e-11)


def test_newton_goes_to_the_saddle_and_damped_newton_past_it():
    assert np.abs(gdbench.minimize("saddle", [1.0, 1e-3], "newton", steps=10).x).max() < 1e-12
    for start in ([1.0, 1e-3], [1.0, 0.0], [0.0, 0.0]):  # the second lies on the way into the saddle, the third in it
        descent = gdbench.minimize("saddle", start, "newton-damped", steps=40)
        np.testing.assert_allclose(np.abs(descent.x), [0.0, 1.0], atol=1e-7)
    for rule in ("newton-damped", "newton-cg", "lbfgs", "gd-armijo"):
        lowest = gdbench.minimize("monkey-saddle", [0.3, 0.2], rule, steps=200)
        assert lowest.path["value"].iloc[-1] == pytest.approx(-0.25, abs=1e-8)


@pytest.mark.parametrize("rule", ["newton-damped", "newton-cg", "lbfgs", "gd-armijo", "gd-exact"])
@pytest.mark.parametrize(
    ("function", "start"), [("rosenbrock", [-1.2, 1.0]), ("beale", [1.0, 1.0]), ("himmelblau", [0.0, 0.0])]
)
def test_searching_rules_never_go_up(rule, function, start):
    descent = gdbench.minimize(function, start, rule, steps=60)
    values = descent.path["value"].to_numpy()
    assert (np.diff(values) <= 1e-12).all()
    if rule in ("newton-damped", "lbfgs"):
        assert descent.path["grad_norm"].iloc[-1] < 1e-7


@pytest.mark.parametrize(
    ("function", "start"), [("ackley", [2.5, 1.5]), ("rastrigin", [2.2, 0.7]), ("quadratic", [1.0, 1.0])]
)
def test_exact_line_search_never_goes_up_and_ends_where_the_gradient_does(function, start):
    path = gdbench.minimize(function, start, "gd-exact", steps=1000).path
    assert np.isfinite(path[["x0", "value"]]).all(axis=None)
    assert (np.diff(path["value"]) <= 1e-14 * path["value"].iloc[0]).all()
    assert path["grad_norm"].iloc[-1] < 1e-6 * path["grad_norm"].iloc[0]


def test_evaluations_are_counted():
    calls = gdbench.minimize("rosenbrock", [-1.2, 1.0], "newton", steps=3)
    assert (calls.gradient_evaluations, calls.function_evaluations) == (3 * (1 + 2), 0)
    again = gdbench.minimize("rosenbrock", [-1.2, 1.0], "lbfgs", steps=20)
    # What a line search found is not asked for again: each point tried costs one value and at most one gradient.
    assert again.gradient_evaluations <= again.function_evaluations <= 40
    calls = gdbench.minimize("booth", [-5.0, 0.0], "gd-armijo", lr=1.0, steps=1)
    # 18 halvings of 1 at most until 1 / L holds: one gradient, the value here and one for each step tried.
    assert calls.gradient_evaluations == 1 and 3 <= calls.function_evaluations <= 20


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (("rosenbrok", [0.0, 0.0]), {}, "did you mean 'rosenbrock'"),
        (("rosenbrock", [0.0]), {}, "dimension = 1 must be a whole number from 2"),
        (("beale", [0.0] * 3), {}, "x0 has 3 numbers; function 'beale' has 2"),
        (("beale", "a"), {}, "x0 = 'a' must be a number or a list"),
        (("beale", [0.0, math.nan]), {}, "x0 ="),
        ((("quadratic", {"conditoin": 3}), [1.0]), {}, "did you mean 'condition'"),
        ((("quadratic", 3), [1.0]), {}, "must be a name, (name, {option: value}) or a function"),
        ((("quadratic", {"noise": -1}), [1.0]), {}, "noise = -1 must be"),
        (("beale", [0.0, 0.0], "adm"), {}, "did you mean 'adam'"),
        (("beale", [0.0, 0.0]), {"steps": 0}, "steps = 0 must be a whole number"),
        (("beale", [0.0, 0.0]), {"every": 0.5}, "every = 0.5 must be"),
        (("beale", [0.0, 0.0]), {"lr": -1}, "lr = -1.0 must be greater than 0"),
        (("beale", [0.0, 0.0]), {"momentun": 0.9}, "no hyperparameter 'momentun'"),
        (("beale", [0.0, 0.0]), {"schedule": "cosin"}, "did you mean 'cosine'"),
        (("beale", [0.0, 0.0]), {"bounds": (1, 0)}, "bounds = (1, 0) must be"),
        (("beale", [0.0, 0.0]), {"bounds": 3}, "bounds = 3 must be a pair"),
        (("beale", [0.0, 0.0]), {"seed": -1}, "seed = -1 must be"),
        (("beale", [0.0, 0.0]), {"dtype": "float16"}, "dtype = 'float16' must be"),
        (("beale", [0.0, 0.0]), {"grad": 3}, "grad = 3 must be a function"),
        ((lambda x, y: x, [0.0]), {}, "takes 2 parameters; write f(x)"),
        ((max, [0.0]), {}, "must be a plain Python function"),
        (("beale", [math.inf, 0.0]), {}, "must be finite"),
        ((lambda x: x[0], [0.0]), {"grad": lambda x, t, out: x}, "grad returns a value; it must write it"),
        ((lambda x: x[0], [0.0]), {"grad": lambda x: x}, "takes 1 parameters; write grad(x, out) or grad(x, t, out)"),
    ],
)
def test_mistakes_are_told_in_one_sentence(arguments, options, words):
    with pytest.raises(UsageError) as caught:
        gdbench.minimize(*arguments, **{"steps": 3, **options})
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.skipif(DISABLED, reason="nothing is compiled in this lane")
def test_what_numba_cannot_compile_names_the_line():
    def bad(x):
        return open(x[0])

    with pytest.raises(
        UsageError, match=r"function 'bad' cannot be compiled by Numba, at .*test_minimize\.py.*line \d+"
    ):
        gdbench.minimize(bad, [0.0], steps=1)
    with pytest.raises(UsageError, match="reach outside a vector of 1"):
        gdbench.minimize(lambda x: x[0] + x[3], [0.0], steps=1)
    with pytest.raises(UsageError, match=r"cannot be compiled"):
        gdbench.minimize(lambda x: x * 2, [0.0], steps=1)  # an array is no value


@pytest.mark.parametrize(
    ("function", "start"),
    [
        ("ripples", [-12.0]),
        ("rosenbrock", [-1.2, 1.0]),
        (("quadratic", {"condition": 5.0}), [1.0, 2.0, 3.0]),
        (bowl, [9.0, 9.0]),
    ],
)
def test_plots_draw_graph_contours_or_values(function, start):
    figure = gdbench.minimize(function, start, "momentum", lr=1e-3, steps=30).plot()
    (ax,) = figure.axes
    assert ax.get_title().startswith("momentum on") and ax.get_xlabel() and ax.get_ylabel()
    path = next(line for line in ax.lines if len(line.get_xdata()) == 31)
    assert np.isfinite(path.get_ydata()).all()


def test_products_use_the_step_as_hessians_do():
    def steeper(x, t, out):
        out[0] = 2.0 * t * x[0]

    def bend(x, t, out):
        out[0, 0] = 2.0 * t

    # At step t the objective is t x^2 wherever it is asked: half of the way is gone at every step.
    path = gdbench.minimize(lambda x: x[0] ** 2, [8.0], "newton-cg", grad=steeper, hess=bend, lr=0.5, steps=3).path
    np.testing.assert_allclose(path["x0"], [8.0, 4.0, 2.0, 1.0])


def test_newton_cg_needs_no_matrix_where_none_would_fit():
    start = np.full(6000, 0.5)
    descent = gdbench.minimize(("quadratic", {"condition": 10.0}), start, "newton-cg", steps=15, every=15)
    assert descent.path["grad_norm"].iloc[-1] < 1e-6 * descent.path["grad_norm"].iloc[0]


def test_one_unlucky_draw_of_noise_ends_no_descent():
    noisy = gdbench.minimize(("booth", {"noise": 5.0}), [0.0, 0.0], "gd-armijo", steps=200)
    assert noisy.status == "exhausted" and noisy.gradient_evaluations == 200


def test_a_point_that_is_not_finite_in_the_last_step_is_divergence():
    def jump(x, t, out):
        out[0] = -1e400 if t == 3 else 0.0

    for steps in (3, 4):
        descent = gdbench.minimize(lambda x: 0.0, [1.0], "sgd", grad=jump, steps=steps)
        assert descent.status == "diverged" and descent.path["step"].tolist() == [0, 1, 2, 3]


def test_rows_far_apart_need_no_memory_between_them(monkeypatch):
    whole = gdbench.minimize("booth", [2.0, 2.0], "adam", steps=100, every=40).path
    monkeypatch.setattr("gdbench.runner.descent.CHUNK", 7)
    np.testing.assert_array_equal(gdbench.minimize("booth", [2.0, 2.0], "adam", steps=100, every=40).path, whole)


def test_exact_search_follows_an_objective_without_a_bound_and_rests_where_it_is_flat():
    down = gdbench.minimize(lambda x: -x[0], [0.0], "gd-exact", steps=1)
    assert down.path["value"].iloc[-1] < -1e15
    assert gdbench.minimize(lambda x: 1e-200 * x[0] ** 2, [1.0], "gd-exact", steps=2).status == "stalled"


def test_a_hessian_that_is_not_finite_stalls_damped_newton():
    def nowhere(x, out):
        out[0, 0] = np.nan

    assert gdbench.minimize(lambda x: x[0] ** 2, [1.0], "newton-damped", hess=nowhere, steps=2).status == "stalled"


@pytest.mark.parametrize("rule", ["gd-armijo", "gd-exact", "lbfgs", "newton-cg", "newton-damped"])
def test_derivatives_that_promise_what_is_not_there_stall_a_search_where_it_is(rule):
    def uphill(x, out):
        out[0] = -1.0

    def bend(x, out):
        out[0, 0] = 2.0

    def dome(x, out):
        out[0, 0] = -1.0

    # At its minimum, a parabola of which one is told that it falls, then that it curves down.
    for told in ({"grad": uphill, "hess": bend}, {"hess": dome}):
        descent = gdbench.minimize(lambda x: x[0] ** 2, [0.0], rule, steps=2, **told)
        assert descent.status == "stalled" and descent.x[0] == 0.0
        assert descent.function_evaluations <= 4 * 60  # a search is given up


def test_exact_search_goes_no_further_than_the_gradient_is_a_number():
    def broken(x, out):
        out[0] = 2.0 * x[0] if x[0] > 0.5 else np.nan

    descent = gdbench.minimize(lambda x: x[0] ** 2, [1.0], "gd-exact", grad=broken, steps=2)
    assert descent.status == "stalled" and descent.x[0] == np.nextafter(0.5, 1.0)


@pytest.mark.skipif(DISABLED, reason="nothing is compiled in this lane")
def test_a_sequence_of_gradients_that_is_too_short_is_told_in_one_sentence():
    prescribed = np.array([1.0, -2.0, 3.0])

    def sequence(x, t, out):
        out[0] = prescribed[t - 1]

    assert gdbench.minimize(lambda x: x[0], [0.0], "sgd", grad=sequence, lr=1.0, steps=3).x[0] == -2.0
    with pytest.raises(UsageError, match="reach outside a vector"):
        gdbench.minimize(lambda x: x[0], [0.0], "sgd", grad=sequence, lr=1.0, steps=4)


def test_rates_beyond_float32_diverge_and_starts_beyond_it_are_refused():
    assert gdbench.minimize("rosenbrock", [0.0, 0.0], "sgd", lr=1e99, steps=3, dtype="float32").status == "diverged"
    with pytest.raises(UsageError, match=r"x0 = .*1e\+39.* holds more than float32 can; use smaller numbers"):
        gdbench.minimize("rosenbrock", [1e39, 0.0], "sgd", steps=3, dtype="float32")


def test_a_sentence_of_ours_within_a_rule_of_the_users_own_stays_as_it_is():
    @gdbench.direction(lr=1.0)
    def greedy(objective, x, c, memory):
        return x - objective.hessian(x) @ x

    try:
        with pytest.raises(UsageError, match=r"^the Hessian of 6,000 parameters"):
            gdbench.minimize("quadratic", np.ones(6000), "greedy", steps=1)
    finally:
        del RULES["greedy"]
