"""Another target for a stored run: what curves know of crossings, and no claim that a bracket could overturn."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import gdbench
from gdbench.cli import main
from gdbench.errors import UsageError
from gdbench.reports.figures import ert
from gdbench.reports.judgement import judgement
from gdbench.results.retarget import retargeted
from gdbench.stats import choose
from gdbench.stats.soonest import soonest

SUITE = {
    "seeds": 8,
    "tune_seeds": 2,
    "batch_size": 8,
    "budget": {"epochs": 4},
    "evaluate": {"every": 7},
    "target": {"val_accuracy": [0.5, 0.7]},
    "problem": {"iris": {"kind": "mlp", "dataset": "iris", "hidden": [5]}},
    "rule": {"sgd": {"lr": [0.01, 0.1]}, "adam": {"lr": [0.01, 0.1]}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("retarget")
    gdbench.run(SUITE, store=folder / "gdbench.db", time=False)
    return folder


@pytest.fixture(scope="module")
def run(folder):
    return gdbench.load(folder / "gdbench.db")


@pytest.mark.parametrize("level", [0.55, 0.8])
def test_the_bracket_holds_the_crossing_of_a_run_that_was_trained_for_it(run, level, tmp_path):
    told = run.for_target("val_accuracy", level).trials.set_index("key")
    exact = gdbench.run(
        {**SUITE, "target": {"val_accuracy": level}}, store=tmp_path / "e.db", time=False
    ).trials.set_index("key")
    reports = told.index[told["role"] == "report"].intersection(exact.index)
    true, low, high = exact.loc[reports, "steps_to_target"], told["crossed_after"], told["steps_to_target"]
    assert len(reports) and (true <= high.loc[reports]).all()
    # A crossing that fell back before the next point is not seen; most others lie in their bracket.
    assert (true > low.loc[reports]).mean() > 0.3


@pytest.mark.parametrize("level", [0.55, 0.8])
def test_a_bracket_begins_at_the_last_point_before_the_one_that_crosses(run, level):
    curves = run.curves[["trial", "step", "val_accuracy"]]
    for trial in run.for_target("val_accuracy", level).trials.itertuples():
        mine = curves[curves["trial"] == trial.trial]
        past = mine[mine["val_accuracy"] >= level]
        if past.empty:
            assert trial.steps_to_target == trial.crossed_after == np.inf and trial.status == "exhausted"
            continue
        before = mine[mine["step"] < past["step"].iloc[0]]
        assert trial.steps_to_target == past["step"].iloc[0] and trial.status == "reached"
        assert trial.crossed_after == (before["step"].max() if len(before) else 0)


def test_a_level_that_the_run_looked_at_itself_is_known_to_the_step(run):
    again = run.for_target("val_accuracy", 0.7)
    np.testing.assert_array_equal(again.trials["steps_to_target"], run.trials["steps_to_target"])
    assert again.ranking.equals(run.ranking)
    assert not any("evaluated points" in words for words in again.answers)
    assert again.answers == run.answers and "known to the step" in ert.caption(again.frames)
    assert "evaluated points alone" in ert.caption(run.for_target("val_accuracy", 0.8).frames)


def test_what_a_bracket_could_overturn_is_not_told(run):
    frames = run.for_target("val_accuracy", 0.8).frames
    trials = frames.trials.copy()
    adam, reports = trials["rule"] == "adam", trials["role"] != "tune"
    trials.loc[reports, "steps_to_target"] = np.where(adam[reports], 14.0, 21.0)
    for before, groups in ((14.0, {1, 2}), (13.0, {1}), (0.0, {1})):
        # adam crossed from step 8 to 14, sgd from the step after `before` to 21.
        trials.loc[reports, "crossed_after"] = np.where(adam[reports], 7.0, before)
        found = soonest(trials, ["steps"])["steps"].rules
        assert set(found["group"]) == groups, before
        assert found.set_index("rule").loc["sgd", "ratio"] == pytest.approx(1.5)  # of what is shown, 21 and 14


def test_another_target_after_another_is_that_of_the_run_itself(run):
    once, own = run.for_target("val_accuracy", 0.8), run.for_target("val_accuracy", 0.7)
    twice = once.for_target("val_accuracy", 0.8)
    pd.testing.assert_frame_equal(twice.trials, once.trials)
    assert twice.ranking.equals(once.ranking) and twice.answers == once.answers
    pd.testing.assert_frame_equal(once.for_target("val_accuracy", 0.7).trials, own.trials)
    assert set(once.targets["level"]) == {0.5, 0.7, 0.8} and own.targets.equals(run.targets)


def test_a_run_that_stored_no_crossings_knows_them_to_its_points_alone(run):
    old = dataclasses.replace(run.frames, about={**run.frames.about, "looks": False})
    found = retargeted(old, "val_accuracy", 0.7).trials
    assert (found["crossed_after"] + 1 < found["steps_to_target"]).any()
    for trials in (run.trials.drop(columns="diverged_step"), run.trials.assign(diverged_step=np.nan)):
        again = retargeted(dataclasses.replace(old, trials=trials), "val_accuracy", 0.7).trials
        assert again["steps_to_target"].equals(found["steps_to_target"])


def test_only_settings_that_report_are_judged_by_the_other_target(run):
    trials = run.trials.copy()
    tuned = trials["role"] == "tune"
    chosen = trials.loc[trials["role"] == "report", ["rule", "setting"]].drop_duplicates()
    reports = pd.MultiIndex.from_frame(trials[["rule", "setting"]]).isin(pd.MultiIndex.from_frame(chosen))
    curves = run.curves.copy()
    others = curves["trial"].isin(trials.loc[tuned & ~reports, "trial"])
    curves.loc[others, "val_accuracy"] = 1.0  # whatever was not chosen now gets there at once
    frames = retargeted(dataclasses.replace(run.frames, curves=curves), "val_accuracy", 0.8)
    assert set(choose(frames.trials)["setting"]) == set(chosen["setting"])
    assert (judgement(frames).rules["seeds"] == 8).all()
    assert run.for_target("val_loss", 1e-9).answers[0].startswith("No rule reached 1.00e-9 validation loss")


def test_every_problem_must_have_the_metric_and_all_points(run, folder):
    trials, curves = run.trials.copy(), run.curves.copy()
    other = trials["trial"] >= trials["trial"].max() - 3
    trials.loc[other, "problem"] = "d"
    curves.loc[curves["trial"].isin(trials.loc[other, "trial"]), "val_accuracy"] = np.nan
    with pytest.raises(UsageError, match="problem 'd' has no curve of val_accuracy"):
        retargeted(dataclasses.replace(run.frames, trials=trials, curves=curves), "val_accuracy", 0.8)
    first = gdbench.load(folder / "gdbench.db")
    first.points = "first"
    with pytest.raises(UsageError, match="without its curves' points"):
        first.for_target("val_accuracy", 0.8)


def test_the_page_says_what_it_knows_and_how_to_know_more(folder, run, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["report", "latest", "--target", "val_accuracy=0.8", "--out", str(folder)])
    out = capsys.readouterr().out
    assert ended.value.code == 0 and "report-val_accuracy-0.8.html" in out
    page = (folder / run.id / "report-val_accuracy-0.8.html").read_text()
    assert "This target was crossed between evaluated points." in page and "80 %" in page
    assert " to " in page and not (folder / run.id / "report.html").exists()


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("val_accuracy", "must be a metric and a level, such as val_accuracy=0.82"),
        ("val_accuracy=high", "must be a metric and a level"),
        ("val_acuracy=0.8", "no curve of val_acuracy; did you mean 'val_accuracy'"),
        ("test_accuracy=0.8", "no curve of test_accuracy"),
        ("val_accuracy=82", "the level must be above 0 and at most 1, as a share"),
        ("val_loss=0", "the level must be above 0"),
    ],
)
def test_mistakes_are_named(folder, capsys, target, error):
    with pytest.raises(SystemExit) as ended:
        main(["report", "latest", "--target", target, "--out", str(folder)])
    assert ended.value.code == 2 and error in capsys.readouterr().err


def test_trials_that_stopped_cannot_be_judged_by_another_target(tmp_path):
    run = gdbench.run({**SUITE, "stop_at_target": True, "seeds": 1}, store=tmp_path / "s.db", time=False)
    with pytest.raises(UsageError, match="stopped at their own target; train anew"):
        run.for_target("val_accuracy", 0.9)
