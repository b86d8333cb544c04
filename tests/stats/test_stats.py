"""Choices and intervals: hand-computed examples, properties, and faults that must show."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbench.stats import bootstrap_median, choose, final_loss, objective, summarise


def trial(**changes):
    """One tuning trial as `Run.trials` has it."""
    base = {
        "problem": "p",
        "rule": "sgd",
        "batch_size": 8,
        "setting": "a",
        "lr": 0.1,
        "role": "tune",
        "status": "reached",
    }
    return {**base, "steps_to_target": 10.0, "val_loss": 1.0, "train_loss": 1.0, **changes}


def frame(*rows):
    return pd.DataFrame([{"trial": i, **row} for i, row in enumerate(rows)])


def settings_of(chosen):
    return chosen["setting"].tolist()


def test_fewest_median_steps_win_and_infinity_counts():
    rows = [trial(setting="a", steps_to_target=s) for s in (5, 5, math.inf, math.inf, math.inf)]
    rows += [trial(setting="b", lr=0.2, steps_to_target=s) for s in (50, 60, 70, math.inf, math.inf)]
    chosen = choose(frame(*rows))
    # Dropping the censored trials would choose a, whose median would then be 5.
    assert settings_of(chosen) == ["b"] and chosen["median_steps"].item() == 70


def test_ties_go_to_the_lower_loss_then_to_the_smaller_lr():
    assert settings_of(choose(frame(trial(setting="a", val_loss=2.0), trial(setting="b", val_loss=1.0)))) == ["b"]
    assert settings_of(choose(frame(trial(setting="a", lr=0.2), trial(setting="b", lr=0.1)))) == ["b"]
    assert settings_of(choose(frame(trial(setting="a"), trial(setting="b")))) == ["a"]


def test_a_diverged_trial_has_not_arrived():
    rows = [
        trial(setting="a", status="diverged", steps_to_target=1.0),
        trial(setting="b", lr=0.2, steps_to_target=90.0),
    ]
    assert settings_of(choose(frame(*rows))) == ["b"]


def test_diverged_trials_count_as_infinite_loss():
    nothing = {"steps_to_target": math.nan}
    rows = [
        trial(setting="a", val_loss=0.1, **nothing),
        *[trial(setting="a", status="diverged", val_loss=0.1, **nothing)] * 2,
    ]
    rows += [trial(setting="b", lr=0.2, val_loss=5.0, **nothing)] * 3
    chosen = choose(frame(*rows))
    assert settings_of(chosen) == ["b"] and chosen["diverged"].item() == 2 / 6


def test_reporting_trials_do_not_choose():
    rows = [trial(setting="a"), trial(setting="b", lr=0.2, steps_to_target=20.0)]
    rows += [trial(setting="b", lr=0.2, role="report", steps_to_target=1.0)]
    assert settings_of(choose(frame(*rows))) == ["a"]
    assert settings_of(choose(frame(rows[2]))) == ["b"]  # without tuning trials they must


def test_an_optimum_at_the_edge_is_flagged():
    def edges(*steps):
        rows = [trial(setting=str(i), lr=10.0**i, steps_to_target=s) for i, s in enumerate(steps)]
        return choose(frame(*rows))["at_edge"].item()

    assert edges(1, 2, 3) == "low" and edges(3, 2, 1) == "high" and edges(2, 1, 3) == "" and edges(1, 2) == ""


def test_groups_are_chosen_apart_and_the_best_comes_first():
    rows = [trial(rule=r, batch_size=b, steps_to_target=10 * b + i) for i, r in enumerate("xy") for b in (8, 2)]
    chosen = choose(frame(*rows))
    assert chosen[["rule", "batch_size"]].values.tolist() == [["x", 2], ["y", 2], ["x", 8], ["y", 8]]


def test_no_trials_give_no_choices():
    assert choose(frame(trial()).iloc[:0]).empty


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=12), st.randoms())
def test_the_interval_holds_the_median_and_ignores_order(values, rng):
    interval = bootstrap_median(np.array(values))
    assert interval.low <= interval.estimate <= interval.high
    assert min(values) <= interval.low and interval.high <= max(values)
    rng.shuffle(values)
    assert bootstrap_median(np.array(values)).estimate == interval.estimate


@pytest.mark.parametrize(
    ("count", "covered"),
    [
        (2, 0.5),
        (3, 0.75),
        (4, 0.88),
        (5, 0.9375),
        (7, 0.875),
        (8, 0.91),
        (9, 0.961),
        (10, 0.94),
        (13, 0.908),
        (20, 0.94),
    ],
)
def test_the_interval_covers_the_median_as_often_as_the_documentation_says(count, covered):
    rng, times = np.random.default_rng(count), 300
    hits = [i.low <= 0 <= i.high for i in (bootstrap_median(rng.normal(size=count)) for _ in range(times))]
    assert abs(np.mean(hits) - covered) <= 0.01 + 3.3 * np.sqrt(covered * (1 - covered) / times)


def test_infinity_takes_part_and_nan_is_not_hidden():
    assert bootstrap_median(np.array([1, 2, math.inf, math.inf, math.inf])).estimate == math.inf
    few = bootstrap_median(np.array([1, 2, 3, 4, math.inf]))
    assert few.estimate == 3 and few.low == 1 and few.high == math.inf
    assert all(math.isnan(x) for x in bootstrap_median(np.array([1, math.nan])))
    assert all(math.isnan(x) for x in bootstrap_median(np.array([])))


def test_summaries_have_a_row_a_group():
    table = pd.DataFrame({"k": ["a", "a", "a", "b"], "v": [1.0, 2.0, 9.0, 4.0]})
    rows = summarise(table, ["k"], "v")
    assert rows["median"].tolist() == [2.0, 4.0] and rows["low"].isna().tolist() == [False, True]


def test_a_function_is_judged_by_its_value_and_one_that_stalled_is_not_lost():
    nothing = {"steps_to_target": math.nan, "val_loss": math.nan, "train_loss": math.nan}
    rows = [
        trial(setting="a", value=-3.0, status="stalled", **nothing),
        trial(setting="b", value=-2.0, status="exhausted", **nothing),
        trial(setting="c", value=-math.inf, status="diverged", **nothing),
    ]
    chosen = choose(frame(*rows))
    assert settings_of(chosen) == ["a"] and chosen["median_loss"].item() == -3.0
    assert final_loss(frame(*rows)).tolist() == [-3.0, -2.0, math.inf] and objective(frame(*rows)) == "value"


def test_a_quadratic_without_validation_data_is_judged_by_its_training_loss():
    rows = [trial(setting="a", val_loss=math.nan, train_loss=2.0), trial(setting="b", val_loss=math.nan)]
    assert settings_of(choose(frame(*rows))) == ["b"] and objective(frame(*rows)) == "train_loss"
    mixed = frame(*rows, trial(val_loss=7.0, value=math.nan), trial(val_loss=math.nan, train_loss=math.nan, value=-1.0))
    assert final_loss(mixed).tolist() == [2.0, 1.0, 7.0, -1.0]
