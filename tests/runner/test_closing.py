"""The pass that ends a run: what steps cost and how long the target takes, without a word about absolute times."""

import json

import numpy as np
import pytest

import gdbench
from gdbench.cli import main
from gdbench.errors import InterruptedRunError
from gdbench.reports.page import render
from gdbench.reports.settings_table import readable, settings
from gdbench.results.export import export
from gdbench.runner import Watcher, closing
from gdbench.stats import bootstrap_product
from gdbench.stats.timings import step_costs

pytestmark = pytest.mark.usefixtures("no_pictures")

MIXED = {
    "seeds": 2,
    "batch_size": [8, "full"],
    "budget": {"steps": 12},
    "target": {"train_loss": 1e9},  # at once: no function has it
    "clip_norm": [0.0, 1.0],
    "problem": {"iris": {"kind": "mlp", "dataset": "iris", "hidden": [5]}},
    "rule": {"sgd": {"lr": [0.01]}, "slow": {"rule": "momentum", "lr": [0.01], "momentum": [0.5, 0.9]}},
}
FUNCTIONS = {
    "seeds": 2,
    "budget": {"steps": 40},
    "target": {"value": 0.1},
    "dtype": "float64",
    "problem": {
        "booth": {"kind": "function", "function": "booth"},
        "beale": {"kind": "function", "function": "beale"},
    },
    "rule": {"sgd": {"lr": [0.01, 0.03]}, "newton-damped": {"lr": [1.0]}},
}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    return gdbench.run(MIXED, store=tmp_path_factory.mktemp("closing") / "m.db")


def chosen(run):
    return {(row.problem, row.rule, row.batch_size) for row in settings(run.frames).itertuples()}


def test_every_row_of_the_ranking_is_timed_beside_the_references(mixed):
    subjects = mixed.subjects
    steps = subjects[subjects["part"] == "step"]
    assert set(zip(steps["problem"], steps["rule"], steps["batch_size"], strict=True)) == chosen(mixed)
    assert set(subjects["part"]) == {"step", "shuffle", "peak", "triad"}
    assert set(subjects.loc[subjects["part"] == "triad", "memory"]) == set(steps["memory"].dropna())
    assert set(mixed.timings["subject"]) == set(subjects["subject"]) and (mixed.timings["seconds"] > 0).all()
    assert mixed.environment["timing_rounds"] == mixed.timings["round"].max() + 1
    assert mixed.state == "complete"


def test_functions_and_direction_rules_are_timed_too_and_have_a_time_to_target(tmp_path):
    run = gdbench.run(FUNCTIONS, store=tmp_path / "f.db")
    frame = settings(run.frames)
    assert set(step_costs(run.timings, run.subjects)) == chosen(run) and (frame["step"] > 0).all()
    reached = np.isfinite(frame["steps_to_target"])
    assert reached.any() and (frame["time_to_target"][reached] > 0).all()
    assert np.isinf(frame["time_to_target"][~reached]).all()
    assert "triad" not in set(run.subjects["part"]) and "time to target" in render(run.frames)


def test_the_time_to_target_is_median_steps_times_the_median_cost_of_a_step(small, tmp_path, monkeypatch):
    monkeypatch.setattr(closing, "MOST", 0.6)
    monkeypatch.setattr(closing, "LEAST", 0.6)
    run = gdbench.run(small, store=tmp_path / "r.db")
    costs = step_costs(run.timings, run.subjects)
    for row in settings(run.frames).itertuples():
        trials = run.trials[(run.trials["role"] == "report") & (run.trials["rule"] == row.rule)]
        steps = trials[trials["batch_size"] == row.batch_size]["steps_to_target"].to_numpy()
        rounds = costs[row.problem, row.rule, row.batch_size]
        assert len(rounds) and row.step == np.median(rounds)
        found = (row.time_to_target, row.time_to_target_low, row.time_to_target_high)
        np.testing.assert_array_equal(found, bootstrap_product(steps, rounds))  # NaN bounds with one round


def test_settings_of_one_problem_are_timed_as_they_clip(mixed, monkeypatch):
    seen = []
    monkeypatch.setattr(closing, "whole_step", lambda case, label, *given, **more: seen.append((case, given, more)))
    setting = gdbench.suites.load(MIXED).settings
    groups = {s.definition["clip_norm"]: s for s in setting}
    for s in groups.values():
        closing._steps([closing.Chosen(s, np.inf)], ())
    assert [case.clipping["clip_norm"] for case, *_ in seen] == list(groups) == [0.0, 1.0]
    slow = [s for s in setting if s.rule == "slow"][-1]
    closing._steps([closing.Chosen(slow, 7.0)], ())
    _, (rule, settings, _), more = seen[-1]
    assert rule.name == "momentum" and settings["momentum"] == 0.9 and more["longest"] == 7


def test_a_run_without_the_pass_shows_no_times(small, tmp_path, monkeypatch):
    run = gdbench.run(small, store=tmp_path / "n.db", time=False)
    assert run.timings.empty and run.subjects.empty and run.state == "complete"
    frame = settings(run.frames)
    assert "step" not in frame and "time_to_target" not in frame
    assert not {"time to target", "step"} & set(readable(frame, run.frames)[0])
    assert "No step was timed." in " ".join(run.answers) and "time to target" not in render(run.frames)


@pytest.mark.pictures
@pytest.mark.parametrize("form", ["json", pytest.param("csv", marks=pytest.mark.slow)])
def test_an_export_has_the_same_times(form, mixed, tmp_path):
    path = export(mixed.frames, tmp_path / f"out.{form}", form)
    again = gdbench.load(path)
    assert readable(settings(again.frames), again.frames) == readable(settings(mixed.frames), mixed.frames)
    assert "time_to_target" in settings(again.frames)
    assert render(again.frames).count("<figure") == render(mixed.frames).count("<figure")


@pytest.mark.parametrize("name", ["trials", "curves"])
def test_an_export_whose_file_was_cut_short_is_noticed(name, mixed, tmp_path):
    path = export(mixed.frames, tmp_path / "out", "csv")
    lines = (path / f"{name}.csv").read_text().splitlines(keepends=True)
    for kept in ("".join(lines[:-2]), "".join(lines)[:-30]):
        (path / f"{name}.csv").write_text(kept)
        with pytest.raises(gdbench.GdbenchError, match="was changed since gdbench wrote it"):
            gdbench.load(path)


class Press(Watcher):
    """Presses Ctrl-C when the pass begins."""

    def timing(self):
        raise KeyboardInterrupt


def test_a_run_stopped_in_the_pass_is_complete_without_timings(small, tmp_path):
    with pytest.raises(InterruptedRunError, match="has all its trials"):
        gdbench.run(small, store=tmp_path / "i.db", watcher=Press())
    run = gdbench.load(tmp_path / "i.db")
    assert run.state == "complete" and run.timings.empty and len(run.trials) == 32
    assert "wall_seconds" in run.environment and "step" not in settings(run.frames)


class StopEarly(Watcher):
    """Presses Ctrl-C after a trial, and remembers whether the pass began."""

    timed = False

    def finished(self, record):
        raise KeyboardInterrupt

    def timing(self):
        self.timed = True


def test_only_the_call_that_ends_a_run_times_it(small, tmp_path):
    watcher = StopEarly()
    with pytest.raises(InterruptedRunError, match="the same command continues it"):
        gdbench.run(small, store=tmp_path / "s.db", watcher=watcher)
    stopped = gdbench.load(tmp_path / "s.db")
    assert not watcher.timed and stopped.timings.empty
    run = gdbench.run(small, store=tmp_path / "s.db")
    assert run.id == stopped.id and set(step_costs(run.timings, run.subjects)) == chosen(run)


BROKEN = """
import gdbench

@gdbench.direction(lr=1.0)
def breaking(objective, x, c, memory):
    memory["steps"] = memory.get("steps", 0) + 1
    if memory["steps"] > 2:
        raise RuntimeError("no way")
    return x
"""


def test_what_fails_in_its_trials_is_not_timed_and_takes_no_other_with_it(small, tmp_path):
    (tmp_path / "breaking.py").write_text(BROKEN)
    suite = {**small, "batch_size": "full", "rule": {"sgd": {"lr": [0.1]}, "breaking": {}}}
    run = gdbench.run(suite, store=tmp_path / "b.db", plugins=[tmp_path / "breaking.py"])
    assert run.state == "failed" and "failed" in set(run.trials["status"])
    assert {rule for _, rule, _ in step_costs(run.timings, run.subjects)} == {"sgd"}
    frame = settings(run.frames).set_index("rule")
    assert frame.loc["sgd", "step"] > 0 and np.isnan(frame.loc["breaking", "step"])
    assert "–" in {row["step"] for row in readable(settings(run.frames), run.frames)} and render(run.frames)


def test_trials_are_kept_when_the_pass_fails(small, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("no clock")

    monkeypatch.setattr("gdbench.runner.run.closing_pass", fail)
    run = gdbench.run(small, store=tmp_path / "e.db")
    assert run.state == "complete" and run.timings.empty
    assert "no clock" in render(run.frames) and "no clock" in " ".join(run.answers)


def test_the_command_line_times_unless_told_not_to(tmp_path, capsys):
    (tmp_path / "s.toml").write_text(
        'seeds = 2\nbatch_size = 16\nbudget = {steps = 9}\ntarget = {train_loss = 9.0}\n[problem.iris]\nkind = "mlp"\n'
        'dataset = "iris"\n[rule.sgd]\nlr = [0.01, 0.1]\n'
    )
    documents = []
    for more in ((), ("--no-time",)):
        with pytest.raises(SystemExit) as ended:
            main(["run", str(tmp_path / "s.toml"), "--out", str(tmp_path / "out"), "--json", *more])
        assert ended.value.code == 0
        documents += json.loads(capsys.readouterr().out)
    timed, plain = documents
    assert timed["settings"][0]["time_to_target"] is not None and timed["settings"][0]["step"] > 0
    assert "step" not in plain["settings"][0] and "No step was timed." in " ".join(plain["answers"])


def test_more_trials_at_a_time_are_timed_beside_their_own_references(small, tmp_path):
    run = gdbench.run(small, store=tmp_path / "jobs.db", jobs=3)
    more = run.subjects[run.subjects["jobs"] > 1]
    assert set(more["jobs"]) == {2, 3} and set(more["part"]) == {"step", "peak", "triad"}
    steps = more[more["part"] == "step"]
    assert len(steps) == 2 and steps["rule"].nunique() == steps["batch_size"].nunique() == 1
    alone = gdbench.run(small, store=tmp_path / "alone.db", jobs=1)
    assert set(alone.subjects["jobs"]) == {1}


def test_a_run_of_which_nothing_can_be_timed_says_nothing_of_it(small, tmp_path):
    (tmp_path / "failing.py").write_text(BROKEN.replace("breaking", "failing"))
    run = gdbench.run({**small, "rule": {"failing": {}}}, store=tmp_path / "f.db", plugins=[tmp_path / "failing.py"])
    assert set(run.trials["status"]) == {"failed"} and run.timings.empty
    assert "timing_error" not in run.environment and not any("seconds" in words for words in run.answers)


def test_a_stored_run_is_timed_again(small, tmp_path, capsys):
    store = tmp_path / "gdbench.db"
    run = gdbench.run(small, store=store, time=False)
    assert run.timings.empty and any(f"gdbench time --run {run.id}" in words for words in run.answers)
    for turn in range(2):
        with pytest.raises(SystemExit) as ended:
            main(["time", "--run", run.id, "--out", str(tmp_path), "--json"])
        document = json.loads(capsys.readouterr().out)
        again = gdbench.load(store)
        assert ended.value.code == 0 and document["run"] == again.id == run.id and len(again.timings)
        assert again.trials.equals(run.trials) and again.state == "complete"
        # Its own references are those of the session before it, if there was one.
        assert len(again.environment["references_before"]) == turn * len(again.environment["references"]) > turn - 1
    with pytest.raises(SystemExit) as ended:
        main(["time", "adam", "--run", run.id, "--out", str(tmp_path)])
    assert ended.value.code == 2 and "leave out RULE" in capsys.readouterr().err
