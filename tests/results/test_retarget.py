"""Another target for a stored run: what curves know of crossings, and no claim that a bracket could overturn."""

import numpy as np
import pytest

import gdbench
from gdbench.cli import main
from gdbench.errors import UsageError
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
    # A crossing that fell back before the next point is not seen; all others lie in their bracket.
    inside = (true > low.loc[reports]) & (true <= high.loc[reports])
    assert (inside | (true == high.loc[reports]) | (true < low.loc[reports])).all() and inside.mean() > 0.3
    assert (high.loc[reports][np.isfinite(high.loc[reports])] % 7 == 0).mean() > 0.5


def test_a_level_that_the_run_looked_at_itself_is_known_to_the_step(run):
    again = run.for_target("val_accuracy", 0.7)
    np.testing.assert_array_equal(again.trials["steps_to_target"], run.trials["steps_to_target"])
    assert again.ranking.equals(run.ranking)
    assert not any("evaluated points" in words for words in again.answers)


def test_what_a_bracket_could_overturn_is_not_told(run):
    frames = run.for_target("val_accuracy", 0.8).frames
    trials = frames.trials.copy()
    adam, reports = trials["rule"] == "adam", trials["role"] != "tune"
    trials.loc[reports, "steps_to_target"] = np.where(adam[reports], 14.0, 21.0)
    for before, groups in ((13.0, {1, 2}), (7.0, {1, 2}), (0.0, {1})):
        # sgd crossed between `before` + 1 and 21, adam no later than 14.
        trials.loc[reports, "crossed_after"] = np.where(adam[reports], 7.0, max(before, 0.0))
        trials.loc[reports & ~adam, "crossed_after"] = 14.0 if before else 0.0
        found = soonest(trials, ["steps"])["steps"].rules
        assert set(found["group"]) == groups, before


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
