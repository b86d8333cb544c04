"""Products, sums and networks against slow references, to the bit where bits are promised."""

import itertools
import math
from concurrent.futures import ThreadPoolExecutor

import networks
import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import make

import gdbench
from gdbench.errors import UsageError
from gdbench.kernels import MLP, Samples
from gdbench.kernels.arithmetic import arrays
from gdbench.kernels.arithmetic.products import add_column_sums, add_product, biased_product, column_sums, product
from gdbench.kernels.arithmetic.sums import norm, ordered_sum
from gdbench.kernels.arithmetic.team import Team, Worker, barrier, share
from gdbench.kernels.compile.jit import DISABLED, kernel
from gdbench.kernels.directions.stepper import begin
from gdbench.kernels.networks import network
from gdbench.kernels.networks.activations import ACTIVATIONS
from gdbench.kernels.networks.losses import LOSSES, NUMBERS
from gdbench.kernels.rules.registry import find
from gdbench.kernels.rules.stepper import ScalarStepper


@kernel(source=None)
def _products(a, b, bias, sums, biased, fresh):
    add_product(a, b, sums)
    biased_product(a, b, bias, biased)
    product(a, b, fresh)


@kernel(source=None)
def _column_sums(b, more, fresh):
    add_column_sums(b, more)
    column_sums(b, fresh)


@kernel(source=None)
def _barriers(worker, count):
    for _ in range(count):
        barrier(worker)


@kernel(source=None)
def _sum(x):
    return ordered_sum(x, x.size)


@kernel(source=None)
def _norm(x):
    return norm(x)


def chained(a, b, start):
    """start + a b, in order of k with one fused multiply-add each."""
    out = start.copy()
    for i, j in np.ndindex(out.shape):
        for k in range(a.shape[1]):
            out[i, j] = reference.fma(a[i, k], b[k, j], out[i, j])
    return out


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(max_examples=30)
@given(
    st.integers(1, 19), st.integers(1, 19), st.integers(1, 40), st.booleans(), st.booleans(), st.integers(0, 2**32 - 1)
)
def test_products_add_in_order_of_k_with_one_fma_each(dtype, rows, depth, columns, a_turned, b_turned, seed):
    rng = np.random.default_rng(seed)
    a, b, c = (rng.normal(size=s).astype(dtype) for s in ((rows, depth), (depth, columns), (rows, columns)))
    given_a, given_b = (np.asfortranarray(x) if turned else x for x, turned in ((a, a_turned), (b, b_turned)))
    sums, biased, fresh = c.copy(), np.empty_like(c), np.empty_like(c)
    _products(given_a, given_b, c[0], sums, biased, fresh)
    expected = [chained(a, b, start) for start in (c, np.broadcast_to(c[0], c.shape), np.zeros_like(c))]
    # Plain Python has no fused multiply-add of float64.
    bound = 1e-14 if DISABLED and dtype == "float64" else 0
    np.testing.assert_allclose([sums, biased, fresh], expected, rtol=bound, atol=bound)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("shape", [(33, 257, 300), (40, 513, 17), (1, 700, 64), (1, 300, 401), (70, 1, 260)])
def test_long_and_wide_products_are_short_ones_put_together(shape, turned):
    rows, depth, columns = shape
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(rows, depth)).astype("float32"), rng.normal(size=(depth, columns)).astype("float32")
    expected, biased, whole = (np.zeros((rows, columns), "float32") for _ in range(3))
    for k in range(depth):
        _products(a[:, k : k + 1].copy(), b[k : k + 1].copy(), b[0].copy(), expected, biased, whole)
    _products(a, np.asfortranarray(b) if turned else b, b[0].copy(), biased.copy(), biased, whole)
    np.testing.assert_array_equal(whole, expected)


@pytest.mark.parametrize("columns", [1, 10, 77, 300])
def test_sums_of_columns_add_row_after_row(columns):
    b = np.random.default_rng(0).normal(size=(41, columns)).astype("float32")
    more, fresh = b[:1].copy(), np.empty((1, columns), "float32")
    _column_sums(b, more, fresh)
    expected = np.zeros(columns, "float32"), b[0].copy()
    for row in b:
        for total in expected:
            total += row
    np.testing.assert_array_equal([fresh[0], more[0]], expected)


@given(st.lists(st.floats(-1e6, 1e6, width=32), max_size=700))
def test_sums_run_in_chunks_of_256_in_order(values):
    x = np.array(values, np.float32)
    total = np.float32(0)
    for start in range(0, len(x), 256):
        part = np.float32(0)
        for value in x[start : start + 256]:
            part = np.float32(part + value)
        total = np.float32(total + part)
    assert _sum(x) == total


def test_norm_is_the_euclidean_norm():
    x = np.random.default_rng(0).normal(size=1000)
    assert _norm(x) == pytest.approx(np.linalg.norm(x), rel=1e-14)


@pytest.mark.parametrize("batch", [1, 7, 2 * 128 + 3])
@pytest.mark.parametrize(("activation", "loss", "hidden", "l2"), networks.CASES)
def test_loss_and_gradient_agree_with_the_reference_and_with_differences(
    activation, loss, hidden, l2, batch, monkeypatch
):
    monkeypatch.setattr(network, "BLOCK", 128)
    problem = make(n=2 * 128 + 3, hidden=hidden, activation=activation, loss=loss, l2=l2)
    theta, work = problem.initial(1) + 0.05, problem.workspace()
    rows = problem.batch(0, 2, batch)
    arguments = (problem.sizes, activation, loss, l2, problem.x[rows], problem.y[rows])
    assert problem.loss(theta, rows) == pytest.approx(reference.loss(theta, *arguments), rel=1e-12)
    got = problem.gradient(theta, rows)
    np.testing.assert_allclose(got, reference.gradient(theta, *arguments), rtol=1e-10, atol=1e-14)
    for i in range(0, problem.size, 11):
        h = np.zeros(problem.size)
        h[i] = 1e-6
        difference = (problem.loss(theta + h, rows, work) - problem.loss(theta - h, rows, work)) / 2e-6
        assert abs(difference - got[i]) <= 1e-7 * max(1.0, np.abs(got).max())


@pytest.mark.parametrize("batch", [1, 30, 300])
def test_samples_that_lie_far_away_are_asked_for_ahead_and_give_the_same_bits(batch):
    rng = np.random.default_rng(0)
    n, features = 700, 2 * network.CACHED // (700 * 4)
    x, labels = rng.normal(size=(n, features)).astype("float32"), rng.integers(0, 3, n)
    shape = {"hidden": (9,), "activation": "relu", "loss": "cross-entropy", "l2": 0.0, "init": "he-normal"}

    def problem(rows):
        train = Samples(x[rows].copy(), labels[rows].copy(), x[:0, :3].copy())
        return MLP([train, *[Samples(train.x[:0], train.labels[:0], train.targets)] * 2], 3, **shape)

    far, rule = problem(np.arange(n)), find("sgd")
    trained, theta = far.begin(seed=1, batch_size=batch), far.initial(1)
    stepper = ScalarStepper(rule, rule.with_defaults({}), trained, lambda first, count: np.full(count, 0.1))
    stepper.advance(4)
    for step in range(1, 5):
        rows = far.batch(1, step, batch)
        near = problem(rows)  # a step's samples alone, in their order
        theta = theta - np.float32(0.1) * near.gradient(theta)
    np.testing.assert_array_equal(trained.theta, theta)


@pytest.mark.skipif(DISABLED, reason="takes a minute without the compiler")
@pytest.mark.parametrize("clip", [{}, {"clip_norm": 0.1}, {"clip_value": 0.01}])
@pytest.mark.parametrize(
    ("hidden", "activation", "batch"), [((), "relu", 7), ((33, 20), "gelu", 150), ((9,), "tanh", 700)]
)
def test_a_team_of_any_size_takes_the_same_steps_to_the_bit(hidden, activation, batch, clip):
    problem = make("float32", n=700, hidden=hidden, activation=activation, l2=0.1)
    rule, found = find("adam"), []
    for threads in (1, 2, 3, 5):
        trained = problem.begin(seed=3, batch_size=batch, threads=threads, **clip)
        stepper = begin(rule, rule.with_defaults({}), trained, lambda first, count: np.full(count, 1e-2))
        for count in (4, 7):
            stepper.advance(count)
        found.append([trained.theta.tobytes(), stepper.state.tobytes(), np.array(trained.evaluate()).tobytes()])
    assert all(other == found[0] for other in found[1:])


@given(st.integers(0, 10_000), st.integers(1, 64), st.integers(1, 40))
def test_the_members_of_a_team_share_everything_out_once_in_whole_units(count, unit, size):
    shares = [share(count, unit, worker) for worker in (Worker(rank, size, None, None) for rank in range(size))]
    assert shares[0][0] == 0 and shares[-1][1] == count
    assert all(here[1] == following[0] for here, following in itertools.pairwise(shares))
    assert all(low % unit == 0 for low, high in shares if low < high)
    units = [-(-(high - low) // unit) for low, high in shares]
    assert max(units) - min(units) <= 1


def test_a_team_does_its_work_once_a_member_and_returns_what_the_first_does():
    team, seen = Team(3), []
    assert team.together(lambda worker: (seen.append(worker.rank), worker.rank)[1]) == 0
    assert sorted(seen) == [0, 1, 2]


@pytest.mark.parametrize("failing", [0, 2])
def test_a_team_whose_member_fails_leaves_nobody_waiting(failing):
    team = Team(3)

    def part(worker):
        if worker.rank == failing:
            raise ZeroDivisionError
        _barriers(worker, 5)

    with pytest.raises(ZeroDivisionError):
        team.together(part)
    team._pool.shutdown(wait=True)  # hangs if one still waits
    with pytest.raises(RuntimeError, match="has failed before"):
        team.together(part)


def test_a_team_that_cannot_begin_leaves_nobody_waiting(monkeypatch):
    team, submit = Team(3), ThreadPoolExecutor.submit

    def refuse(pool, function, worker):
        if worker.rank == 2:
            raise RuntimeError("can't start new thread")
        return submit(pool, function, worker)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", refuse)
    with pytest.raises(RuntimeError, match="can't start"):
        team.together(lambda worker: _barriers(worker, 5))
    team._pool.shutdown(wait=True)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("shape", [1, 5, (3, 7)])
def test_arrays_begin_at_a_cache_line(shape, dtype):
    for array in (arrays.zeros(shape, dtype), arrays.empty(shape, dtype), arrays.copied(np.ones(shape, dtype))):
        assert array.ctypes.data % arrays.LINE == 0 and array.flags.c_contiguous and array.dtype == dtype
    assert not arrays.zeros(shape, dtype).any() and arrays.copied(np.ones(shape, dtype)).all()


def test_float32_gradients_follow_float64():
    for activation, loss, hidden, l2 in networks.CASES:
        single, double = (
            make(d, hidden=hidden, activation=activation, loss=loss, l2=l2) for d in ("float32", "float64")
        )
        theta = single.initial(0)
        got, expected = single.gradient(theta), double.gradient(theta.astype(float))
        assert np.abs(got - expected).max() <= 2e-5 * np.abs(expected).max()


def test_more_rows_than_a_workspace_has_room_for_are_refused_and_make_a_larger_one_where_none_is_given():
    problem = make()
    theta, rows = problem.initial(0), np.zeros(5 * problem.n, np.int64)
    assert problem.loss(theta, rows) == pytest.approx(problem.loss(theta, [0]), rel=1e-12)
    with pytest.raises(UsageError, match="rows has 200 numbers; this workspace has room for 40"):
        problem.loss(theta, rows, problem.workspace())


def test_a_workspace_that_is_kept_gives_the_same_bits_and_its_own_arrays():
    problem = make(activation="gelu", l2=0.1)
    theta, work = problem.initial(0), problem.workspace()
    rows = problem.batch(0, 1, 9)
    for some in (rows, None):
        gradient = problem.gradient(theta, some, work)
        assert gradient is work.gradient
        np.testing.assert_array_equal(gradient, problem.gradient(theta, some))
        assert problem.loss(theta, some, work) == problem.loss(theta, some)
        np.testing.assert_array_equal(work.gradient, problem.gradient(theta, some))  # a loss leaves it alone


@pytest.mark.needs("torch")
def test_activations_and_losses_are_pytorchs():
    import torch

    functional = torch.nn.functional
    z, y = (np.random.default_rng(3).normal(scale=2, size=(50, 3)) for _ in range(2))
    x, zero = torch.tensor(z), (y > 0).astype(float)
    for name, function in (("gelu", functional.gelu), ("leaky-relu", functional.leaky_relu)):
        np.testing.assert_allclose(reference.activate(name, z), function(x).numpy(), rtol=1e-12, atol=1e-15)
    huber = functional.huber_loss(x, torch.tensor(y)).item()
    assert reference.mean_loss("huber", z, y)[0] == pytest.approx(huber, rel=1e-12)
    binary = functional.binary_cross_entropy_with_logits(x, torch.tensor(zero)).item()
    assert reference.mean_loss("binary-cross-entropy", z, zero)[0] == pytest.approx(binary, rel=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_two_classes_have_one_output_that_says_yes_above_zero(dtype):
    problem = gdbench.problem({"kind": "mlp", "dataset": "breast-cancer", "hidden": [4], "l2": 0.1}, dtype=dtype)
    assert problem.network.loss == NUMBERS["binary-cross-entropy"] and problem.sizes[-1] == 1
    trained = problem.begin(seed=0, batch_size=10)
    z = reference.outputs(trained.theta.astype(float), problem.sizes, "relu", problem.x)
    values = dict(zip(problem.columns, trained.evaluate(), strict=True))
    assert 0.05 < values["train_accuracy"] < 0.95
    assert values["train_accuracy"] == pytest.approx(((z[:, 0] > 0) == problem.y).mean(), abs=2 / problem.n)
    expected, _ = reference.mean_loss("binary-cross-entropy", z, problem.y)
    assert values["train_loss"] == pytest.approx(expected, rel=1e-12 if dtype == "float64" else 1e-5)
    trained.theta[:] = math.nan
    values = dict(zip(problem.columns, trained.evaluate(), strict=True))
    assert values["train_accuracy"] == values["val_accuracy"] == 0.0 and math.isnan(values["train_loss"])


def test_binary_cross_entropy_keeps_its_precision_far_from_zero():
    for dtype in ("float32", "float64"):
        problem = make(dtype, n=2, hidden=(), loss="binary-cross-entropy", l2=0.0)
        theta = np.zeros(problem.size)
        theta[-4:] = [80.0, -80.0, 200.0, -200.0]  # the biases are the outputs, and 200 would overflow exp in float32
        y = np.eye(4)[problem.y]
        expected = (np.maximum(theta[-4:], 0) - y * theta[-4:]).mean()
        assert problem.loss(theta) == pytest.approx(expected, rel=1e-6)
        assert np.isfinite(problem.gradient(theta)).all()


def test_evaluation_reports_loss_accuracy_and_slope():
    problem = make(n=300, l2=0.1)
    trained = problem.begin(seed=3, batch_size=10)
    values = dict(zip(problem.columns, trained.evaluate(), strict=True))
    z = reference.outputs(trained.theta, problem.sizes, "relu", problem.x)
    assert values["train_accuracy"] == pytest.approx((z.argmax(axis=1) == problem.y).mean())
    plain = reference.loss(trained.theta, problem.sizes, "relu", "cross-entropy", 0.0, problem.x, problem.y)
    assert values["train_loss"] == pytest.approx(plain, rel=1e-12)  # without the penalty
    assert values["grad_norm"] == pytest.approx(np.linalg.norm(problem.gradient(trained.theta)), rel=1e-12)  # with it
    assert problem.loss(trained.theta) > values["train_loss"]


def test_regression_reports_mean_squared_error():
    squared, huber = (make(loss=loss).begin(seed=0, batch_size=5) for loss in ("mse", "huber"))
    values = dict(zip(squared.problem.columns, squared.evaluate(), strict=True))
    assert values["train_mse"] == pytest.approx(values["train_loss"], rel=1e-12)
    assert "train_accuracy" not in values
    other = dict(zip(huber.problem.columns, huber.evaluate(), strict=True))
    assert other["train_mse"] == values["train_mse"] and other["train_loss"] < values["train_loss"]


def test_a_nan_is_seen_by_loss_accuracy_and_slope():
    for activation, loss in itertools.product(ACTIVATIONS, LOSSES):
        trained = make(activation=activation, loss=loss).begin(seed=0, batch_size=5)
        trained.theta[0] = math.nan
        values = dict(zip(trained.problem.columns, trained.evaluate(), strict=True))
        assert math.isnan(values["train_loss"]) and math.isnan(values["grad_norm"])
        assert values.get("train_accuracy", 0.0) == 0.0


def test_batches_cover_every_epoch_once_and_the_last_is_short():
    problem = make(n=23)
    for epoch in range(3):
        rows = [problem.batch(5, 1 + epoch * 5 + i, 5) for i in range(5)]
        assert [len(r) for r in rows] == [5, 5, 5, 5, 3]
        assert sorted(np.concatenate(rows).tolist()) == list(range(23))
    assert not np.array_equal(problem.batch(5, 1, 5), problem.batch(5, 6, 5))
    np.testing.assert_array_equal(problem.batch(5, 4, 23), np.arange(23))


def test_shuffle_once_repeats_the_batches_and_drop_last_skips_the_short_one():
    once = make(n=23, shuffle="once")
    np.testing.assert_array_equal(once.batch(5, 1, 5), once.batch(5, 6, 5))
    dropping = make(n=23, drop_last=True)
    assert dropping.steps_per_epoch(5) == 4
    assert [len(dropping.batch(0, s, 5)) for s in range(1, 9)] == [5] * 8


@pytest.mark.parametrize("options", [{}, {"shuffle": "once"}, {"drop_last": True}])
def test_training_uses_the_batches_that_batch_names(options):
    problem = make(n=23, **options)
    rule = find("sgd")
    trained, theta = problem.begin(seed=4, batch_size=5), problem.initial(4)
    trained.advance(rule.update("float64"), np.zeros((0, problem.size)), np.array([[0.1, 0.0]] * 12))
    for step in range(1, 13):
        theta = theta - 0.1 * problem.gradient(theta, problem.batch(4, step, 5))
    np.testing.assert_array_equal(trained.theta, theta)


def test_clipping_bounds_norm_and_values():
    problem = make()
    full = problem.gradient(problem.initial(0))
    table, none = np.array([[1.0, 0.0]]), np.zeros((0, problem.size))
    update = find("sgd").update("float64")

    def moved(**clip):
        trained = problem.begin(seed=0, batch_size=problem.n, **clip)
        trained.advance(update, none, table)
        return problem.initial(0) - trained.theta

    limit = np.linalg.norm(full) / 3
    np.testing.assert_allclose(moved(clip_norm=limit), full / 3, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(moved(clip_value=0.01), np.clip(full, -0.01, 0.01), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(moved(clip_norm=1e9), full, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("init", ["he-normal", "he-uniform", "glorot-normal", "glorot-uniform", "zeros"])
def test_initial_weights_have_their_variance_and_biases_are_zero(init):
    definition = {"kind": "mlp", "dataset": {"name": "teacher", "features": 100}, "hidden": [200], "init": init}
    problem = gdbench.problem(definition)
    (w1, b1), (_, b2) = reference.unpack(problem.initial(0), problem.sizes)
    assert not b1.any() and not b2.any()
    fan = {"he": 100, "glorot": 300}.get(init.split("-")[0])
    expected = 2 / fan if fan else 0.0
    assert w1.var() == pytest.approx(expected, rel=0.05)
    if init.endswith("uniform"):
        assert np.abs(w1).max() <= math.sqrt(3 * expected)
    assert not np.array_equal(problem.initial(0), problem.initial(1)) or init == "zeros"


def test_float32_starts_from_the_rounded_float64_weights():
    single, double = (gdbench.problem("iris", dtype=d).initial(3) for d in ("float32", "float64"))
    np.testing.assert_array_equal(single, double.astype(np.float32))


def test_what_is_no_row_number_or_parameter_is_refused():
    problem = gdbench.problem("iris")
    theta = problem.initial(0)
    for rows in (np.ones(problem.n, bool), [1.5], [-1], [problem.n], [], [[0, 1]]):
        with pytest.raises(UsageError, match="rows must be"):
            problem.loss(theta, rows)
    for wrong in (theta[:-1], theta.astype(complex), "theta"):
        with pytest.raises(UsageError, match="theta has"):
            problem.gradient(wrong)
    for seed in (-1, 1.5, "a", 2**70, True):
        with pytest.raises(UsageError, match="seed ="):
            problem.initial(seed)
    np.testing.assert_array_equal(problem.batch(0, 1, "full"), np.arange(problem.n))


def test_an_empty_split_is_no_number():
    full = make(loss="mse")
    none = Samples(full.x[:0], full.samples.labels, full.y[:0])
    options = {"hidden": [5], "activation": "relu", "loss": "mse", "l2": 0.0, "init": "he-normal", "dtype": "float64"}
    problem = MLP([full.samples, none, full.splits[2]], 4, **options)
    values = dict(zip(problem.columns, problem.begin(seed=0, batch_size=5).evaluate(), strict=True))
    assert {name for name, value in values.items() if math.isnan(value)} == {"val_loss", "val_mse"}


def test_a_network_that_no_memory_holds_is_refused():
    with pytest.raises(UsageError, match=r"hidden = \[1000000000\] makes 11,000,000,004 parameters, 41 GB"):
        make("float32", hidden=(10**9,))


def test_what_is_recorded_is_without_the_penalty_and_the_gradients_norm_with_it():
    problem, plain = make(l2=0.5), make(l2=0.0)
    training = problem.begin(seed=0, batch_size=8)
    found = dict(zip(problem.columns, training.evaluate(), strict=True))
    theta = training.theta
    assert found["train_loss"] == pytest.approx(plain.loss(theta), rel=1e-12)
    assert problem.loss(theta) > found["train_loss"] + 0.1
    assert found["grad_norm"] == pytest.approx(np.linalg.norm(problem.gradient(theta)), rel=1e-12)


def test_the_norm_is_clipped_before_the_elements():
    steps = {}
    for name, limits in {
        "none": {},
        "norm": {"clip_norm": 0.5},
        "both": {"clip_norm": 0.5, "clip_value": 0.15},
    }.items():
        training = make().begin(seed=0, batch_size=8, **limits)
        start, rule = training.theta.copy(), find("sgd")
        table = rule.table(rule.with_defaults({"lr": 1.0}), 1, np.ones(1), "float64")
        training.advance(rule.update("float64"), rule.state(start.size, "float64"), table)
        steps[name] = start - training.theta
    length = np.linalg.norm(steps["none"])
    assert length > 0.5 and np.abs(steps["none"] / length).max() > 0.3
    np.testing.assert_allclose(steps["norm"], 0.5 * steps["none"] / length, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(steps["both"], (0.5 * steps["none"] / length).clip(-0.15, 0.15), rtol=1e-9, atol=1e-12)
