"""`gdbench compare` and `gate` as a user types them: exit codes and outputs, on stored runs and on edited exports."""

import json
import re
import shutil
from pathlib import Path
from typing import get_type_hints
from xml.etree import ElementTree

import pytest

from gdbench.cli import gate, main
from gdbench.results.export import sealed

pytestmark = pytest.mark.usefixtures("no_pictures")

SUITE = """
title = "Little"
seeds = 10
tune_seeds = 0
budget = {epochs = 2}
batch_size = 16
target = {val_accuracy = 0.5}
[problem.iris]
kind = "mlp"
dataset = "iris"
[rule.sgd]
lr = 0.3
[rule.adam]
lr = 0.03
"""


def call(capsys, *arguments):
    """Exit code, standard output and standard error of a command."""
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return ended.value.code, printed.out, printed.err


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two complete runs of one suite, and the first as an export."""
    folder = tmp_path_factory.mktemp("gate")
    (folder / "little.toml").write_text(SUITE)
    for command in (["run", folder / "little.toml", "--fresh", "--quiet"],) * 2 + (
        ["export", "latest~1", "--to", folder / "base.json"],
    ):
        with pytest.raises(SystemExit) as ended:
            main([str(each) for each in [*command, "--out", folder / "out"]])
        assert ended.value.code == 0
    return folder


@pytest.fixture
def exported(store, tmp_path):
    """The exported run, to be changed."""
    return json.loads((store / "base.json").read_text())


def trials(*families):
    return [part for family in families or ("digest", "convergence", "count") for part in ("--family", family)]


def planted(exported, tmp_path, name="head.json"):
    """A file of the changed export, as a run that went so would have been exported."""
    path = tmp_path / name
    path.write_text(sealed({part: exported[part] for part in exported if part not in ("gdbench_export", "hash")}))
    return path


def of(exported, rule):
    """The places of a rule's trials."""
    return [place for place, name in enumerate(exported["trials"]["rule"]) if name == rule]


def test_the_same_code_twice_is_unchanged_in_all_that_is_not_time(store, capsys):
    code, out, _ = call(capsys, "gate", "latest~1", "--out", store / "out", *trials())
    assert code == 0 and out.startswith("unchanged: ") and "head: run " in out
    code, out, _ = call(capsys, "compare", "latest~1", "latest", "--out", store / "out", "--json")
    found = json.loads(out)
    assert code == 0 and {row["family"] for row in found["metrics"]} == {"digest", "count", "cost"}


@pytest.mark.parametrize("families", [["digest"], ["convergence"], ["count"], ["convergence", "count"]])
def test_equal_bits_pass_whichever_family_is_asked_for(store, capsys, families):
    code, out, _ = call(capsys, "gate", store / "base.json", "--out", store / "out", *trials(*families))
    assert code == 0 and out.startswith("unchanged: ")


def test_another_digest_is_changed_and_a_regression_when_strict(store, exported, tmp_path, capsys):
    exported["trials"]["digest"][of(exported, "adam")[0]] = "0" * 64
    head = planted(exported, tmp_path)
    code, out, _ = call(capsys, "gate", store / "base.json", head, *trials())
    assert code == 0 and "changed" in out and "touched: adam" in out
    code, out, _ = call(capsys, "gate", store / "base.json", head, "--strict", "--json", *trials())
    found = json.loads(out)
    assert code == found["exit_code"] == 1 and found["rules"] == ["adam"] and found["counts"]["changed"] > 0


def slower(exported, rule, factor):
    """Planted: the rule's trials need more steps, to other bits."""
    for place in of(exported, rule):
        exported["trials"]["steps_to_target"][place] = factor * (100 + place)
        exported["trials"]["digest"][place] = f"{factor}{place}".ljust(64, "0")


def test_trials_that_need_more_steps_are_a_regression_that_names_the_rule(store, exported, tmp_path, capsys):
    slower(exported, "sgd", 1)
    base = planted(exported, tmp_path, "base.json")
    slower(exported, "sgd", 2)
    head = planted(exported, tmp_path)
    code, out, _ = call(capsys, "gate", base, head, *trials())
    assert code == 1 and out.startswith("regressed: 1 of ") and "touched: sgd" in out
    assert call(capsys, "compare", base, head)[0] == 0
    code, out, _ = call(capsys, "gate", head, base, *trials())
    assert code == 0 and "improved" in out and "suspicious" in out


def test_a_baseline_with_too_few_pairs_says_so_when_it_is_saved_and_fails_later(store, exported, tmp_path, capsys):
    slower(exported, "sgd", 1)
    for part in [*exported["trials"]]:
        exported["trials"][part] = [exported["trials"][part][place] for place in of(exported, "sgd")][:3]
    base = planted(exported, tmp_path, "base.json")
    saved = [*("gate", base, "--baseline", tmp_path / "b.txt", "--update"), *trials("convergence")]
    code, _, err = call(capsys, *saved, "--quiet")
    assert code == 0 and re.search(r"3 trials of a rule can never show a regression of .* among 3, .*; 7 can\.", err)
    exported["trials"]["steps_to_target"] = [2 * steps for steps in exported["trials"]["steps_to_target"]]
    exported["trials"]["digest"] = ["2" + digest[1:] for digest in exported["trials"]["digest"]]
    head = planted(exported, tmp_path)
    code, out, _ = call(capsys, "gate", head, "--baseline", tmp_path / "b.txt", "--github")
    assert code == 3 and "few-pairs" in out and "::error " in out
    assert "1 metric has too few pairs, which fails the check; --allow-few-pairs accepts it" in out
    code, out, _ = call(capsys, "gate", head, "--baseline", tmp_path / "b.txt", "--github", "--allow-few-pairs")
    assert code == 4 and "::error " not in out and "::warning " in out and "accepts it" not in out


def test_a_failed_trial_is_an_error_of_its_own_in_every_family_of_trials(store, exported, tmp_path, capsys):
    place = of(exported, "adam")[1]
    exported["trials"]["status"][place], exported["trials"]["digest"][place] = "failed", None
    head = planted(exported, tmp_path)
    for families in ([], ["convergence"], ["count"]):
        code, out, _ = call(capsys, "gate", store / "base.json", head, *trials(*families))
        assert code == 3 and out.startswith("failed: 1 of ") and "1 of 10 trials failed" in out


@pytest.mark.parametrize("rules", [["adam"], ["sgd", "adam"]])
@pytest.mark.parametrize("count", [1, 10])
def test_missing_trials_are_missing_up_to_the_last(store, exported, tmp_path, capsys, rules, count):
    gone = [place for rule in rules for place in of(exported, rule)[:count]]
    for name, values in exported["trials"].items():
        exported["trials"][name] = [value for place, value in enumerate(values) if place not in gone]
    code, out, _ = call(capsys, "gate", store / "base.json", planted(exported, tmp_path), *trials())
    assert code == 3 and out.startswith("missing: ") and f"touched: {', '.join(rules)}" in out


def test_nothing_in_common_is_missing_and_nothing_measured_too(store, exported, tmp_path, capsys):
    exported["trials"]["rule"] = ["other"] * len(exported["trials"]["rule"])
    code, out, _ = call(capsys, "gate", store / "base.json", planted(exported, tmp_path), *trials())
    assert code == 3 and out.startswith("missing: ")
    exported["timings"] = {name: [] for name in exported["timings"]}
    head = planted(exported, tmp_path)
    code, out, _ = call(capsys, "gate", head, head, "--family", "cost")
    assert code == 3 and "nothing was compared" in out


def test_times_of_another_machine_are_inconclusive_with_the_reason(store, exported, tmp_path, capsys):
    exported["environment"]["cpu"] = "another"
    code, out, _ = call(capsys, "gate", store / "base.json", planted(exported, tmp_path), "--family", "cost", "--json")
    assert code == 4 and {row["reason"] for row in json.loads(out)["metrics"]} == {"other-machine"}


@pytest.mark.parametrize("state", ["interrupted", "running"])
def test_a_base_that_is_not_complete_is_none_and_a_head_says_so(store, exported, tmp_path, capsys, state):
    exported["about"]["state"] = state
    part = planted(exported, tmp_path)
    code, out, err = call(capsys, "gate", part, store / "base.json")
    assert code == 4 and out == "" and err.count("\n") == 1 and state in err and "cannot be a baseline" in err
    _, out, _ = call(capsys, "compare", store / "base.json", part)
    assert f"{state}, not complete" in out


def test_files_that_cannot_be_compared_have_one_sentence(store, exported, tmp_path, capsys):
    whole = (store / "base.json").read_text()
    (tmp_path / "truncated.json").write_text(whole[: len(whole) // 2])
    (tmp_path / "newer.json").write_text(whole.replace('"gdbench_export": 1', '"gdbench_export": 99', 1))
    planted({**exported, "about": {"run": "abc"}}, tmp_path, "poor.json")
    planted({name: value for name, value in exported.items() if name != "trials"}, tmp_path, "part.json")
    for name in ("truncated", "newer", "poor", "part", "none"):
        for pair in (
            [tmp_path / f"{name}.json", store / "base.json"],
            [store / "base.json", tmp_path / f"{name}.json"],
        ):
            code, out, err = call(capsys, "gate", *pair)
            assert code == 2 and out == "" and err.count("\n") == 1 and f"{name}.json" in err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["latest", "latest"], "BASE and HEAD are both run"),
        (["latest"], "BASE and HEAD are both run"),
        (["nonsense", "latest"], "nonsense"),
        (["latest~1", "--family", "costs"], "did you mean 'cost'"),
        (["latest~1", "--margin", "-1"], "--margin"),
        (["latest~1", "--margin", "nan"], "--margin"),
        (["latest~1", "--level", "0"], "--level"),
        (["latest~1", "--rounds", "9"], "--rounds works only with --ab or --selfcheck"),
        (["--ab", "main", "--rounds", "5"], "--rounds"),
        (["--selfcheck", "--allow-few-pairs"], "--allow-few-pairs works only with"),
    ],
)
def test_mistakes_have_exit_code_2_and_one_sentence(store, capsys, options, words):
    code, out, err = call(capsys, "gate", *options, "--out", store / "out")
    assert code == 2 and out == "" and words in err and err.count("\n") == 1


def test_all_outputs_are_written_and_standard_output_holds_the_json_alone(store, tmp_path, capsys, monkeypatch):
    place = tmp_path / "new" / "folder"
    steps = tmp_path / "summary.md"
    steps.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(steps))
    files = {"--html": "page.html", "--junit-xml": "junit.xml", "--benchmark-json": "bench.json"}
    options = [part for name, file in files.items() for part in (name, place / file)]
    code, out, err = call(
        capsys, "gate", "latest~1", "--out", store / "out", "--github", "--json", "--margin", 0, *options
    )
    found = json.loads(out)
    assert code == found["exit_code"] and found["margin"] == 0
    assert all(line.startswith("::") for line in err.splitlines())
    assert steps.read_text().startswith("before\n### gdbench ")
    assert (place / "page.html").read_text().startswith("<!doctype html>")
    assert int(ElementTree.parse(place / "junit.xml").getroot().get("tests")) == len(found["metrics"])
    assert json.loads((place / "bench.json").read_text())


def test_annotations_go_to_standard_output_and_quiet_leaves_the_verdict_alone(store, exported, tmp_path, capsys):
    exported["trials"]["digest"][0] = "0" * 64
    head = planted(exported, tmp_path)
    code, out, _ = call(capsys, "gate", store / "base.json", head, "--github", "--quiet", "--family", "digest")
    first, *rest = out.splitlines()
    assert code == 0 and first.startswith("changed: 1 of ") and len(rest) == 1 and rest[0].startswith("::notice ")


def test_a_summary_that_cannot_be_written_is_one_sentence(store, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "none" / "summary.md"))
    code, _, err = call(capsys, "gate", "latest~1", "--out", store / "out", "--github")
    assert code == 3 and "GITHUB_STEP_SUMMARY" in err and err.count("\n") == 1


def test_stored_and_exported_runs_compare_alike(store, tmp_path, capsys):
    shutil.copytree(store / "out", tmp_path / "out")
    ways = (["latest~1", "latest"], [store / "base.json", "latest"])
    found = [json.loads(call(capsys, "compare", *way, "--out", tmp_path / "out", "--json")[1]) for way in ways]
    assert found[0]["metrics"] == found[1]["metrics"]


def test_every_option_of_the_documented_table_is_one_of_the_command():
    text = (Path(__file__).parents[2] / "docs" / "gate.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(--[a-z-]+)", text, re.M))
    given = {option for command in (gate.compare, gate.gate) for option in _options(command)}
    assert documented == given - {"--store", "--out"}


def _options(command):
    """The names of a command's options, of which typer takes the first for a default until it builds the command."""
    for hint in get_type_hints(command, include_extras=True).values():
        for info in getattr(hint, "__metadata__", ()):
            yield from (name for name in (info.default, *(info.param_decls or ())) if str(name).startswith("--"))
