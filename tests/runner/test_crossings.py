"""Where trials cross their target and where they diverge: to the step, whatever is evaluated, by every kind of loop."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gdbench
from gdbench import suites
from gdbench.kernels.loop.looks import due, looks_of
from gdbench.kernels.networks import evaluation
from gdbench.kernels.problem import DIVERGED, Target
from gdbench.kernels.rules.registry import find
from gdbench.kernels.rules.stepper import ScalarStepper
from gdbench.runner.points import steps_between_looks
from gdbench.runner.trial import to_target, train
from gdbench.suites import Setting, Trial

IRIS = {"kind": "mlp", "dataset": "iris", "hidden": [5]}
PROBLEMS = {
    "accuracy": (IRIS, {"val_accuracy": [0.5, 0.8]}, 0.1),
    "loss of a network": ({**IRIS, "l2": 0.01}, {"val_loss": [0.9, 0.7]}, 0.1),
    "error": ({"kind": "mlp", "dataset": "diabetes", "hidden": [3]}, {"val_mse": [20000.0, 5000.0]}, 1e-3),
    "training split": (IRIS, {"train_accuracy": [0.6, 0.9]}, 0.1),
    "function": ({"kind": "function", "function": "rosenbrock"}, {"value": [3.0, 1.0]}, 1e-3),
    "quadratic": ({"kind": "quadratic"}, {"train_loss": [300.0, 200.0]}, 0.01),
}


def trials(problem, target, *, rule="sgd", role="report", lr=0.1, steps=40, **more):
    """One trial, as its suite makes it."""
    batch = {} if problem["kind"] == "function" else {"batch_size": 8}
    table = {"seeds": 1, "tune_seeds": 0, "budget": {"steps": steps}, "problem": {"p": problem}, **batch, **more}
    suite = suites.load({**table, "target": target, "rule": {rule: {"lr": lr}}})
    (trial,) = suite.first_trials()
    return Trial(0, trial.setting, 0, role, trial.target)


def by_evaluations(trial, every):
    """The first multiple of `every` at which each level is crossed, from a curve that is evaluated at each step."""
    definition = {**trial.setting.definition, "evaluate": {"every": 1}}
    record = train(
        Trial(0, Setting(trial.setting.problem, trial.setting.rule, definition), 0, trial.role, trial.target)
    )
    metric, levels = trial.target
    values = record.curve[:, record.columns.index(metric)]
    steps = record.curve[:, 0]
    past = [values >= level if metric.endswith("accuracy") else values <= level for level in levels]
    return [next((step for step, is_past in zip(steps, each, strict=True) if is_past and step % every == 0), math.inf)
            for each in past]  # fmt: skip


@pytest.mark.parametrize("evaluate", [{"points": 2}, {"points": 7}, {"every": 1}], ids=str)
@pytest.mark.parametrize("rule", ["sgd", "adam", "gd-armijo"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_crossings_are_known_to_the_step_whatever_is_evaluated(name, rule, evaluate):
    problem, target, lr = PROBLEMS[name]
    trial = trials(problem, target, rule=rule, lr=1.0 if rule == "gd-armijo" else lr, evaluate=evaluate)
    record = train(trial)
    assert record.crossings == by_evaluations(trial, 1)
    assert record.steps_to_target == record.crossings[-1]
    assert record.status == ("reached" if math.isfinite(record.steps_to_target) else "exhausted")


def test_some_of_these_trials_cross_after_their_start():
    found = [train(trials(problem, target, lr=lr)).crossings for problem, target, lr in PROBLEMS.values()]
    assert sum(0 < step < math.inf for steps in found for step in steps) >= 8


@pytest.mark.parametrize("chunk", [1, 3, 1000])
@pytest.mark.parametrize("name", PROBLEMS)
def test_chunks_and_targets_change_nothing_else(name, chunk):
    problem, target, lr = PROBLEMS[name]
    trial = trials(problem, target, lr=lr)
    record, plain = train(trial, chunk), train(Trial(0, trial.setting, 0, "report", None))
    assert record.crossings == train(trial).crossings
    np.testing.assert_array_equal(record.curve, plain.curve)
    assert record.gradient_evaluations == plain.gradient_evaluations


def test_a_trial_that_chooses_looks_at_a_hundredth_of_its_budget():
    problem, target, lr = PROBLEMS["accuracy"]
    trial = trials(problem, target, role="tune", lr=lr, steps=450)
    assert train(trial).crossings == by_evaluations(trial, 5)
    assert [steps_between_looks("tune", total, 0.0) for total in (1, 100, 101, 450)] == [1, 1, 2, 5]


def test_looks_are_rarer_where_one_costs_more_than_ten_steps():
    problem = gdbench.problem({"kind": "mlp", "dataset": "digits", "hidden": [32]})
    weights = 64 * 32 + 32 * 10
    for batch in (1, 8, 16, 128):
        cost = problem.look_cost("val_accuracy", batch)
        assert cost == len(problem.splits[1].x) * weights / (batch * (3 * weights - 64 * 32))
        every = steps_between_looks("report", 1000, cost)
        assert cost / every <= 10 and (every == 1 or cost / (every - 1) > 10)
    assert steps_between_looks("report", 1000, problem.look_cost("val_accuracy", 16)) == 1


@pytest.mark.parametrize("name", ["quick", "digits", "functions", "regression", "deepobs-quadratic"])
def test_trials_on_shipped_data_look_after_every_step(name):
    from gdbench.data.problems import build
    from gdbench.runner.trajectory import batch_size

    suite = suites.load(name)
    metric = suite.target[0] if suite.target else "val_loss"
    for setting in suite.settings:
        definition = setting.definition
        problem = build(definition["problem"], definition["dtype"])
        assert steps_between_looks("report", 1000, problem.look_cost(metric, batch_size(definition))) == 1


@given(st.integers(0, 20), st.floats(0.0, 1.2), st.sampled_from(["accuracy", "loss", "mse"]), st.floats(0.01, 3.0))
def test_a_look_that_ends_early_answers_as_the_whole_one(seed, quantile, kind, scale):
    data = {"kind": "mlp", "dataset": "diabetes" if kind == "mse" else "digits", "hidden": [3], "loss": "mse"}
    problem = gdbench.problem(data if kind == "mse" else {**data, "loss": "cross-entropy"})
    metric = f"val_{kind}"
    began = problem.begin(seed=seed, batch_size=8)
    began.theta *= began.theta.dtype.type(scale)
    value = dict(zip(problem.columns, began.evaluate(), strict=True))[metric]
    level = quantile if kind == "accuracy" else value * (0.5 + quantile)
    for exact in (level, value, np.nextafter(value, math.inf), np.nextafter(value, -math.inf)):
        target = Target(metric, (float(exact),), 1, rises=kind == "accuracy")
        watch = problem.watch(looks_of(target), metric)
        evaluation.look_once(began.theta, problem.network, watch, 7, began.work)
        crossed = value >= exact if target.rises else value <= exact
        assert watch.looks.crossed[0] == int(crossed)


def test_a_trial_may_end_where_it_crosses_its_target():
    problem, target, lr = PROBLEMS["accuracy"]
    record = train(trials(problem, target, lr=lr, stop_at_target=True, evaluate={"points": 2}))
    assert 0 < record.steps == record.steps_to_target < 40 and record.curve[-1, 0] == record.steps
    at_once = train(trials(problem, {"val_loss": 100.0}, lr=lr, stop_at_target=True))
    assert (at_once.steps, at_once.steps_to_target, at_once.status, len(at_once.curve)) == (0, 0.0, "reached", 1)


def test_the_steps_to_the_target_alone_find_the_same_crossings():
    problem, target, lr = PROBLEMS["accuracy"]
    trial = trials(problem, target, lr=lr)
    alone, record = to_target(trial), train(trial)
    assert list(alone.crossings) == record.crossings and alone.steps == record.crossings[-1]


def test_the_time_of_looks_is_no_time_of_steps():
    problem, target, lr = PROBLEMS["accuracy"]
    never = train(trials(problem, {"val_loss": 1e-9}, lr=lr, steps=3000))
    none = train(Trial(0, trials(problem, target, lr=lr, steps=3000).setting, 0, "report", None))
    assert never.crossing_seconds > 0 and none.crossing_seconds == 0


# ------------------------------------------------------------------------------------------------------- divergence


def diverged_at(trial):
    """The step at which a scalar rule's trial on samples diverges, one step at a time in plain Python; and why."""
    from gdbench.data.problems import build

    definition = trial.definition
    problem = build(definition["problem"], definition["dtype"])
    size, rule = definition["batch_size"], find(definition["rule"])
    began = problem.begin(seed=trial.seed, batch_size=size)
    rates = lambda first, count: np.full(count, definition["hyperparameters"]["lr"])  # noqa: E731
    stepper = ScalarStepper(rule, definition["hyperparameters"], began, rates)
    first = None
    for step in range(1, definition["budget"]["steps"] + 1):
        loss = problem.loss(began.theta, problem.batch(trial.seed, step, size))
        first = loss if first is None else first
        stepper.advance(1)
        if not np.isfinite(began.theta).all():
            return step, "parameters"
        if not loss <= DIVERGED * (1 + abs(first)):
            return step, "loss"
    return math.inf, ""


@pytest.mark.parametrize("chunk", [1, 7, 1000])
@pytest.mark.parametrize("rule, lr", [("sgd", 1.1), ("sgd", 30.0), ("momentum", 0.9), ("sgd", 1e30), ("adam", 1e38)])
def test_a_trial_diverges_at_the_first_such_step_in_any_chunks(rule, lr, chunk):
    problem = {"kind": "mlp", "dataset": "diabetes", "hidden": [3], "activation": "identity"}
    trial = trials(problem, {"train_loss": 1e-9}, rule=rule, lr=lr, evaluate={"points": 2})
    record = train(trial, chunk)
    step, _ = diverged_at(trial)
    assert record.diverged_step == step == record.steps == record.curve[-1, 0] < 40
    assert record.status == "diverged" and math.isinf(record.steps_to_target)


@pytest.mark.parametrize("name", ["function", "quadratic"])
def test_functions_and_quadratics_diverge_by_their_value(name):
    problem, target, _ = PROBLEMS[name]
    lr = 0.01 if name == "function" else 3.0
    record = train(trials(problem, dict.fromkeys(target, 1e-09), lr=lr, steps=200, evaluate={"every": 1}))
    column = {"function": "value", "quadratic": "train_loss"}[name]
    values = record.curve[:, record.columns.index(column)]
    assert record.status == "diverged" and record.steps == record.diverged_step < 200
    if name == "function":  # its loss is its value
        limit = DIVERGED * (1 + abs(values[0]))
        before = values[:-1]
        assert (before[:-1] <= limit).all()
        assert not before[-1] <= limit or not np.isfinite(values[-1])


def test_a_direction_rule_diverges_by_the_same_rule():
    problem, _, _ = PROBLEMS["quadratic"]
    records = [train(trials(problem, {"train_loss": 1e-9}, rule=rule, lr=5.0, steps=100)) for rule in ("sgd", "newton")]
    assert [record.status for record in records] == ["diverged"] * 2
    assert all(record.curve[-1, 0] == record.diverged_step for record in records)


def test_a_trial_that_reached_its_target_has_reached_it_whatever_it_does_later():
    problem = {"kind": "mlp", "dataset": "diabetes", "hidden": [3], "activation": "identity"}
    record = train(trials(problem, {"train_loss": 1e9}, lr=30.0, evaluate={"points": 2}))
    assert (record.status, record.steps_to_target) == ("reached", 0.0) and record.diverged_step < 40
    assert record.steps == record.diverged_step


def planted(dtype="float64"):
    """An update that makes one parameter infinite at its fifth step, which no loss shows."""
    from gdbench.kernels.compile.jit import kernel
    from gdbench.kernels.rules.contract import update_type

    def update(theta, gradient, state, c, low):
        for i in range(theta.size):
            if low + i == PLACE and c[0] == 4.0:
                theta[i] = -np.inf

    return kernel(update, signature=update_type(dtype), source=None)


PLACE = 4 * 5  # the first hidden bias: relu gives 0 there, and no output changes any more


@pytest.mark.parametrize("lasting", [True, False])
@pytest.mark.parametrize("chunk", [1, 3, 4, 5, 20])
def test_a_parameter_that_no_loss_shows_is_found_at_its_step(chunk, lasting):
    problem = gdbench.problem(IRIS)
    began = problem.begin(
        seed=0, batch_size=8, target=Target("val_accuracy", (0.0, 2.0), 1, rises=True), points=[0, 3, 4, 6, 20]
    )
    update, taken = planted(), 0
    while taken < 20 and not began.ended:
        # A row of coefficients for each step; it tells the update which step it is.
        table = np.arange(taken, taken + chunk, dtype=np.float64).reshape(-1, 1)
        before = began.steps
        began.advance(update, np.zeros((0, problem.size)), table, lasting=lasting)
        taken += began.steps - before
    assert began.diverged_step == began.steps == 5
    assert began.crossings == (0.0, math.inf)
    began.finish()
    steps, values = began.curve
    assert steps.tolist() == [0, 3, 4, 5] and len(values) == 4  # none is left of steps that were taken twice


def test_looks_are_due_at_multiples_until_all_levels_are_crossed():
    looks = looks_of(Target("val_loss", (2.0, 1.0), 3))
    assert [step for step in range(10) if due(looks, step)] == [0, 3, 6, 9]
    looks.crossed[0] = 2
    assert not any(due(looks, step) for step in range(10)) and not due(looks_of(None), 0)


def test_a_stored_run_keeps_crossings_and_divergence(small, tmp_path):
    suite = {**small, "tune_seeds": 0, "target": {"val_accuracy": [0.4, 0.8]}}
    suite["rule"] = {"sgd": {"lr": [0.1, 1e30]}}
    run = gdbench.run(suite, store=tmp_path / "s.db", time=False)
    trials = run.trials.set_index("trial")
    wild = trials["lr"] == 1e30
    assert np.isfinite(trials.loc[wild, "diverged_step"]).all() and np.isinf(trials.loc[~wild, "diverged_step"]).all()
    last = run.targets[run.targets["level"] == 0.8].set_index("trial")["step"]
    np.testing.assert_array_equal(last, trials.loc[last.index, "steps_to_target"])
    assert (trials["crossing_seconds"] > 0).any()
    assert set(trials.loc[wild, "status"]) <= {"diverged", "reached"}
