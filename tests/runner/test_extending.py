"""Grids that end too early are extended: what is added, when it ends, what is copied, and that it can be resumed."""

import numpy as np
import pytest

import gdbench
from gdbench import suites
from gdbench.errors import InterruptedRunError
from gdbench.runner.extending import rates_beyond
from gdbench.runner.run import Watcher


@pytest.fixture
def early(small):
    """A suite whose grids end far below the best learning rates."""
    grids = {"sgd": {"lr": [0.001, 0.01, 0.03]}, "adam": {"lr": [0.003, 0.03, 0.3]}}
    return {**small, "batch_size": 8, "budget": {"epochs": 6}, "rule": grids}


class Told(Watcher):
    """Keeps what it is told, and presses Ctrl-C after so many trials."""

    def __init__(self, after=None):
        self.said, self.trained, self.after = [], 0, after

    def notices(self, sentences):
        self.said += sentences

    def finished(self, record):
        self.trained += 1
        if self.trained == self.after:
            raise KeyboardInterrupt


def rates(run, rule):
    mine = run.trials[(run.trials["rule"] == rule) & (run.trials["role"] == "tune")]
    return sorted(mine["lr"].unique())


def test_a_grid_goes_on_by_its_last_factor_until_the_best_is_inside(early, tmp_path):
    run = gdbench.run(early, store=tmp_path / "s.db", time=False, extend=True)
    tried = rates(run, "sgd")
    assert tried[:3] == [0.001, 0.01, 0.03] and 3 < len(tried) <= 15
    np.testing.assert_allclose(np.diff(np.log(tried[2:])), np.log(3))
    from gdbench.stats import choose

    chosen = choose(run.trials).set_index("rule")
    assert chosen.loc["sgd", "at_edge"] == "" and run.state == "complete"
    assert run.about["table"]["rule"]["sgd"]["lr"] == {"values": tried}
    assert len(run.trials) == suites.load(run.about["table"]).count()
    again = gdbench.run(run.about["table"], store=tmp_path / "again.db", time=False)
    mine, theirs = (each.trials.set_index("key")["digest"].sort_index() for each in (run, again))
    assert mine.equals(theirs)


def test_trials_of_a_complete_run_are_copied_and_that_is_said(early, tmp_path):
    plain = gdbench.run(early, store=tmp_path / "s.db", time=False)
    told = Told()
    run = gdbench.run(early, store=tmp_path / "s.db", time=False, extend=True, watcher=told)
    copied = len(run.trials) - told.trained
    known = set(plain.trials["key"] + plain.trials["role"])
    assert run.id != plain.id and copied == (run.trials["key"] + run.trials["role"]).isin(known).sum() >= 12
    assert told.said[0] == f"12 trials are copied from run {plain.id}, which has trained them"
    alone = gdbench.run(early, store=tmp_path / "alone.db", time=False, extend=True)
    names = ["trial", "key", "role", "status", "steps_to_target", "diverged_step", "digest"]
    assert run.trials[names].equals(alone.trials[names]) and run.curves.equals(alone.curves)
    assert plain.trials.equals(gdbench.load(tmp_path / "s.db", plain.id).trials)


def test_a_damaged_trial_is_not_copied(early, tmp_path):
    import sqlite3
    from contextlib import closing

    plain = gdbench.run(early, store=tmp_path / "s.db", time=False)
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection, connection:
        connection.execute("UPDATE trials SET steps = 1 WHERE trial = 3")
    told = Told()
    run = gdbench.run(early, store=tmp_path / "s.db", time=False, extend=True, watcher=told)
    assert told.said[0].startswith(f"11 trials are copied from run {plain.id}") and run.state == "complete"
    assert (run.trials["steps"] > 1).all()


@pytest.mark.parametrize("after", [2, 13, 16])
def test_an_interrupted_run_goes_on_where_it_was(early, tmp_path, after):
    with pytest.raises(InterruptedRunError):
        gdbench.run(early, store=tmp_path / "s.db", time=False, extend=True, watcher=Told(after), jobs=1)
    stopped = gdbench.load(tmp_path / "s.db").id
    run = gdbench.run(early, store=tmp_path / "s.db", time=False, extend=True)
    whole = gdbench.run(early, store=tmp_path / "whole.db", time=False, extend=True)
    names = ["trial", "key", "role", "digest"]
    assert run.id == stopped and run.trials[names].equals(whole.trials[names])
    # It is another run than that of the suite without --extend.
    assert gdbench.run(early, store=tmp_path / "s.db", time=False).id != run.id


def test_at_most_twelve_are_added_at_either_edge():
    suite = suites.load(
        {"seeds": 1, "budget": {"steps": 1}, "problem": {"i": {"kind": "mlp", "dataset": "iris"}},
         "rule": {"a": {"rule": "sgd", "lr": [0.1, 0.2, 0.4]}, "one": {"rule": "sgd", "lr": 0.5}}}
    )  # fmt: skip
    assert rates_beyond(suite, [("a", "high"), ("a", "low"), ("one", "low")]) == {"a": 0.8}
    assert rates_beyond(suite, [("a", "low")]) == {"a": 0.05}
    before = [setting.hash for setting in suite.settings]
    for number in range(12):
        suite = suite.extended(rates_beyond(suite, [("a", "high")]))
        assert [setting.hash for setting in suite.settings][: len(before)] == before
        assert suite.count() == (3 + number + 1 + 1) + 4 and len(suite.settings) == 3 + number + 2
    assert rates_beyond(suite, [("a", "high")]) == {}
