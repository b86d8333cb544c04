"""What would end a machine is refused by its size, before anything is made, in one sentence that names the key."""

import json
import os
import re
import time
from pathlib import Path

import numpy as np
import pytest

import gdbench
from gdbench import suites
from gdbench.cli import main
from gdbench.errors import GdbenchError, UsageError, shown
from gdbench.inputs import limits
from gdbench.runner import estimate
from gdbench.timing import cases

ENDLESS: list = []
for _ in range(100_000):
    ENDLESS = [ENDLESS]
LOOP: dict = {}
LOOP["problem"] = LOOP


def network(**keys):
    return {"problem": {"p": {"kind": "mlp", "dataset": "iris", **keys}}}


def teacher(**options):
    return network(dataset={"name": "teacher", **options})


def function(**keys):
    return {"problem": {"p": {"kind": "function", "function": "rosenbrock", **keys}}}


def quadratic(**keys):
    return {"problem": {"p": {"kind": "quadratic", **keys}}}


def rule(**keys):
    return {"rule": {"sgd": keys}}


# What is laid over a small suite, and words of the sentence.
BOMBS = {
    "points": ({"evaluate": {"points": 10**9}}, ["evaluate.points = 1000000000", "100000"]),
    "looks, in steps": ({"evaluate": {"every": 1}, "budget": {"steps": 10**9}}, ["evaluate.every = 1", "1,000,000"]),
    "looks, in epochs": ({"evaluate": {"every": 1}, "budget": {"epochs": 10**6}}, ["evaluate.every = 1", "1,000,000"]),
    "looks, by the data": (
        {"evaluate": {"every": 1}, "budget": {"epochs": 10**6 - 2}, **network(), "batch_size": 1},
        ["problem.p", "evaluate.every = 1", "1,000,000"],
    ),
    "a grid of logarithms": (rule(lr={"log": [1e-3, 1, 10**9]}), ["rule.sgd.lr", "1000000000", "1,000,000"]),
    "a random grid": (rule(lr={"random": [1e-3, 1, 10**9], "scale": "log"}), ["rule.sgd.lr", "1,000,000"]),
    "a product of grids": (
        rule(lr={"linear": [0.1, 1, 5000]}, weight_decay={"linear": [0, 1, 5000]}),
        ["rule.sgd", "25,000,002 trials"],
    ),
    "a list": (rule(lr=list(range(1, 2_000_000))), ["rule.sgd.lr", "trials"]),
    "a list that is one value": (rule(lr=np.broadcast_to(np.float64(1), (10**9,))), ["rule.sgd.lr", "10,000,000"]),
    "a list in a list": (rule(lr=[[1] * 10_000]), ["rule.sgd.lr", "must be a number"]),
    "a width": (network(hidden=[10**9]), ["problem.p.hidden = [1000000000]", "GB", "smaller"]),
    "a width that the samples multiply": (network(hidden=[10**6]), ["problem.p.hidden", "GB"]),
    "two widths": (network(hidden=[[10**5, 10**5]]), ["problem.p.hidden", "GB"]),
    "layers": (network(hidden=[1] * 10**6), ["problem.p.hidden", "1,000,000 values", "1,000"]),
    "networks": (network(hidden={"linear": [1, 10**9, 10**9]}), ["problem.p.hidden", "problems"]),
    "penalties": (network(l2={"linear": [0, 1, 10**6]}), ["problem.p.l2", "problems"]),
    "batches": ({"batch_size": {"linear": [1, 10**6, 10**6]}}, ["batch_size", "trials"]),
    "a batch": ({"batch_size": 10**12}, ["batch_size = 1000000000000"]),
    "a subset": (network(subset=10**12), ["problem.p.subset = 1000000000000"]),
    "a dimension": (function(dimension=10**9), ["problem.p", "dimension = 1000000000"]),
    "dimensions": (function(dimension={"linear": [999_001, 10**6, 1000]}), ["problem.p", "50,000,000"]),
    "a start": (function(start=[0.0] * (10**6 + 1)), ["problem.p.start", "1,000,001 values"]),
    "a quadratic": (quadratic(dimensions=2000), ["problem.p", "dimensions = 2000", "multiplications"]),
    "a quadratic's samples": (quadratic(samples=10**6, dimensions=1000), ["problem.p", "samples = 1000000"]),
    "quadratics": (quadratic(dimensions=list(range(100, 1000))), ["problem.p", "multiplications"]),
    "a teacher": (teacher(samples=10**7, features=100), ["problem.p.dataset", "10,000,000 samples"]),
    "a wide teacher": (teacher(hidden=[10**6] * 5), ["problem.p.dataset", "hidden"]),
    "a deep teacher": (teacher(hidden=[1] * 10**5), ["problem.p.dataset", "hidden"]),
    "a slow teacher": (teacher(samples=200_000, hidden=[1000, 1000]), ["problem.p", "multiplications"]),
    "teachers": (
        network(dataset=[{"name": "teacher", "samples": 10**5, "features": 100, "seed": i} for i in range(50)]),
        ["problem.p", "50,000,000"],
    ),
    "sparse data": (network(dataset={"name": "sparse", "samples": 10**8}), ["problem.p.dataset", "100,000,000"]),
    "a memory of steps": (
        {**network(hidden=[10**4]), "rule": {"lbfgs": {"history": 10**5}}, "batch_size": "full"},
        ["history = 100,000", "GB"],
    ),
    "a Hessian": ({**function(dimension=10**5), "rule": {"newton": {}}}, ["problem.p", "100,000 parameters"]),
    "seeds": ({"seeds": 10**9}, ["seeds = 1000000000", "10000"]),
    "tuning seeds": ({"tune_seeds": 10**9}, ["tune_seeds = 1000000000", "10000"]),
    "levels": ({"target": {"train_loss": {"log": [1e-9, 1, 10**9]}}}, ["target", "1,000 are allowed"]),
    "schedules": ({"schedule": [{"kind": "step", "every": i} for i in range(1, 1_000_002)]}, ["schedule", "trials"]),
    "tables": ({"problem": {f"p{i}": network()["problem"]["p"] for i in range(2000)}}, ["2,000 tables in problem"]),
    "brackets": ({"title": ENDLESS}, ["title", "20"]),
    "a table in itself": (LOOP, ["problem.problem", "20"]),
    "digits": (rule(lr=10**5000), ["rule.sgd.lr = a whole number of 5000 digits", "finite"]),
    "a text": ({"title": "x" * 10**6}, ["title", "1,000,000 characters"]),
    "a far start": (function(start=[1e31, 0.0]), ["problem.p.start", "up to 1e+30"]),
    "a start below": (quadratic(start=-1e31), ["problem.p.start = -1e+31"]),
    "noise": (function(noise=1e31), ["problem.p.noise = 1e+31"]),
    "a penalty": (network(l2=1e300), ["problem.p.l2 = 1e+300"]),
    "a bound of gradients": ({"clip_norm": 1e300}, ["clip_norm = 1e+300"]),
    "a label": ({"rule": {"x" * 81: {"rule": "sgd"}}}, ["label", "80"]),
    "a rule's name": ({"rule": {"lookahead": {"inner": "x" * 5000}}}, ["rule.lookahead", "255"]),
    "rules in one another": ({"rule": {"l": {"rule": "lookahead(" * 900 + "sgd" + ")" * 900}}}, ["rule.l", "255"]),
    "a file's name": (network(dataset=f"{'é' * 128}.csv"), ["problem.p.dataset", "260 bytes", "255"]),
    "a file's name with nothing in it": (network(dataset="a\0b.csv"), ["problem.p.dataset", "no file's name"]),
    "bytes that are no text": ({"title": "\udc80"}, ["title", "UTF-8"]),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_is_too_large_is_refused_at_once_with_its_key(bomb):
    suites.load({**network(), **rule()})  # what all suites load belongs to none of them
    given, words = BOMBS[bomb]
    started = time.process_time()
    with pytest.raises(UsageError) as caught:
        suites.load({"seeds": 1, **network(), **rule(), **given})
    spent = time.process_time() - started
    message = str(caught.value)
    assert message.startswith("suite: ") and "\n" not in message and len(message) < 500
    assert [word for word in words if word not in message] == []
    assert spent < 1.0


def test_a_command_refuses_it_too_and_writes_nothing(tmp_path, capsys):
    path = tmp_path / "bomb.toml"
    path.write_text("[problem.p]\nkind='mlp'\ndataset='iris'\n[rule.sgd]\nlr = {log = [1e-3, 1.0, 1000000000]}\n")
    for extra in ([], ["--dry-run"]):
        with pytest.raises(SystemExit) as ended:
            main(["run", str(path), "--out", str(tmp_path / "out"), *extra])
        assert ended.value.code == 2 and "rule.sgd.lr" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--jobs", "1000000000"], "1024"),
        (["--jobs", "9" * 5000], "'--jobs'"),
        (["--chunk", "1000000000"], "1000000"),
        (["--seeds", "1000000000"], "10000"),
        (["--set", "seeds=" + "9" * 5000], "too many digits"),
        (["--set", "title=" + "[" * 5000], "brackets"),
        (["--set", ".".join("a" * 5000) + "=1"], "5000 parts"),
        (["--set", "rule.sgd.lr={log=[1e-3, 1, 1000000000]}"], "1,000,000,000 values"),
        (["--set", "x" * 300_000], "300,000 characters"),
        (["--plugin", "x" * 300 + ".py"], "255"),
        (["--out", "x" * 300], "255"),
        (["--store", "x" * 300 + ".db"], "255"),
    ],
    ids=lambda given: given[0] if isinstance(given, list) else "",
)
def test_options_have_limits(options, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["run", "quick", "--quiet", "--no-time", *options])
    told = capsys.readouterr().err
    assert ended.value.code == 2 and words in told and told.count("\n") == 1 and len(told) < 1000


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: gdbench.run({**network(), **rule()}, jobs=10**9), ["jobs = 1000000000", "1,024"]),
        (lambda: gdbench.run({**network(), **rule()}, chunk=10**9), ["chunk = 1000000000", "1,000,000"]),
        (lambda: gdbench.run(BOMBS["a width"][0] | rule()), ["problem.p.hidden"]),
        (lambda: gdbench.problem({"kind": "mlp", "dataset": "iris", "hidden": [10**9]}), ["hidden"]),
        (lambda: gdbench.minimize("booth", [0, 0], steps=10**9), ["steps = 1,000,000,000", "1,000,000 rows"]),
        (lambda: gdbench.minimize("booth", [0, 0], steps=10**5000), ["steps = a whole number of 5000 digits"]),
        (lambda: gdbench.minimize("rosenbrock", [0.0] * 10**5, steps=10**4), ["20,000,000 numbers"]),
        (lambda: gdbench.minimize("rosenbrock", [0.0] * 1_000_001, steps=1), ["x0 has 1,000,001 numbers"]),
        (lambda: gdbench.minimize("booth", [0, 0], "lookahead(" * 900 + "sgd" + ")" * 900, steps=1), ["255"]),
        (lambda: cases(["999999999-999999999"], (), [32], ["float32"]), ["net '999999999-999999999'", "GB"]),
        (lambda: cases(["-".join(["1"] * 5000)], (), [32], ["float32"]), ["4,998 hidden layers"]),
        (lambda: cases(["784-10"], (), [10**9], ["float32"]), ["batch 1,000,000,000"]),
    ],
)
def test_calls_have_them_too(call, words):
    with pytest.raises(GdbenchError) as caught:
        call()
    assert [word for word in words if word not in str(caught.value)] == []


def test_a_million_trials_are_counted_without_being_laid_out():
    settings = {"lr": {"log": [1e-6, 1.0, 1000]}, "weight_decay": {"linear": [0.0, 1.0, 1000]}}
    suite = suites.load({"seeds": 1, "tune_seeds": 0, **network(), "rule": {"sgd": settings}})
    guess = estimate(suite)
    assert guess.trials == suite.count() == 1_000_000
    assert guess.steps == 1_000_000 * 30 * 4 and "settings" not in vars(suite)


def test_the_table_of_limits_is_the_one_that_is_shown():
    page = (Path(__file__).parents[2] / "docs" / "limits.md").read_text(encoding="utf-8")
    rows = [re.split(r" *\| *", line.strip("| ")) for line in page.splitlines() if line.startswith("|")][2:]
    assert rows == [[limit.what, f"{limit.most:,}", limit.where] for limit in limits.TABLE]


def test_a_value_is_shown_as_it_is_and_never_more_of_it_than_a_line_holds():
    plain = {
        "'a'": "a",
        "[0.1, None]": [0.1, None],
        "{'log': [1, 2, 3]}": {"log": [1, 2, 3]},
        "a whole number of 5000 digits": 10**5000,
        "[a whole number of 5000 digits]": [10**5000],
        r"'a\nb'": "a\nb",
    }
    assert {text: shown(value) for text, value in plain.items()} == {text: text for text in plain}
    for value in ("x" * 10**6, [1] * 10**6, {i: i for i in range(1000)}, ENDLESS, b"x" * 1000, LOOP):
        assert len(shown(value)) <= 80 and shown(value).isprintable()


def _sparse(folder):
    path = folder / "export.json"
    with path.open("wb") as file:
        file.truncate(10 * limits.EXPORT_BYTES)
    return path, "20,000,000,000 bytes"


def _endless(folder):
    path = folder / "export.json"
    path.symlink_to("/dev/zero")
    return path, "is not a file"


def _waiting(folder):
    path = folder / "export.json"
    os.mkfifo(path)
    return path, "is not a file"


def _large_table(folder):
    (folder / "about.json").write_text(json.dumps({"gdbench_export": 1, "format": "csv", "about": {}}))
    with (folder / "curves.csv").open("wb") as file:
        file.truncate(10 * limits.EXPORT_BYTES)
    return folder, "curves.csv has 20,000,000,000 bytes"


def _equal_values(folder):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    (folder / "about.json").write_text(json.dumps({"gdbench_export": 1, "format": "parquet", "about": {}}))
    one = pa.table({"trial": pa.array(np.zeros(10**6, np.int8))})
    with parquet.ParquetWriter(folder / "curves.parquet", one.schema) as writer:
        for _ in range(6):
            writer.write_table(one)
    return folder, "curves.parquet holds 6,000,000 values"


@pytest.mark.parametrize("bomb", [_sparse, _endless, _waiting, _large_table, _equal_values])
def test_an_export_that_is_too_large_is_refused_before_it_is_read(bomb, tmp_path, monkeypatch):
    monkeypatch.setattr("gdbench.results.export.DATA_VALUES", 5_000_000)
    path, words = bomb(tmp_path)
    started = time.process_time()
    with pytest.raises(UsageError, match=words):
        _ = gdbench.load(path).trials
    assert time.process_time() - started < 1.0
