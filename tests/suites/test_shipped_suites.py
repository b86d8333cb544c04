"""The suites that come with gdbench: what they hold, and that a small piece of each runs and is shown."""

import pytest

import gdbench
from gdbench import suites
from gdbench.kernels import FUNCTIONS, RULES
from gdbench.reports.page import render

# Trials, problems and rules of each suite, and what makes it small.
SUITES = {
    "functions": (2730, 14, 7, ["budget.gradient_evaluations=20", 'problem.functions.function=["booth", "ackley"]']),
    "deepobs-quadratic": (530, 2, 6, ["budget.epochs=1", "problem.quadratic.dimensions=10"]),
    "lessons": (630, 7, 3, ["budget.steps=20", "problem.width.hidden=[3]", "problem.sparse.dataset.samples=500"]),
    "second-order": (96, 4, 6, ["budget.gradient_evaluations=200", "problem.iris.hidden=[[1], [4], [8]]"]),
    "scaling": (148, 18, 2, ["budget.steps=2", "problem.width.hidden=[[1], [4], [8]]"]),
    "sparse": (265, 1, 5, ["budget.epochs=1", "rule.sgd.lr=1.0"]),
    "digits": (1800, 1, 15, ["budget.epochs=1", "batch_size=256"]),
    "quick": (1350, 1, 6, ["budget.epochs=1", "batch_size=256"]),
}


def test_every_shipped_suite_is_in_the_table():
    assert set(SUITES) <= set(suites.shipped())
    for name in suites.shipped():
        model = suites.load(name).model
        assert model.title and model.description


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name not in ("quick", "digits", "sparse"))) for name in SUITES],
)
def test_a_shipped_suite_counts_its_trials_and_a_piece_of_it_runs(name, tmp_path):
    trials, problems, rules, small = SUITES[name]
    suite = suites.load(name)
    assert (suite.count(), len(suite.problems), len(suite.rules)) == (trials, problems, rules)
    small = [*small, "tune_seeds=0"]
    run = gdbench.run(name, store=tmp_path / "s.db", overrides=small, seeds=1)
    assert run.state == "complete" and len(run.trials) == suites.load(name, overrides=small, seeds=1).count()
    page = render(run.frames).partition("<main>")[2].partition("<script>")[0]
    assert ("batch" in page.replace("batch_size", "")) == (name != "functions")
    assert ("fitted exponent" in page) == (name in ("second-order", "scaling"))


def test_functions_holds_every_function_and_regression_every_rule():
    ours = {name for name, function in FUNCTIONS.items() if function.ours}
    assert {p["function"] for p in suites.load("functions").problems.values()} == ours
    used = {rule.name.partition("(")[0] for rule, _ in suites.load("regression").rules.values()}
    assert used == {name for name, rule in RULES.items() if rule.ours}
