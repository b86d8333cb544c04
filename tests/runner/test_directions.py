"""Direction rules in suites: what they reach, how they end, what they count, and what they are refused."""

import numpy as np
import pytest

import gdbench
from gdbench.errors import UsageError


def suite(rules, *, problem=None, **settings):
    return {
        "seeds": 2,
        "tune_seeds": 0,
        "batch_size": "full",
        "dtype": "float64",
        "budget": {"steps": 60},
        "problem": {
            "p": problem or {"kind": "mlp", "dataset": "iris", "hidden": [8], "activation": "tanh", "l2": 0.01}
        },
        "rule": rules,
        **settings,
    }


def run(tmp_path, *arguments, **settings):
    return gdbench.run(suite(*arguments, **settings), store=tmp_path / "directions.db", jobs=1, fresh=True)


def test_damped_newton_lbfgs_and_newton_cg_find_a_minimum_of_a_network(tmp_path):
    ran = run(tmp_path, {"newton-damped": {}, "newton-cg": {}, "lbfgs": {}}, budget={"steps": 150})
    slopes = ran.curves.groupby("trial")["grad_norm"].last()
    assert slopes[ran.trials["rule"] == "newton-damped"].max() < 1e-12
    assert slopes.max() < 1e-5
    damped = ran.trials[ran.trials["rule"] == "newton-damped"]
    assert (damped["status"] == "stalled").all() and (damped["steps"] < 60).all()  # no step leads further down
    problem = gdbench.problem(suite({})["problem"]["p"])
    assert (ran.trials["parameters"] == problem.size).all()


def test_any_quadratic_of_data_is_solved_in_one_step(tmp_path):
    ran = run(tmp_path, {"newton": {}}, problem={"kind": "quadratic"}, budget={"steps": 1})
    assert ran.curves.groupby("trial")["grad_norm"].last().max() < 1e-10
    assert (ran.trials["gradient_evaluations"] == 101).all() and (ran.trials["function_evaluations"] == 0).all()


@pytest.mark.parametrize("budget", ["gradient_evaluations", "function_evaluations"])
def test_a_budget_of_evaluations_ends_a_trial_at_the_first_step_past_it(budget, tmp_path):
    trials = run(tmp_path, {"lbfgs": {}, "gd-armijo": {}, "sgd": {}}, budget={budget: 40}).trials
    assert (trials["status"] == "exhausted").all()
    searching = trials[trials["rule"] != "sgd"]
    assert (searching[budget] >= 40).all() and (searching[budget] <= 60).all() and (searching["steps"] <= 40).all()
    plain = trials[trials["rule"] == "sgd"]  # one gradient a step, and no value: as many steps
    assert (plain["steps"] == 40).all() and (plain["gradient_evaluations"] == 40).all()


def test_a_target_that_was_reached_stays_reached_when_a_rule_stalls(tmp_path):
    ran = run(tmp_path, {"newton-damped": {}}, target={"train_loss": 0.3})
    assert (ran.trials["status"] == "reached").all() and np.isfinite(ran.trials["steps_to_target"]).all()
    stopped = run(tmp_path, {"newton-damped": {}}, target={"train_loss": 0.3}, stop_at_target=True)
    assert (stopped.trials["steps"] < ran.trials["steps"]).all()


def test_batches_may_be_part_of_the_data_and_digests_do_not_depend_on_jobs_or_chunks(tmp_path):
    rules = {"gd-armijo": {}, "newton-damped": {}, "lbfgs": {}, "newton-cg": {}}
    settings = {"batch_size": 32, "budget": {"steps": 9}, "dtype": ["float32", "float64"]}
    one = gdbench.run(suite(rules, **settings), store=tmp_path / "a.db", jobs=1).trials
    two = gdbench.run(suite(rules, **settings), store=tmp_path / "b.db", jobs=3, chunk=2).trials
    assert (one["status"] != "failed").all()
    assert dict(zip(one["trial"], one["digest"], strict=True)) == dict(zip(two["trial"], two["digest"], strict=True))


@pytest.mark.parametrize(
    ("rule", "settings", "words"),
    [
        (
            "newton",
            {"problem": {"kind": "mlp", "dataset": "digits", "hidden": [100]}},
            "0.4 GB; at most 5,000 parameters",
        ),
        (
            "newton-damped",
            {"problem": {"kind": "function", "function": "quadratic", "dimension": 5001}},
            "newton-cg or",
        ),
        ("lbfgs", {"clip_norm": 1.0}, "clip_norm does not go with rule 'lbfgs'"),
        ("newton-cg", {"clip_value": [0.0, 1.0]}, "clip_value does not go with rule 'newton-cg'"),
    ],
)
def test_what_cannot_work_is_refused_before_it_begins(rule, settings, words, tmp_path):
    with pytest.raises(UsageError) as caught:
        run(tmp_path, {rule: {}}, **settings)
    assert words in str(caught.value) and not (tmp_path / "directions.db").exists()


def test_a_direction_rule_of_the_users_own_is_swept_and_its_mistakes_are_told(tmp_path):
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "import gdbench\n\n"
        "@gdbench.direction(lr=0.1)\n"
        "def mine(objective, x, c, memory):\n"
        '    """Gradient descent."""\n'
        "    return x - c.lr * objective.gradient(x)\n\n"
        "@gdbench.direction(lr=0.1)\n"
        "def wrong(objective, x, c, memory):\n"
        "    return 3.0\n"
    )
    given = suite({"mine": {}, "sgd": {"lr": 0.1}}, evaluate={"gradient": True})  # as direction rules always are
    trials = gdbench.run(given, store=tmp_path / "a.db", plugins=[plugin]).trials
    assert trials["digest"].nunique() == 2  # two seeds: step for step the numbers of sgd
    with pytest.raises(UsageError, match=r"rule 'wrong' returned float of shape \(\); it must return a vector of"):
        gdbench.run(suite({"wrong": {}}), store=tmp_path / "b.db")


def test_an_error_in_a_direction_rule_names_its_line(tmp_path):
    plugin = tmp_path / "broken.py"
    plugin.write_text(
        "import gdbench\n\n@gdbench.direction(lr=0.1)\ndef broken(objective, x, c, memory):\n    return x / undefined\n"
    )
    with pytest.raises(UsageError, match=r"rule 'broken', .*broken\.py line 5: NameError: name 'undefined'"):
        gdbench.run(suite({"broken": {}}), store=tmp_path / "a.db", plugins=[plugin])
