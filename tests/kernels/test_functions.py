"""Test functions: gradients and Hessians against differences, known minimisers, and functions of the user's own."""

import numpy as np
import pytest

import gdbench
from gdbench.errors import UsageError
from gdbench.kernels import FUNCTIONS
from gdbench.kernels.functions.contract import find

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


@pytest.mark.parametrize("name", SHIPPED)
def test_derivatives_write_all_of_what_they_are_given(name):
    function = find(name)
    x, options = points(name, function.dimension)[0], np.array([*function.options.values()])
    for derivative, shape in ((function.compiled.gradient, x.size), (function.compiled.hessian, (x.size, x.size))):
        empty, full = np.zeros(shape), np.full(shape, np.nan)
        derivative(x, 1, options, empty)
        derivative(x, 1, options, full)
        np.testing.assert_array_equal(full, empty)


# Each function's formula once more, as NumPy would write it.
FORMULAS = {
    "quadratic": lambda x: 0.5 * np.sum(np.geomspace(1.0, 100.0, x.size) * x**2),
    "rosenbrock": lambda x: np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2),
    "beale": lambda x: sum((s - x[0] + x[0] * x[1] ** k) ** 2 for k, s in enumerate((1.5, 2.25, 2.625), 1)),
    "himmelblau": lambda x: (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2,
    "booth": lambda x: (x[0] + 2 * x[1] - 7) ** 2 + (2 * x[0] + x[1] - 5) ** 2,
    "rastrigin": lambda x: 10.0 * x.size + np.sum(x**2 - 10.0 * np.cos(2 * np.pi * x)),
    "ackley": lambda x: (
        20.0 + np.e - 20.0 * np.exp(-0.2 * np.sqrt(np.mean(x**2))) - np.exp(np.mean(np.cos(2 * np.pi * x)))
    ),
    "styblinski-tang": lambda x: 0.5 * np.sum(x**4 - 16 * x**2 + 5 * x),
    "saddle": lambda x: 0.5 * (x[0] ** 2 - x[1] ** 2) + 0.25 * x[1] ** 4,
    "monkey-saddle": lambda x: x[0] ** 3 - 3 * x[0] * x[1] ** 2 + 0.75 * (x @ x) ** 2,
    "plateau": lambda x: (x @ x) / (1 + x @ x),
    "double-well": lambda x: x[0] ** 4 / 4 - x[0] ** 3 / 6 - 0.75 * x[0] ** 2,
    "ripples": lambda x: x[0] ** 2 / 40 + 1 - np.cos(x[0]),
    "gramacy-lee": lambda x: np.sin(10 * np.pi * x[0]) / (2 * x[0]) + (x[0] - 1) ** 4,
}


def test_every_function_has_its_formula_here():
    assert set(FORMULAS) == set(SHIPPED)


@pytest.mark.parametrize(("name", "dimension"), [case for case in CASES if case != ("quadratic", 1)])
def test_values_follow_the_formula(name, dimension):
    f = problem(name, dimension)
    for x in points(name, dimension):
        assert f.loss(x) == pytest.approx(FORMULAS[name](x), rel=1e-12, abs=1e-12)


# Dimension, least dimension, domain, start and options of each function.
DESCRIBED = {
    "quadratic": (2, 1, (-5.0, 5.0), (1.0,), {"condition": 100.0}),
    "rosenbrock": (2, 2, (-2.5, 2.5), (-1.2, 1.0), {"b": 100.0}),
    "beale": (2, None, (-4.5, 4.5), (1.0, 1.0), {}),
    "himmelblau": (2, None, (-5.0, 5.0), (0.0, 0.0), {}),
    "booth": (2, None, (-10.0, 10.0), (-5.0, -5.0), {}),
    "rastrigin": (2, 1, (-5.12, 5.12), (2.2,), {"amplitude": 10.0}),
    "ackley": (2, 1, (-5.0, 5.0), (2.5, 1.5), {"a": 20.0, "b": 0.2}),
    "styblinski-tang": (2, 1, (-5.0, 5.0), (0.5,), {}),
    "saddle": (2, None, (-2.0, 2.0), (1.0, 0.001), {}),
    "monkey-saddle": (2, None, (-1.5, 1.5), (0.9, 0.01), {}),
    "plateau": (2, 1, (-10.0, 10.0), (4.0, 3.0), {}),
    "double-well": (1, None, (-2.0, 2.5), (-1.8,), {}),
    "ripples": (1, None, (-15.0, 15.0), (-9.0,), {}),
    "gramacy-lee": (1, None, (0.5, 2.5), (0.9,), {}),
}


@pytest.mark.parametrize("name", SHIPPED)
def test_functions_are_described_as_here_and_write_both_derivatives(name):
    f = find(name)
    assert (f.dimension, f.least, f.domain, f.start_point, f.options) == DESCRIBED[name]
    assert f.written_gradient is not None and f.written_hessian is not None


@pytest.mark.parametrize("name", SHIPPED)
def test_known_points_are_stationary_and_of_the_kind_they_are_called(name):
    function = find(name)
    f, n = problem(name), function.dimension
    kinds = (function.global_minimisers, function.local_minimisers, function.saddles)
    lowest, local, saddles = ([np.resize(point, n) for point in kind] for kind in kinds)
    assert lowest, "every shipped function's minimum is known"
    assert len({point for kind in kinds for point in kind}) == sum(len(kind) for kind in kinds)
    for x in (*lowest, *local, *saddles):
        assert np.linalg.norm(f.gradient(x)) < 1e-5
    least = f.loss(lowest[0])
    for x in (*lowest, *local):
        assert name == "ackley" or np.linalg.eigvalsh(f.hessian(x))[0] > 0
        assert f.loss(x) == pytest.approx(least, abs=1e-8) or any(x is other for other in local)
    for x in saddles:
        assert np.linalg.eigvalsh(f.hessian(x))[0] <= 1e-9
    around = np.random.default_rng(0).uniform(*function.domain, size=(2000, n))
    assert min(f.loss(x) for x in around) >= least - 1e-9


@pytest.mark.parametrize("condition", [3.0, 100.0, 1e4, 12345.6])
def test_the_ends_of_the_quadratics_spectrum_are_exact(condition):
    spectrum = np.diag(problem("quadratic", 5, condition=condition).hessian(np.ones(5)))
    assert spectrum[0] == 1.0 and spectrum[-1] == condition


def test_the_derivatives_of_ackleys_cone_count_as_0_where_its_radius_is_0():
    f = problem("ackley")
    np.testing.assert_array_equal(f.gradient(np.zeros(2)), np.zeros(2))
    np.testing.assert_array_equal(f.hessian(np.zeros(2)), np.zeros((2, 2)))
    x = np.array([1e-200, -1e-200])  # whose squares are 0: the ripples are left
    np.testing.assert_allclose(f.gradient(x), np.e / 2 * (2 * np.pi) ** 2 * x, rtol=1e-14)


def test_options_and_dimensions_that_make_no_sense_are_refused():
    for options, words in (
        ({"dimension": 0}, "dimension = 0 must be a whole number from 1"),
        ({"condition": -5.0}, "condition = -5.0 must be greater than 0"),
        ({"conditon": 5.0}, "did you mean 'condition'"),
    ):
        with pytest.raises(UsageError, match=words):
            find("quadratic").with_defaults(options)


def register(function, **fields):
    try:
        return gdbench.function("mine", **fields)(function)
    finally:
        FUNCTIONS.pop("mine", None)


def test_a_function_of_the_users_own_may_have_options_called_like_hyperparameters():
    def f(x, c):
        return c.alpha * x[0] ** 2 + c.k

    mine = register(f, dimension=1, alpha=2.0, k=0.5)
    assert mine.with_defaults({}) == {"dimension": 1, "alpha": 2.0, "k": 0.5}
    assert mine.compiled.value(np.array([3.0]), np.array([2.0, 0.5])) == 18.5
    out = np.zeros(1)
    mine.compiled.gradient(np.array([3.0]), 1, np.array([2.0, 0.5]), out)
    assert out[0] == pytest.approx(12.0, rel=1e-8)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"domain": 5}, "domain = 5 must be two numbers"),
        ({"domain": (1.0, 1.0)}, "the lower one first"),
        ({"dimension": 2, "least": 3}, "least = 3 must be a whole number from 1 to its dimension 2"),
        ({"dimension": "2"}, "dimension = '2' must be"),
        ({"start": (9.0,)}, "lies outside its domain"),
        ({"noise": 1.0}, "'noise' cannot name an option"),
    ],
)
def test_a_function_that_is_wrongly_described_says_why(fields, words):
    with pytest.raises(UsageError, match=words):
        register((lambda x, c: x[0]) if "noise" in fields else (lambda x: x[0]), **fields)
    with pytest.raises(UsageError, match=r"write @function\(dimension=2\) above problem"):
        gdbench.function(problem)


def test_at_the_cusp_of_ackley_the_derivatives_count_as_zero():
    f = problem("ackley", 3)
    assert f.loss(np.zeros(3)) == 0.0
    assert not f.gradient(np.zeros(3)).any() and not f.hessian(np.zeros(3)).any()


def test_a_start_that_is_drawn_lies_in_the_domain_and_is_the_seeds_own():
    f = problem("beale", start="random")
    low, high = find("beale").domain
    drawn = np.array([f.initial(seed) for seed in range(50)])
    assert (low <= drawn).all() and (drawn <= high).all() and drawn.std() > 0.2 * (high - low)
    np.testing.assert_array_equal(f.initial(3), drawn[3])
    assert len(np.unique(drawn)) == drawn.size


def test_products_are_differences_of_gradients_where_the_matrix_would_not_fit(monkeypatch):
    f, (x, v, *_) = problem("rosenbrock", 5), points("rosenbrock", 5)
    expected = f.hessian(x) @ v
    monkeypatch.setattr("gdbench.kernels.arithmetic.linear.MAX_ORDER", 4)
    with pytest.raises(UsageError, match="the Hessian of 5 parameters"):
        f.hessian(x)
    np.testing.assert_allclose(f.product(x, v), expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    np.testing.assert_array_equal(f.product(x, np.zeros(5)), np.zeros(5))


def test_a_function_has_one_row_and_an_epoch_is_one_step():
    f = problem("booth")
    assert f.n == f.steps_per_epoch(1) == 1
    np.testing.assert_array_equal(f.batch(0, 7, "full"), [0])


def test_a_fingerprint_tells_written_derivatives_apart():
    def made(factor, name):
        def f(x):
            return x[0] ** 2

        def derivative(x, out):
            out[:] = factor

        mine = register(f, dimension=1)
        getattr(mine, name)(derivative)
        return mine.fingerprint

    assert all(made(2.0, name) == made(2.0, name) != made(3.0, name) for name in ("gradient", "hessian"))
