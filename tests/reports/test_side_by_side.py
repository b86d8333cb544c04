"""Runs side by side: nothing is lost or mixed up, and each multiple is the quotient of what the two runs have."""

import dataclasses
import re

import numpy as np
import pytest

import gdbench
from gdbench.cli import main
from gdbench.reports import labels
from gdbench.reports.figures import side_by_side
from gdbench.reports.page import render
from gdbench.reports.settings_table import settings
from gdbench.reports.style import looks, order
from gdbench.reports.together import cautions, together

SUITE = {
    "title": "Flowers",
    "seeds": 3,
    "batch_size": [8, 32],
    "budget": {"epochs": 4},
    "target": {"val_accuracy": 0.8},
    "problem": {"iris": {"kind": "mlp", "dataset": "iris", "hidden": [5]}},
    "rule": {"sgd": {"lr": [0.03, 0.3, 1.0]}, "adam": {"lr": [0.01, 0.1]}},
}


def run_of(tmp_path_factory, **changed):
    return gdbench.run({**SUITE, **changed}, store=tmp_path_factory.mktemp("runs") / "s.db")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return run_of(tmp_path_factory)


@pytest.fixture(scope="module")
def slower(run):
    """The same run, as if its trials had needed twice the steps and each step three times as long."""
    frames = run.frames
    trials = frames.trials.assign(steps_to_target=2 * frames.trials["steps_to_target"])
    changed = trials.index[(trials["rule"] == "adam") & (trials["role"] == "report")]
    trials.loc[changed, "digest"] = "another"
    timings = frames.timings.assign(seconds=3 * frames.timings["seconds"])
    return dataclasses.replace(frames, about={**frames.about, "run": "slower"}, trials=trials, timings=timings)


def test_labels_come_apart_as_they_were_put_together():
    assert labels.parts(labels.of_run("a (run 3)", 12)) == ("a (run 3)", 12)
    assert labels.parts("line\nbreak (run 2)") == ("line\nbreak", 2) and labels.parts("(run 2)") == ("(run 2)", 1)


def test_a_rule_has_one_colour_in_all_runs_and_other_dashes_in_each():
    names = [labels.of_run(rule, number) for number in (2, 1) for rule in ("mine", "adam", "sgd")]
    look = looks(names)
    assert order(names) == [f"{rule} (run {number})" for rule in ("sgd", "adam", "mine") for number in (1, 2)]
    for rule in ("sgd", "adam", "mine"):
        one, two = (labels.of_run(rule, number) for number in (1, 2))
        assert look["palette"][one] == look["palette"][two] and look["dashes"][one] != look["dashes"][two]
    assert look["palette"]["adam (run 2)"] == looks(["adam"])["palette"]["adam"]


def test_together_nothing_is_lost_or_mixed_up(run, slower):
    both = together([run.frames, slower])
    assert len(both.trials) == 2 * len(run.trials) and both.trials["trial"].is_unique
    assert len(both.curves) == 2 * len(run.curves) and both.about["target"] == run.about["target"]
    last = both.curves.sort_values("step").groupby("trial")["train_loss"].last()
    assert (last.loc[both.trials["trial"]].to_numpy() == both.trials["train_loss"].to_numpy()).all()
    for number, frames in enumerate((run.frames, slower), 1):
        mine = both.trials[both.trials["side"] == number]
        assert (mine["steps_to_target"].to_numpy() == frames.trials["steps_to_target"].to_numpy()).all()
        assert set(mine["rule"]) == {f"sgd (run {number})", f"adam (run {number})"}
    rows = settings(both).set_index(["rule", "batch_size"])
    for row in settings(run.frames).to_dict("records"):
        for number, times in ((1, 1), (2, 2)):
            found = rows.loc[(f"{row['rule']} (run {number})", row["batch_size"])]
            assert found["steps_to_target"] == times * row["steps_to_target"] and found["lr"] == row["lr"]


def test_multiples_are_those_that_were_planted(run, slower):
    points = side_by_side.data(together([run.frames, slower]))
    assert len(points) == 2 * 2 * 4 and set(points["side"]) == {2}
    planted = {"steps to target": 2, "cost of a step": 3, "time to target": 6, "final loss": 1}
    for row in points[np.isfinite(points["base"])].to_dict("records"):
        assert row["ratio"] == pytest.approx(planted[row["quantity"]])
        assert row["value"] == pytest.approx(row["ratio"] * row["base"])
        if row["quantity"] in ("steps to target", "final loss"):  # seed by seed nothing scatters
            assert row["low"] == pytest.approx(row["ratio"]) == row["high"]
        assert (row["equal"] == row["shared"]) == (row["plain"] == "sgd") and row["shared"] > 0
    (sentence,) = side_by_side.answers(together([run.frames, slower]))
    for words in ("over the 4 comb", "steps to target ×2 [2, 2]", "cost of a step ×3 [3, 3]", "final loss ×1 [1, 1]"):
        assert words in sentence
    shared, equal = (points.drop_duplicates(side_by_side.ROW)[name].sum() for name in ("shared", "equal"))
    assert f"{equal} of the {shared} trials" in sentence


def test_the_first_run_is_what_the_others_are_measured_by(run, slower):
    points = side_by_side.data(together([slower, run.frames, slower]))
    steps = points[(points["quantity"] == "steps to target") & np.isfinite(points["base"])]
    assert set(steps.loc[steps["side"] == 2, "ratio"]) == {0.5} and set(steps.loc[steps["side"] == 3, "ratio"]) == {1.0}
    rows = side_by_side.table(together([slower, run.frames, slower]))
    assert len(rows) == 4 and any("(×0.5)" in row["steps to target, run 2"] for row in rows)


def test_what_no_longer_arrives_counts_as_infinite(run):
    lost = dataclasses.replace(run.frames, trials=run.trials.assign(steps_to_target=np.inf))
    both = together([run.frames, lost])
    steps = side_by_side.data(both)[lambda points: points["quantity"] == "steps to target"]
    assert np.isinf(steps.loc[np.isfinite(steps["base"]), "ratio"]).all()
    (sentence,) = side_by_side.answers(both)
    assert "steps to target ×∞ [∞, ∞]" in sentence and side_by_side.figure(both) is not None
    assert "steps to target ×0 [0, 0]" in next(side_by_side.answers(together([lost, run.frames])))


def test_only_other_runs_stand_beside_a_run(run, tmp_path):
    for other, words in ((run, "is named twice"), (run.id, "is not a run")):
        with pytest.raises(gdbench.GdbenchError, match=words):
            run.report(tmp_path / "r.html", other)
    assert not (tmp_path / "r.html").exists()


def test_one_run_is_beside_nothing(run):
    assert side_by_side.figure(run.frames) is None and list(side_by_side.answers(run.frames)) == []


def test_the_page_has_all_runs_in_all_of_its_parts(run, slower):
    html = render(run.frames, slower)
    ids = re.findall(r'\bid="([^"]*)"', html)
    assert len(ids) == len(set(ids)) and "run-side-by-side" in ids and "p0-sensitivity" in ids
    assert 'aria-label="Table: The runs"' in html and "Flowers: 2 runs side by side" in html
    for number in (1, 2):
        for rule in ("sgd", "adam"):
            assert len(re.findall(rf'class="mark" data-rule="{rule} \(run {number}\)"', html)) > 10
    assert "run-roofline" not in html  # whose roofs would it be under?


def test_what_makes_runs_hard_to_compare_is_told(run, tmp_path_factory):
    assert list(cautions([run.frames, run.frames])) == []
    iris = {**SUITE["problem"]["iris"], "hidden": [6]}
    other = run_of(tmp_path_factory, target={"val_accuracy": 0.7}, problem={"iris": iris})
    told = " ".join(cautions([run.frames, other.frames]))
    assert "different targets" in told and "iris is not defined alike" in told
    both = together([run.frames, other.frames])
    assert both.about["target"] == {} and set(side_by_side.data(both)["quantity"]) == {"cost of a step", "final loss"}
    budget = run_of(tmp_path_factory, budget={"epochs": 2})
    (words,) = cautions([run.frames, budget.frames])
    assert words == "The runs’ suites differ in budget.epochs, which may be why their results differ."
    slower = run_of(tmp_path_factory, rule={**SUITE["rule"], "adam": {"lr": [0.01, 0.1], "beta1": 0.5}})
    assert "differ in rule.adam.beta1, " in " ".join(cautions([run.frames, slower.frames]))


def test_the_place_of_a_file_is_no_other_problem(run):
    here, there = (
        dataclasses.replace(
            run.frames, about={**run.about, "problems": {"p": {"dataset": {"file": name, "hash": "h"}}}}
        )
        for name in ("/a/x.csv", "/b/x.csv")
    )
    assert list(cautions([here, there])) == []


@pytest.mark.slow
def test_a_run_that_was_not_timed_or_only_failed_stands_beside_another(run, tmp_path):
    plain = gdbench.run({**SUITE, "description": "Another"}, store=tmp_path / "s.db", time=False).frames
    trials = plain.trials.assign(status="failed", digest=None, steps_to_target=np.inf, error="no luck")
    failed = dataclasses.replace(plain, trials=trials, curves=plain.curves.iloc[:0])
    for runs in ([run.frames, plain], [failed, run.frames]):
        assert "runs side by side" in render(*runs)
    assert side_by_side.data(together([run.frames, plain]))["quantity"].nunique() == 2  # no cost, no time


@pytest.mark.slow
def test_runs_that_share_no_setting_and_choose_otherwise_stand_side_by_side_too(run, tmp_path_factory):
    other = run_of(tmp_path_factory, rule={"momentum": {"lr": [0.01, 0.1]}}, tune_seeds=0)
    both = together([run.frames, other.frames])
    assert side_by_side.data(both).empty and side_by_side.figure(both) is None
    assert set(settings(both)["rule"]) == {"sgd (run 1)", "adam (run 1)", "momentum (run 2)"}
    assert "momentum (run 2)" in render(run.frames, other.frames)


@pytest.mark.usefixtures("no_pictures")
def test_the_command_puts_runs_on_one_page(tmp_path, capsys):
    suite = tmp_path / "s.toml"
    suite.write_text(
        'seeds = 1\nbudget = {steps = 3}\n[problem.iris]\nkind = "mlp"\ndataset = "iris"\n[rule.sgd]\nlr = [0.1]\n'
    )
    out = tmp_path / "out"
    for _ in range(2):
        with pytest.raises(SystemExit):
            main(["run", str(suite), "--no-time", "--quiet", "--fresh", "--out", str(out)])
    first, second = (gdbench.load(out / "gdbench.db", name).id for name in ("latest~1", "latest"))
    capsys.readouterr()
    for words, code, told in (
        ([first, second], 0, f"{first}+{second}"),
        ([first, "latest~1"], 2, f"run {first} is named twice"),
        ([second] * 7, 2, "too many for a page"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["report", *words, "--out", str(out)])
        heard = capsys.readouterr()
        assert (ended.value.code or 0) == code and told in heard.out + heard.err
    assert "2 runs side by side" in (out / f"{first}+{second}" / "report.html").read_text(encoding="utf-8")
