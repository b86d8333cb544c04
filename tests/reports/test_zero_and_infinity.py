"""Steps of 0 (there from the start) and of infinity (never there), and all that follows from them, by one rule."""

import dataclasses

import numpy as np
import pytest

import gdbench
from gdbench.reports import text
from gdbench.reports.answers import advices
from gdbench.reports.figures import batches
from gdbench.reports.settings_table import readable, settings
from gdbench.stats.censored import over, times
from gdbench.stats.intervals import bootstrap_product, bootstrap_quotient
from gdbench.stats.powers import exponents

INF, NAN = np.inf, np.nan


@pytest.mark.parametrize(
    ("a", "b", "product", "quotient"),
    [
        (0, 0, 0, 1), (0, 2, 0, 0), (2, 0, 0, INF), (6, 2, 12, 3), (INF, 0, INF, INF), (0, INF, INF, 0),
        (INF, 2, INF, INF), (2, INF, INF, 0), (INF, INF, INF, NAN), (NAN, INF, NAN, NAN), (INF, NAN, NAN, NAN),
        (NAN, 0, NAN, NAN),
    ],
)  # fmt: skip
def test_products_and_quotients_of_zero_and_infinity(a, b, product, quotient):
    assert np.array_equal([times(a, b), over(a, b)], [product, quotient], equal_nan=True)


def test_intervals_follow_the_rule():
    zero, never, some = np.zeros(5), np.full(5, INF), np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    assert bootstrap_product(zero, some) == (0, 0, 0) and bootstrap_product(never, np.zeros(5)) == (INF, INF, INF)
    assert bootstrap_quotient([zero], [zero]) == (1, 1, 1) and bootstrap_quotient([zero, some], [some]) == (0, 0, 0)
    assert bootstrap_quotient([some], [zero]) == (INF, INF, INF)
    assert bootstrap_quotient([never, zero], [some, zero]) == (INF, INF, INF)
    assert np.isnan(bootstrap_quotient([never], [never]).estimate)
    mixed = bootstrap_quotient([np.array([0.0, 0.0, 0.0, INF])], [np.array([0.0, 0.0, 1.0])])
    assert mixed.estimate == 1 and mixed.low == 0 and mixed.high == INF


def test_a_line_with_a_zero_has_no_exponent():
    import pandas as pd

    points = pd.DataFrame({"rule": "a", "x": [1.0, 10, 100, 1000], "y": [0.0, 1, 2, 3], "repetition": 0})
    assert exponents(points, ["rule"], "x", "y").empty


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    suite = {
        "seeds": 3,
        "tune_seeds": 0,
        "batch_size": [10, 20],
        "budget": {"epochs": 2},
        "target": {"val_accuracy": 0.5},
        "problem": {"iris": {"kind": "mlp", "dataset": "iris", "hidden": [3]}},
        "rule": {"sgd": {"lr": [0.1]}, "adam": {"lr": [0.1]}},
    }
    return gdbench.run(suite, store=tmp_path_factory.mktemp("zero") / "z.db", time=False).frames


def with_steps(frames, **rules):
    """The frames with other steps to the target for each rule at batch size 10, a number a seed.

    0 steps were taken where there are 0 to the target, and of "failed" and "diverged" ones, which got nowhere.
    """
    trials = frames.trials.copy()
    for rule, values in rules.items():
        rows = trials.index[(trials["rule"] == rule) & (trials["batch_size"] == 10)]
        for row, value in zip(rows, values, strict=True):
            lost = isinstance(value, str)
            taken = 0 if lost or value == 0 else 22
            trials.loc[row, "status"] = value if lost else "reached"
            trials.loc[row, ["steps_to_target", "steps", "epochs"]] = INF if lost else value, taken, taken / 11
    return dataclasses.replace(frames, trials=trials)


@pytest.mark.parametrize(
    ("steps", "median", "epochs"),
    [
        ([0, 0, 22], 0, 0),
        ([0, 11, 22], 11, 1),
        ([0, 0, 0], 0, 0),
        (["failed", "failed", 11], INF, INF),
        (["diverged"] * 3, INF, INF),
        (["failed", 0, 22], 22, 2),
        (["diverged", "failed", 0], INF, INF),
    ],
)
def test_epochs_follow_the_median_of_the_steps(frames, steps, median, epochs):
    changed = with_steps(frames, sgd=steps)
    row = settings(changed).set_index(["rule", "batch_size"]).loc[("sgd", 10)]
    assert row["steps_to_target"] == median and row["epochs_to_target"] == pytest.approx(epochs)
    cells = {(row["rule"], row["batch"]): row for row in readable(settings(changed), changed)}["sgd", "10"]
    assert cells["steps to target"].split(" ")[0] == text.steps(median) and cells["epochs"] == text.number(epochs, 2)


def test_where_no_trial_took_a_step_zero_and_infinity_have_their_epochs(frames):
    changed = with_steps(frames, sgd=[0, 0, 0], adam=["failed", "failed", "failed"])
    rows = settings(changed).set_index(["rule", "batch_size"])["epochs_to_target"]
    assert rows["sgd", 10] == 0 and rows["adam", 10] == INF


def test_samples_and_answers_tell_nothing_from_never(frames):
    changed = with_steps(frames, sgd=[5, 6, 7], adam=[0, 0, 0])
    trials = changed.trials[changed.trials["batch_size"] == 10]
    one = dataclasses.replace(changed, trials=trials)
    (advice,) = advices(one)
    assert "3 seeds can show no difference between 2 rules; 6 can." in advice.sentences
    assert advice.instruction.startswith("Use adam (") and " 0 to " in advice.sentences[0]
    changed = with_steps(frames, sgd=["diverged"] * 3, adam=[0, 0, 0])
    cells = {(row["rule"], row["batch"]): row["samples to target"] for row in batches.table(changed)}
    assert cells["sgd", "10"] == "∞" and cells["adam", "10"] == "0"
    one = dataclasses.replace(changed, trials=changed.trials[changed.trials["batch_size"] == 10])
    (advice,) = advices(one)
    assert "sgd" not in advice.instruction and "after 0 epochs, in 3 of 3 seeds" in advice.sentences[0]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (text.steps(2.5), "3"),
        (text.steps(1234.5), "1,235"),
        (text.whole(0.5), "1"),
        (text.number(0.125, 2), "0.13"),
        (text.number(-2.675, 3), "-2.68"),
        (text.number(999.5), "1000"),
        (text.number(1.25e-7, 2), "1.3e-7"),
        (text.percent(0.125, 0), "13 %"),
        (text.percent(0.285, 0), "29 %"),
        (text.percent(-0.001, 0), "0 %"),
        (text.percent(INF), "∞"),
        (text.number(0.00099996), "1.00e-3"),
    ],
)
def test_halves_are_rounded_away_from_zero(written, words):
    assert written == words
