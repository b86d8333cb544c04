"""What the command line does with baselines: finds, saves, updates and compares them."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

import gdbench
from gdbench.cli import main
from gdbench.cli.baselines import compare_with_baseline, find_baseline, load_baseline, no_baseline, save_baseline
from gdbench.errors import GdbenchError, UsageError
from gdbench.gate.baseline import read_baseline
from gdbench.gate.measures import FAILED
from gdbench.gate.sides import NoBaselineError, side_of

pytestmark = pytest.mark.usefixtures("no_pictures")

TOML = """
seeds = 2
tune_seeds = 0
batch_size = 16
budget = {epochs = 1}
evaluate = {points = 2}
[problem.iris]
kind = "mlp"
dataset = "iris"
[rule.sgd]
lr = 0.1
"""


def call(capsys, *arguments):
    """Exit code, standard output and standard error of a command."""
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    printed = capsys.readouterr()
    return ended.value.code, printed.out, printed.err


@pytest.fixture
def tiny():
    Path("tiny.toml").write_text(TOML)
    return "tiny.toml"


def trained(**settings):
    return gdbench.run({**tomllib.loads(TOML), **settings}, store="trained.db", time=False)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("main", "out/baselines/main.txt"),
        ("./main", "main"),
        ("tests/main", "tests/main"),
        ("main.txt", "main.txt"),
    ],
)
def test_a_name_is_a_file_among_the_results_and_a_path_is_itself(name, path):
    assert find_baseline(name, Path("out")) == Path(path)


def test_no_baseline_ends_with_code_4_and_names_the_command_that_makes_one():
    with pytest.raises(NoBaselineError, match=r"out/baselines/main.txt; .*--save-baseline main --out out") as caught:
        load_baseline("main", Path("out"))
    assert caught.value.exit_code == 4 and str(caught.value) == str(no_baseline("main", Path("out")))
    with pytest.raises(UsageError, match="empty"):
        find_baseline("", Path("out"))


def test_run_saves_what_ended_and_tells_what_changed(tiny, capsys):
    command = ("run", tiny, "--no-time", "--save-baseline", "main")
    code, out, _ = call(capsys, *command)
    path = Path("gdbench-results/baselines/main.txt")
    assert code == 0 and f"baseline: {path}, new, 7 metrics" in out
    before = path.read_bytes()
    code, out, _ = call(capsys, *command, "--fresh")
    assert code == 0 and "nothing changed in 7 metrics" in out and path.read_bytes() == before
    code, out, _ = call(capsys, *command, "--set", "rule.sgd.lr=0.2", "--json")
    (document,) = json.loads(out)
    assert document["baseline"]["path"] == str(path) and document["baseline"]["metrics"] == 7
    assert document["baseline"]["changes"][0] == "iris, sgd, 16, float32: digest of 2 new, 2 gone"
    assert load_baseline("main", Path("gdbench-results")).facts["run"] == document["run"]


def test_chosen_families_stay_chosen(tiny, capsys):
    command = ("run", tiny, "--no-time", "--quiet", "--save-baseline", "here/b.txt")
    assert call(capsys, *command, "--baseline-family", "count", "--baseline-family", "digest")[0] == 0
    assert read_baseline(Path("here/b.txt")).facts["families"] == ("digest", "count")
    assert call(capsys, *command, "--set", "budget.epochs=2")[0] == 0
    assert set(read_baseline(Path("here/b.txt")).measures["family"]) == {"digest", "count"}
    assert call(capsys, *command, "--baseline-family", "digest", "--set", "budget.epochs=2")[0] == 0
    assert read_baseline(Path("here/b.txt")).facts["families"] == ("digest",)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["functions", "--save-baseline", "main"], "one suite at a time"),
        (["--save-baseline", "main", "--dry-run"], "--dry-run"),
        (["--save-baseline", "main", "--baseline-family", "digests"], "did you mean 'digest'?"),
        (["--baseline-family", "digest"], "--save-baseline NAME"),
        (["--save-baseline", "./tiny.toml"], "not a baseline"),
        (["--save-baseline", "./"], "cannot be read"),
        (["--save-baseline", ""], "empty"),
    ],
)
def test_what_could_not_be_saved_is_refused_before_anything_runs(options, words, tiny, capsys):
    code, _, err = call(capsys, "run", tiny, *options)
    assert code == 2 and words in " ".join(err.split()) and "Traceback" not in err
    assert not Path("gdbench-results").exists() and Path(tiny).read_text() == TOML


def test_a_run_with_failed_trials_saves_nothing_and_keeps_its_exit_code(tiny, capsys, monkeypatch):
    from gdbench.runner.backends import contract as module

    def broken(trial, *rest):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(module, "train", broken)
    code, _, err = call(capsys, "run", tiny, "--no-time", "--quiet", "--save-baseline", "main")
    assert code == 3 and "no baseline was written" in err and not Path("gdbench-results/baselines").exists()
    with pytest.raises(NoBaselineError, match="is failed, so it cannot be a baseline"):
        save_baseline("main", gdbench.load("gdbench-results/gdbench.db").frames, Path())


def test_head_is_compared_in_the_families_that_the_baseline_keeps():
    run = trained()
    save_baseline("./b.txt", run.frames, Path(), ["digest"])
    found = compare_with_baseline("./b.txt", side_of(run.frames), Path())
    assert set(found.findings["family"]) == {"digest"} and found.exit_code() == 0
    assert found.base["name"] == "baseline b.txt" and found.head["name"] == f"run {run.id}"


@pytest.mark.parametrize("family", ["convergence", "count"])
def test_trials_that_failed_or_are_missing_are_told_whichever_family_of_trials_is_kept(family):
    run = trained()
    save_baseline("./b.txt", run.frames, Path(), [family])
    assert read_baseline(Path("b.txt")).facts["families"] == (family,)
    same = compare_with_baseline("./b.txt", side_of(run.frames), Path())
    assert same.verdict == "unchanged" and same.exit_code() == 0
    trials = run.frames.trials
    failed = trials.assign(status=[FAILED, *trials["status"][1:]], digest=[None, *trials["digest"][1:]])
    for changed, verdict in ((failed, "failed"), (trials[1:], "missing")):
        head = side_of(replace(run.frames, trials=changed))
        assert compare_with_baseline("./b.txt", head, Path()).verdict == verdict


def test_a_baseline_that_is_still_to_come_is_told_in_every_form(tiny, capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    assert call(capsys, "run", tiny, "--no-time", "--quiet")[0] == 0
    outputs = ["--github", "--junit-xml", "junit.xml", "--html", "page.html", "--benchmark-json", "bench.json"]
    code, out, _ = call(capsys, "gate", "--baseline", "none", "--baseline-lenient", *outputs)
    assert code == 0 and "there is no baseline" in out and "::warning title=gdbench inconclusive" in out
    assert "there is no baseline" in Path("summary.md").read_text() and "skipped=" in Path("junit.xml").read_text()
    assert Path("page.html").exists() and Path("bench.json").exists()
    code, out, _ = call(capsys, "gate", "--baseline", "none", "--baseline-lenient", "--json")
    document = json.loads(out)
    assert code == document["exit_code"] == 0 and document["gdbench_verdicts"] == 2
    assert document["verdict"] == "inconclusive"


def test_an_update_takes_no_option_that_it_would_ignore(tiny, capsys):
    assert call(capsys, "run", tiny, "--no-time", "--quiet", "--save-baseline", "./b.txt")[0] == 0
    for option in (["--html", "x"], ["--baseline-lenient"], ["--strict"], ["--github"]):
        code, _, err = call(capsys, "gate", "--baseline", "./b.txt", "--update", *option)
        assert code == 2 and "not with --update" in err
    code, out, _ = call(capsys, "gate", "--baseline", "./b.txt", "--update", "--quiet", "--family", "digest")
    assert code == 0 and out.startswith("baseline: b.txt, 5 metrics differ, 2 are in the file now")
    assert len(out.splitlines()) == 1


def test_lenient_lets_pass_what_has_no_baseline_yet_and_nothing_else():
    run, more = trained(), trained(rule={"sgd": {"lr": 0.1}, "adam": {"lr": 0.01}})
    head = side_of(more.frames)
    found = compare_with_baseline("./b.txt", head, Path(), lenient=True)
    assert found.exit_code() == 0 and found.verdict == "inconclusive" and found.base["name"].startswith("there is no")
    assert set(found.findings["reason"]) == {"no-baseline"}
    with pytest.raises(NoBaselineError):
        compare_with_baseline("./b.txt", head, Path())
    save_baseline("./b.txt", run.frames, Path())
    assert compare_with_baseline("./b.txt", head, Path(), margin=0.1).exit_code() == 4
    found = compare_with_baseline("./b.txt", head, Path(), lenient=True)
    assert found.exit_code() == 0 and set(found.findings["rule"]) == {"sgd"}
    save_baseline("./b.txt", more.frames, Path())
    assert compare_with_baseline("./b.txt", side_of(run.frames), Path(), lenient=True).verdict == "missing"
    Path("b.txt").write_text(Path("b.txt").read_text()[:-20])
    with pytest.raises(GdbenchError, match="truncated"):
        compare_with_baseline("./b.txt", head, Path(), lenient=True)


def test_an_update_after_which_nothing_is_found():
    save_baseline("./b.txt", trained().frames, Path())
    other = trained(dtype="float64")
    assert compare_with_baseline("./b.txt", side_of(other.frames), Path()).exit_code() == 3
    saved = save_baseline("./b.txt", other.frames, Path())
    assert len(saved.changes) == 12 and {line.split()[-1] for line in saved.changes} == {"new", "gone"}
    assert compare_with_baseline("./b.txt", side_of(other.frames), Path()).verdict == "unchanged"
