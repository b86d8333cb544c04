"""What took minutes is kept before it is printed, and one thing that fails takes nothing else with it."""

import dataclasses
import json

import pytest
from test_cli import call

import gdbench
from gdbench.cli import kept
from gdbench.reports.caveats import answers

pytestmark = pytest.mark.usefixtures("no_pictures")

SUITE = """
title = "Little"
seeds = 2
tune_seeds = 0
budget = {{epochs = 1}}
[problem.iris]
kind = "mlp"
dataset = "iris"
hidden = [3]
[rule."sgd [red][/x]"]
rule = "sgd"
lr = [{lr}]
"""


@pytest.fixture
def suite(tmp_path):
    def write(lr):
        path = tmp_path / "little.toml"
        path.write_text(SUITE.format(lr=lr))
        return path

    return write


def stop(*arguments, **options):
    raise RuntimeError("nothing can be printed")


def test_tune_keeps_its_results_before_it_prints_them(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("gdbench.cli.tune._print", stop)
    options = ["--lr", "0.01,0.1", "--seeds", "2", "--set", "budget.epochs=1", "--jobs", "1", "--out", tmp_path / "out"]
    code, _, _ = call(capsys, "tune", "sgd", "iris", *options)
    (path,) = (tmp_path / "out").iterdir()
    document = json.loads(path.read_text())
    assert code == 3 and path.name.startswith("tune-sgd-iris-") and len(document["tried"]) == 2
    monkeypatch.undo()
    code, out, _ = call(capsys, "tune", "sgd", "iris", *options)
    (second,) = set((tmp_path / "out").iterdir()) - {path}
    assert code == 0 and out.splitlines()[-1].endswith(f"results: {second}")
    assert json.loads(second.read_text()) == document


def test_results_that_cannot_be_kept_are_printed(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    code, out, err = call(
        capsys, "tune", "sgd", "iris", "--lr", "0.1", "--seeds", "1", "--set", "budget.epochs=1", "--quiet",
        "--out", tmp_path / "file",
    )  # fmt: skip
    assert code == 0 and out == "0.1\n" and "printed but not kept" in err and err.count("\n") == 1


def test_a_name_of_results_is_a_name_of_one_file(tmp_path):
    first, second = (kept.keep("tune-sgd-../../a b\x1b[é", tmp_path, {"a": 1}) for _ in "ab")
    assert first != second and {first, second} == set(tmp_path.iterdir()) and "/" not in first.name


def test_time_keeps_its_results_in_a_file_unless_they_are_stored(tmp_path, capsys, monkeypatch):
    options = ["--net", "4-3-2", "--processes", "1", "--rounds", "1", "--out", tmp_path]
    code, out, _ = call(capsys, "time", "sgd", *options)
    (path,) = tmp_path.glob("time-*.json")
    assert code == 0 and f"results: {path}" in out and json.loads(path.read_text())["samples"]
    monkeypatch.setattr("gdbench.api.runs.render", stop, raising=False)
    monkeypatch.setattr("gdbench.reports.page.render", stop)
    code, out, err = call(capsys, "time", "sgd", *options, "--save")
    assert code == 3 and "run " in out and "could not be written" in err and len(list(tmp_path.glob("*.json"))) == 1


@pytest.mark.pictures
def test_a_page_that_fails_leaves_the_run_and_its_ranking(suite, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("gdbench.reports.page.render", stop)
    code, out, err = call(capsys, "run", suite(0.1), "--no-time", "--out", tmp_path / "out")
    assert code == 3 and "sgd [red][/x]" in out and "report:" not in out
    assert "could not be written" in err and "nothing can be printed" in err and "Traceback" not in err
    monkeypatch.undo()
    assert call(capsys, "report", "latest", "--out", tmp_path / "out")[0] == 0


def test_a_run_whose_every_trial_diverged_measured_nothing(suite, tmp_path, capsys):
    code, out, _ = call(capsys, "run", suite("1e30, 1e32"), "--no-time", "--out", tmp_path / "out")
    assert code == 3 and "All 4 trials diverged, at step" in out and "lowest" not in out
    page = next((tmp_path / "out").glob("*/report.html")).read_text(encoding="utf-8")
    assert "All 4 trials diverged" in page and "Use sgd" not in page


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        (["diverged"] * 4, "All 4 trials diverged, at steps 0 to 7, so nothing was measured"),
        (["failed"] * 4, "All 4 trials failed, so nothing was measured"),
        (["diverged", "failed", "failed", "diverged"], "2 of 4 trials diverged at steps 0 to 7 and 2 failed"),
        (["diverged", "diverged", "exhausted", "exhausted"], "It ends at a loss of"),
    ],
)
def test_the_answer_where_trials_were_lost(statuses, words, tmp_path):
    suite = {
        "seeds": 2,
        "tune_seeds": 0,
        "budget": {"epochs": 1},
        "problem": {"iris": {"kind": "mlp", "dataset": "iris", "hidden": [3]}},
        "rule": {"sgd": {"lr": [0.01, 0.1]}},
    }
    frames = gdbench.run(suite, store=tmp_path / "l.db", time=False).frames
    lost = frames.trials.assign(status=statuses, steps=[0, 1, 2, 7])
    changed = dataclasses.replace(frames, trials=lost)
    answer, *_ = answers(changed)
    assert words in answer and "∞" not in answer


def test_a_suite_whose_file_name_is_no_utf_8_runs_and_has_a_page(suite, tmp_path, capsys):
    path = suite(0.1).rename(tmp_path / "li\udcfftle.toml")
    code, out, err = call(capsys, "run", path, "--no-time", "--out", tmp_path / "o\udcffut")
    assert code == 0 and r"o\xffut" in out and "Traceback" not in err
    code, out, _ = call(capsys, "list", "runs", "--out", tmp_path / "o\udcffut")
    assert code == 0 and r"li\xfftle" in out
