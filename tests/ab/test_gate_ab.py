"""`gate --ab` and `--selfcheck`: places, worker processes, and what two measurements come to."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gdbench.ab import costs
from gdbench.ab.comparison import compare_places
from gdbench.ab.costs import Taken, Workload
from gdbench.ab.places import Checkout, find_place
from gdbench.ab.process import Process, SideError
from gdbench.ab.selfcheck import SelfCheck, _needed
from gdbench.ab.worker import PROTOCOL
from gdbench.cli import main
from gdbench.errors import UsageError
from gdbench.gate.comparison import judge

ROOT = Path(__file__).parents[2]
BEFORE = "0392c62"  # the worker was gdbench.gate.worker
HERE = Checkout("here", Path(sys.executable), shadow=ROOT)
PLUGIN = """
    from gdbench import rule

    @rule(lr=0.1)
    def mine(p, g, c):
        return p - c.lr * g{more}
"""
SUITE = """
    seeds = 2
    tune_seeds = 0
    batch_size = 16
    budget = {steps = 4}
    evaluate = {points = 2}

    [problem.iris]
    kind = "mlp"
    dataset = "iris"
    hidden = [3]

    [rule.sgd]
    lr = 0.01
"""


def git(folder, *arguments):
    names = {f"GIT_{who}_{what}": "x@y.z" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, env={**os.environ, **names})


@pytest.fixture
def plugins(tmp_path):
    """A repository with two revisions of a plug-in, `one` and `two`, which differ in what the rule does."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    for tag, more in (("one", ""), ("two", " * 1.5")):
        (folder / "mine.py").write_text(textwrap.dedent(PLUGIN.format(more=more)))
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", tag)
        git(folder, "tag", tag)
    return folder


@pytest.fixture
def suite(tmp_path):
    path = tmp_path / "suite.toml"
    path.write_text(textwrap.dedent(SUITE))
    return path


# ------------------------------------------------------------------------------------------------------------- places


def test_a_revision_is_unpacked_and_its_plug_in_found(plugins, tmp_path):
    place = find_place("one", plugins, tmp_path)
    assert place.commit and place.shadow == ROOT.resolve() and place.python == Path(sys.executable)
    assert "* 1.5" not in place.plugin(Path("mine.py"), plugins).read_text()
    assert "* 1.5" in find_place("two", plugins, tmp_path).plugin(Path("mine.py"), plugins).read_text()


def test_a_checkout_shadows_what_is_installed_and_an_environment_brings_its_own(tmp_path):
    assert find_place(str(ROOT), tmp_path, tmp_path).shadow == ROOT.resolve()
    environment = tmp_path / "env"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").symlink_to(sys.executable)
    assert find_place("env", tmp_path, tmp_path).python == environment / "bin" / "python"
    assert find_place("env/bin/python", tmp_path, tmp_path).python == environment / "bin" / "python"
    assert find_place(str(tmp_path), tmp_path, tmp_path).home == tmp_path.resolve()


def test_a_revision_is_found_from_a_subfolder_and_so_is_its_plug_in(plugins, tmp_path):
    below = plugins / "below"
    below.mkdir()
    (below / "other.py").write_text("")
    git(plugins, "add", "-A")
    git(plugins, "commit", "-qm", "three")
    place = find_place("HEAD", below, tmp_path)
    assert place.plugin(Path("other.py"), below).is_relative_to(tmp_path)
    assert place.plugin(Path("../mine.py"), below).is_file()
    with pytest.raises(UsageError, match="would be the same in every revision"):
        place.plugin(below / "other.py", below)


def test_what_is_a_path_and_a_revision_is_told(plugins, tmp_path):
    (plugins / "one").mkdir()
    with pytest.raises(UsageError, match=r"a path and a revision; write \./one or heads/one"):
        find_place("one", plugins, tmp_path)
    assert find_place("./one", plugins, tmp_path).commit is None


def test_an_environment_gets_nothing_of_ours_and_a_checkout_its_own_first(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    assert "PYTHONPATH" not in Checkout("env", tmp_path).variables
    paths = find_place(str(ROOT), tmp_path, tmp_path).variables["PYTHONPATH"].split(os.pathsep)
    assert paths[0] == str(ROOT.resolve()) and paths[-1] == "/elsewhere"


def test_places_run_the_same_unless_a_package_with_plug_ins_lies_in_one(tmp_path):
    one, two = (tmp_path / name for name in ("one", "two"))
    for folder in (one, two):
        (folder / "src" / "other").mkdir(parents=True)
    places = [find_place(str(folder), tmp_path, tmp_path) for folder in (one, two)]
    assert places[0].code == places[1].code
    for folder in (one, two):
        (folder / "src" / "mine-1.dist-info").mkdir()
        (folder / "src" / "mine-1.dist-info" / "entry_points.txt").write_text("[gdbench.plugins]\nmine = mine.rules\n")
        (folder / "src" / "mine").mkdir()
    assert places[0].code != places[1].code


@pytest.mark.parametrize("name", ["nothing", "--help", "HEAD", ""])
def test_what_is_no_place_is_told(name, tmp_path):
    with pytest.raises(UsageError, match="not an environment, a folder or a revision"):
        find_place(name, tmp_path, tmp_path)


def test_a_plug_in_that_a_place_lacks_is_told(plugins, tmp_path):
    with pytest.raises(UsageError, match=r"plug-in other\.py is not in one"):
        find_place("one", plugins, tmp_path).plugin(Path("other.py"), plugins)


# ------------------------------------------------------------------------------------------------------------ workers


def test_a_worker_greets_and_tells_mistakes_in_a_sentence():
    with Process(HERE, []) as process:
        facts = process.greeted()
        assert Path(facts["file"]).is_relative_to(ROOT.resolve()) and len(facts["code"]) == 64
        with pytest.raises(SideError, match=r"here: .*nothing"):
            process.ask("prepare", suite="nothing", overrides=[])


def test_a_gdbench_that_has_no_worker_or_another_protocol_is_told(tmp_path):
    package = tmp_path / "gdbench"
    package.mkdir()
    (package / "__init__.py").write_text("")
    with Process(find_place(str(tmp_path), tmp_path, tmp_path), []) as process, pytest.raises(SideError, match="gate"):
        process.greeted()
    (package / "gate").mkdir()
    (package / "gate" / "__init__.py").write_text("")
    (package / "gate" / "worker.py").write_text(
        'input(); print(\'{"done": {"protocol": 99, "version": "9.9", "file": "x", "code": "y"}}\')'
    )
    told = pytest.raises(SideError, match=r"gdbench 9\.9 speaks protocol 99 and this one")
    with Process(find_place(str(tmp_path), tmp_path, tmp_path), []) as process, told:
        process.greeted()


@pytest.mark.parametrize(("module", "left"), [("ab", False), ("gate", False), ("gate", True)])
def test_a_place_is_asked_which_worker_it_has(module, left, tmp_path):
    package = tmp_path / "gdbench"
    for name in {"", "gate", module}:
        (package / name).mkdir(exist_ok=True)
        (package / name / "__init__.py").write_text("")
    answer = {"protocol": PROTOCOL, "version": "0", "file": str(package / "__init__.py"), "code": module}
    (package / module / "worker.py").write_text(f"import json\ninput()\nprint(json.dumps({{'done': {answer}}}))")
    if left:  # by git, which keeps a folder that holds what it does not know
        (package / "ab" / "__pycache__").mkdir(parents=True)
    with Process(find_place(str(tmp_path), tmp_path, tmp_path), []) as process:
        assert process.greeted()["code"] == module


def test_a_process_that_does_not_answer_is_ended():
    with Process(HERE, [], patience=0.01) as process, pytest.raises(SideError, match=r"not answer within 0\.01 s"):
        process.greeted()


def test_what_a_process_writes_in_place_of_an_answer_is_told(tmp_path):
    (tmp_path / "sitecustomize.py").write_text('print("hello from site", flush=True)')
    place = Checkout("noisy", Path(sys.executable), shadow=ROOT, root=tmp_path)
    with Process(place, []) as process, pytest.raises(SideError, match="noisy: its process wrote 'hello from site'"):
        process.greeted()


def test_no_process_is_left_behind():
    process = Process(HERE, [])
    process.close()
    assert process._process.returncode is not None


def test_a_missing_interpreter_is_told(tmp_path):
    with pytest.raises(SideError, match="cannot be run"):
        Process(Checkout("gone", tmp_path / "python"), [])


# -------------------------------------------------------------------------------------------------- the whole, for real


@pytest.mark.slow
def test_two_revisions_of_a_plug_in_are_told_apart_and_the_rule_is_named(plugins, suite, tmp_path):
    places = tuple(find_place(tag, plugins, tmp_path) for tag in ("one", "two"))
    files = tuple([place.plugin(Path("mine.py"), plugins)] for place in places)
    workload = Workload(str(suite), ("rule.mine.lr=0.1",), files)
    found = compare_places(places, workload, families=("digest", "count"))
    verdicts = found.findings.query("metric == 'digest'").set_index("rule")["verdict"].to_dict()
    assert verdicts == {"sgd": "unchanged", "mine": "changed"}
    assert found.verdict == "changed" and found.exit_code() == 0 and found.exit_code(strict=True) == 1
    counts = found.findings.query("family == 'count'")
    assert {"compiled variants", "step flops", "step bytes", "gradient_evaluations"} <= set(counts["metric"])
    assert set(counts["verdict"]) == {"unchanged"}


def gate(*arguments, **options):
    command = [sys.executable, "-m", "gdbench", "gate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, **options)


@pytest.fixture
def called(capsys, monkeypatch):
    """The command line in this process, with fewer rounds: its exit code and its JSON."""
    monkeypatch.setattr(costs, "PAIRS", 2)
    monkeypatch.setattr(costs, "AGAIN", 2)
    monkeypatch.setattr(costs, "ROUNDS", 1)

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["gate", *map(str, arguments), "--json"])
        return ended.value.code, json.loads(capsys.readouterr().out)

    return call


@pytest.mark.slow
def test_steps_of_two_revisions_are_measured_from_the_command_line(plugins, suite, called, monkeypatch):
    monkeypatch.chdir(plugins)
    options = ["--suite", suite, "--plugin", "mine.py", "--set", "rule={mine={lr=0.1}}", "--family", "cost"]
    code, document = called("--ab", "one", "two", *options)
    row = next(row for row in document["metrics"] if row["rule"] == "mine")
    assert row["metric"] == "step" and row["pairs"] in (2, 4) and 0.2 < row["ratio"] < 5
    assert code == document["exit_code"]
    assert all(sample["seconds"] > 0 and sample["steps"] > 0 for sample in document["samples"])
    assert {sample["side"] for sample in document["samples"]} == set(costs.SIDES)


@pytest.mark.slow
def test_a_commit_from_before_the_worker_moved_is_compared_with_this_checkout(suite, called, monkeypatch):
    if subprocess.run(["git", "-C", ROOT, "cat-file", "-e", f"{BEFORE}^{{commit}}"], capture_output=True).returncode:
        pytest.skip(f"commit {BEFORE} is not in this clone")
    monkeypatch.chdir(ROOT)
    code, document = called("--ab", BEFORE, ".", "--suite", suite, "--family", "cost")
    assert code in (0, 1, 4) and code == document["exit_code"]
    costs_of = [row for row in document["metrics"] if row["metric"] == "step"]
    assert [(row["rule"], row["base"] > 0, row["head"] > 0) for row in costs_of] == [("sgd", True, True)]
    assert {sample["side"] for sample in document["samples"]} == set(costs.SIDES)


@pytest.mark.slow
def test_a_place_is_measured_with_itself_from_the_command_line(suite, called):
    code, document = called("--selfcheck", ROOT, "--gates", 1, "--suite", suite)
    assert code == 0 and document["gates"] == 1 and document["verdicts"] == 1
    assert document["smallest"] > 0


@pytest.mark.needs("cuda-compiler")
def test_registers_are_counted_for_every_scalar_rule(suite):
    with Process(HERE, []) as process:
        process.greeted()
        rows = process.ask("registers", suite=str(suite), overrides=["rule.newton={}"])
    assert [(row["rule"], row["registers"] > 0) for row in rows] == [("sgd", True)]


@pytest.mark.slow
def test_launches_of_a_step_are_counted_for_every_network_and_scalar_rule(suite):
    with Process(HERE, []) as process:
        process.greeted()
        overrides = ["rule.newton={}", "problem.booth.kind=function", "problem.booth.function=booth"]
        rows = process.ask("launches", suite=str(suite), overrides=overrides)
    assert rows == [{"problem": "iris", "rule": "sgd", "batch_size": 16, "dtype": "float32", "launches": 11}]
    found = compare_places((HERE, HERE), Workload(str(suite)), families=("count",)).findings
    told = found[found["metric"] == "launches of a step on a GPU"]
    assert told[["problem", "rule", "base", "head", "verdict"]].values.tolist() == [
        ["iris", "sgd", 11, 11, "unchanged"]
    ]


def test_of_settings_that_differ_in_clipping_the_one_with_most_to_do_is_measured(suite):
    with Process(HERE, []) as process:
        process.greeted()
        found = [
            process.ask("launches", suite=str(suite), overrides=[f"clip_norm={norms}", f"clip_value={values}"])
            for norms, values in (("[0.0, 1.0]", "[0.0]"), ("[1.0, 0.0]", "[0.0]"), ("[0.0, 1.0]", "[0.0, 1.0]"))
        ]
    counts = [[row["launches"] for row in rows] for rows in found]
    assert counts == [[14]] * 3  # 11 without clipping


def test_a_rule_that_raises_in_a_step_failed_whichever_family_is_asked_for(suite, tmp_path):
    (tmp_path / "raising.py").write_text(
        textwrap.dedent("""
            from gdbench import direction

            @direction(lr=0.1)
            def mine(objective, x, c, memory):
                raise ValueError("planted")
        """)
    )
    with Process(HERE, [tmp_path / "raising.py"]) as process, pytest.raises(SideError, match="planted") as caught:
        process.greeted()
        process.ask("prepare", suite=str(suite), overrides=["rule={mine={}}", "batch_size='full'"])
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--ab"], "takes BASE and HEAD"),
        (["--ab", "a", "b", "c"], "takes BASE and HEAD"),
        (["--ab", "--baseline", "x", "a"], "--ab and --baseline are different things"),
        (["--update", "latest"], "--update works only with --baseline"),
        (["--registers", "latest"], "--registers works only with --ab"),
        (["--ab", ".", "--family", "costs"], "did you mean 'cost'"),
        (["--ab", ROOT, "--suite", "no.toml"], "suite file no.toml does not exist"),
        (["--ab", "nothing"], "not an environment"),
        (["--ab", ".", "."], "run the same code, so there is nothing to compare"),
        (["--selfcheck", "--html", "x"], "--html works only with two runs or --baseline or --ab"),
        (["latest", "--suite", "quick"], "--suite works only with --ab or --selfcheck"),
        (["--selfcheck", ".", "--margin", "-1"], "--margin -1 must be"),
    ],
)
def test_mistakes_are_told_in_a_sentence(arguments, words):
    done = gate(*arguments)
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr


# ------------------------------------------------------------------------------------------ decisions on simulated data


def simulated(random, subjects, slower=None, noise=0.01, pairs=costs.PAIRS):
    """Ratios of so many subjects, whose processes differ by `noise` and rounds by half of it."""
    found = {}
    for number in range(subjects):
        drawn = np.repeat(random.normal(0, noise, pairs), costs.ROUNDS)
        ratio = drawn + random.normal(0, noise / 2, drawn.size) + np.log1p((slower or {}).get(number, 0.0))
        pair = np.repeat(np.arange(pairs), costs.ROUNDS)
        found[str(number)] = pd.DataFrame({"pair": pair, "base": 1.0, "head": np.exp(ratio), "ratio": ratio})
    return found


def decided(first, again, margin=0.03, level=0.05):
    rows = [{"family": "cost", "metric": r["subject"], **r} for r in costs.settle(first, again, margin, level)]
    return judge(rows, level).set_index("metric")["verdict"]


@pytest.mark.slow
def test_two_measurements_seldom_cry_wolf():
    # At the edge of the null, where one measurement would say so of one in forty, and two of one in sixteen hundred.
    random, edge = np.random.default_rng(1), dict.fromkeys(range(20), 0.03)
    found = [decided(simulated(random, 20, edge), simulated(random, 20, edge)) for _ in range(60)]
    assert (pd.concat(found) == "regressed").sum() <= 4


@pytest.mark.slow
def test_a_slow_down_is_found_among_many_and_nothing_else_is():
    random = np.random.default_rng(2)
    hits = others = 0
    for _ in range(40):
        found = decided(simulated(random, 50, {7: 0.08}), simulated(random, 50, {7: 0.08}))
        hits += found["7"] == "regressed"
        others += int((found.drop("7") == "regressed").sum())
    assert hits >= 38 and others == 0


def test_what_does_not_come_back_is_not_regressed():
    random = np.random.default_rng(3)
    moment, calm = simulated(random, 5, {2: 0.3}), simulated(random, 5)
    assert decided(moment, calm)["2"] == "unchanged"
    assert decided(moment, simulated(random, 5, {2: 0.3}))["2"] == "regressed"


def test_few_noisy_ones_are_measured_again_and_many_are_not():
    random = np.random.default_rng(4)
    assert costs.screen(simulated(random, 10, noise=0.2), 0.03, 0.05)[1]
    assert costs.screen(simulated(random, costs.FEW + 30, noise=0.2), 0.03, 0.05)[1] == []


def test_samples_become_ratios_of_the_fastest_of_each_visit():
    rows = [
        ("a", 0, 0, side, i, s, 10)
        for side, all_ in (("base", [2.0, 1.0]), ("head", [3.0, 5.0]))
        for i, s in enumerate(all_)
    ]
    samples = pd.DataFrame(rows, columns=["subject", "pair", "round", "side", "sample", "seconds", "steps"])
    (row,) = costs.ratios(samples)["a"].to_dict("records")
    assert (row["base"], row["head"]) == (0.1, 0.3) and row["ratio"] == pytest.approx(np.log(3))


def test_nothing_measured_again_is_no_ratio():
    assert costs.ratios(samples_of({})) == {}


def samples_of(ratios):
    rows = [
        (name, row["pair"], number, side, 0, row[side], 1)
        for name, frame in ratios.items()
        for number, row in enumerate(frame.to_dict("records"))
        for side in costs.SIDES
    ]
    return pd.DataFrame(rows, columns=["subject", "pair", "round", "side", "sample", "seconds", "steps"])


def test_the_slow_down_that_a_self_check_says_is_found_is_found():
    random = np.random.default_rng(5)
    first, again = simulated(random, 1), simulated(random, 1)
    facts = {
        "subject": "0",
        "part": "step",
        "layer": None,
        "jobs": 1,
        "problem": "p",
        "rule": "r",
        "batch_size": 1,
        "dtype": "d",
    }
    taken = [Taken((pd.DataFrame([facts]),) * 2, (1, 1), samples_of(ratios)) for ratios in (first, again)]
    (needed,) = _needed(*taken, 0.03, 0.05)["needed"]

    def slower(share):
        return [{"0": r["0"].assign(ratio=r["0"]["ratio"] + np.log(share))} for r in (first, again)]

    assert decided(*slower(needed * 1.001))["0"] == "regressed"
    assert decided(*slower(needed * 0.999))["0"] != "regressed"


def test_a_self_check_counts_alarms_and_gates():
    names = {"metric": "step", "problem": "p", "batch_size": 1, "dtype": "d"}
    rows = [
        {"gate": gate, **names, "rule": rule, "verdict": verdict, "needed": needed}
        for gate, rule, verdict, needed in [
            (0, "a", "regressed", 1.05),
            (0, "b", "improved", 1.04),
            (1, "a", "unchanged", 1.06),
            (1, "b", "unchanged", 1.07),
            (2, "a", "unchanged", 1.08),
        ]
    ]
    found = SelfCheck(pd.DataFrame(rows), 0.03, 0.05)
    assert (found.gates, found.alarmed, found.false_alarms, found.smallest) == (3, 1, 2, 1.08)
    assert found.by_metric().set_index("rule")["alarms"].to_dict() == {"a": 1, "b": 1}
