"""Over what trials are evaluated: what a suite says of it, what is usual, and that the rest of a run is the same."""

import numpy as np
import pytest

import gdbench
from gdbench import suites
from gdbench.errors import UsageError

DIGITS = {"kind": "mlp", "dataset": "digits", "hidden": [4]}  # 1257, 270 and 270 samples
SUITE = {
    "seeds": 2,
    "tune_seeds": 0,
    "budget": {"steps": 30},
    "problem": {"digits": DIGITS},
    "rule": {"sgd": {"lr": [0.1, 1e30]}, "adam": {"lr": 0.01}},
}
WINE = {"kind": "mlp", "dataset": "wine"}  # 27 samples validate
ROSENBROCK = {"kind": "function", "function": "rosenbrock"}
QUADRATIC = {"kind": "quadratic", "dimensions": 4}
WHOLE = {"train": "all", "gradient": True}
ASKED = {  # problem, rule, target, what is asked for, what a trial's definition then holds
    "usual": (DIGITS, "sgd", None, None, {"points": 40, "train": 270, "gradient": False}),
    "few validate": (WINE, "sgd", None, None, {"points": 40, "train": "all", "gradient": False}),
    "another target": (DIGITS, "sgd", "val_loss", None, {"points": 40, "train": 270, "gradient": False}),
    "a training target": (DIGITS, "sgd", "train_loss", None, {"points": 40, "train": "all", "gradient": False}),
    "a function": (ROSENBROCK, "sgd", None, None, {"points": 40, **WHOLE}),
    "a quadratic": (QUADRATIC, "sgd", None, {"train": 5}, {"points": 40, **WHOLE}),
    "a direction rule": (DIGITS, "lbfgs", None, {"train": 5, "gradient": False}, {"points": 40, **WHOLE}),
    "a count": (DIGITS, "sgd", None, {"train": 7}, {"points": 40, "train": 7, "gradient": False}),
    "as many as there are": (DIGITS, "sgd", None, {"train": 1257}, {"points": 40, "train": "all", "gradient": False}),
    "all": (DIGITS, "sgd", None, {"every": 5, "train": "all"}, {"every": 5, "train": "all", "gradient": False}),
    "the gradient": (
        DIGITS,
        "sgd",
        None,
        {"points": 3, "gradient": True},
        {"points": 3, "train": 270, "gradient": True},
    ),
    "nothing": (DIGITS, "sgd", None, {}, {"points": 40, "train": 270, "gradient": False}),
}


@pytest.mark.parametrize("name", ASKED)
def test_definitions_say_over_what_a_trial_is_evaluated(name):
    problem, rule, target, asked, expected = ASKED[name]
    table = {"problem": {"p": problem}, "rule": {rule: {"lr": 0.1}}, "budget": {"steps": 3}}
    table |= {"target": {target: 0.1}} if target else {}
    table |= {} if asked is None else {"evaluate": asked}
    assert {setting.definition["evaluate"] == expected for setting in suites.load(table).settings} == {True}
    if asked is None and name == "usual":
        (given, *_) = suites.load(table, overrides=["evaluate.train=all"]).settings
        assert given.definition["evaluate"]["train"] == "all"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The run of a suite as usual, and with everything evaluated."""
    folder = tmp_path_factory.mktemp("evaluate")
    whole = {**SUITE, "evaluate": WHOLE}
    return [gdbench.run(suite, store=folder / f"{i}.db", time=False) for i, suite in enumerate((SUITE, whole))]


def test_only_the_training_columns_of_a_curve_depend_on_it(runs):
    usual, whole = (run.curves.drop(columns="trial") for run in runs)
    for name in usual.columns.difference(["train_loss", "train_accuracy", "grad_norm"]):
        assert usual[name].to_numpy().tobytes() == whole[name].to_numpy().tobytes()
    assert usual["grad_norm"].isna().all() and (usual["train_loss"] != whole["train_loss"]).all()
    # 270 samples: their share of right answers is a multiple of 1 / 270.
    assert (np.round(usual["train_accuracy"] * 270) / 270 == usual["train_accuracy"]).all()


def test_the_last_numbers_of_a_trial_are_over_all_training_samples(runs):
    usual, whole = (run.trials for run in runs)
    for name in ("train_loss", "train_accuracy", "val_loss", "status", "diverged_step"):
        assert usual[name].equals(whole[name])
    assert (usual["key"] != whole["key"]).all() and (usual["digest"] != whole["digest"]).all()
    assert (
        runs[0].environment["evaluated_over"] == ["digits: 270 of 1,257 samples"]
        and "evaluated_over" not in runs[1].environment
    )


def test_the_page_and_the_captions_say_which_samples(runs):
    from gdbench.reports.page import render

    usual, whole = (render(run.frames) for run in runs)
    words = "Training losses and scores along a curve are over 270 of 1,257 samples."
    assert usual.count(words) == 2 and words not in whole  # under the loss curves, and under training against test
    assert "digits: 270 of 1,257 samples" in usual and "training curves are over" not in whole


def test_a_part_cannot_tell_when_a_training_target_was_reached(runs):
    with pytest.raises(UsageError, match=r"over a part of the samples \(digits: 270 of 1,257 samples\); train anew"):
        runs[0].for_target("train_loss", 1.0)
    assert len(runs[1].for_target("train_loss", 1.0).trials)


def test_the_gate_sees_what_a_curve_over_a_part_does_not(runs):
    from dataclasses import replace

    from gdbench.gate.measures import measures

    frames = runs[0].frames
    changed = frames.trials.copy()
    changed.loc[0, "train_loss"] = np.nextafter(changed.loc[0, "train_loss"], np.inf)
    before, after = (measures(each) for each in (frames, replace(frames, trials=changed)))
    digests = [each[each["metric"] == "digest"]["text"].to_numpy() for each in (before, after)]
    assert (digests[0] != digests[1]).sum() == 1
    odd = frames.trials.copy()
    odd.loc[1, "digest"] = "not a hash"  # as an edited export may say
    text = measures(replace(frames, trials=odd)).query("metric == 'digest'")["text"].to_numpy()
    assert (text != digests[0]).tolist() == [place == 1 for place in range(len(text))]
