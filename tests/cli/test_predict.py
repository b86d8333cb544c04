"""From a file of data to a decision: `run FILE --predict`, `init`, `tune FILE --predict`."""

import json
import tomllib

import numpy as np
import pytest

import gdbench
from gdbench import suites
from gdbench.cli import main
from gdbench.errors import UsageError
from gdbench.runner.proposal import propose

RNG = np.random.default_rng(3)
FAST = ("--set", "budget.epochs=2", "--set", "tune_seeds=1", "--seeds", "2", "--set", "batch_size=[16]", "--no-time")


def call(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main([*map(str, words)])
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err


def customers(rows=240, labels=("no", "yes"), seed=1):
    """A table with a number, a boolean, a text, a column that is nearly constant, and the answer."""
    rng = np.random.default_rng(seed)
    age, active, region = rng.normal(size=rows), rng.random(rows) < 0.5, rng.choice(["east", "north"], rows)
    score = age + (region == "north") - active + 0.3 * rng.normal(size=rows)
    lines = [
        f"{a:.3f},{str(bool(on)).lower()},{place},{int(i == 5)},{labels[int(s > 0.5)]}"
        for i, (a, on, place, s) in enumerate(zip(age, active, region, score, strict=True))
    ]
    return "\n".join(["age,active,region,flat,churn", *lines, ""])


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "customers.csv").write_text(customers())
    return tmp_path


def test_a_file_and_a_column_are_enough(here, capsys):
    code, out, _ = call(capsys, "run", "customers.csv", "--predict", "churn", "--encode", *FAST)
    assert code == 0 and "customers: which rule, learning rate and batch size?" in out
    done = gdbench.load()
    assert done.about["suite"] == "customers"
    assert done.environment["command"].startswith(
        "python -m gdbench run customers.csv --predict churn --encode --set budget.epochs=2"
    )


def test_the_same_command_makes_the_same_suite(here):
    first, second = (propose("customers.csv", "churn", encode=True) for _ in range(2))
    assert first == second and first.suite().table == second.suite().table


def test_init_writes_a_suite_that_says_what_is_in_the_data(here, capsys):
    code, out, _ = call(capsys, "init", "customers.csv", "--predict", "churn", "--encode")
    out = " ".join(out.split())
    assert code == 0
    for words in (
        "240 rows, 5 features, 2 classes",
        "always answering 'no' scores",
        "column flat is 0 in 99.58 % of the rows; it says little",
        "gdbench run customers.toml",
    ):
        assert words in out
    text = (here / "customers.toml").read_text()
    assert "# customers: 240 rows" in text
    suite = suites.load(here / "customers.toml")
    made = propose("customers.csv", "churn", encode=True).suite()
    assert suite.table == made.table and suite.first_trials()[0].key == made.first_trials()[0].key
    metric, levels = suite.target
    assert metric == "val_accuracy" and levels == sorted(levels) and 0.5 < levels[0] < levels[-1] <= 1


def test_init_keeps_a_file_that_exists(here, capsys):
    (here / "customers.toml").write_text("mine")
    words = ("init", "customers.csv", "--predict", "churn", "--encode")
    code, _, err = call(capsys, *words)
    assert code == 2 and "customers.toml exists; say --force to replace it" in err
    assert (here / "customers.toml").read_text() == "mine"
    code, out, _ = call(capsys, *words, "--force", "--json")
    assert code == 0 and json.loads(out)["suite"] == "customers.toml"
    assert tomllib.loads((here / "customers.toml").read_text())["seeds"] == 10


def test_a_suite_in_another_folder_finds_the_data(here, capsys):
    (here / "suites").mkdir()
    code, _, _ = call(capsys, "init", "customers.csv", "--predict", "churn", "--encode", "-o", "suites/mine.toml")
    assert code == 0
    assert suites.load(here / "suites" / "mine.toml").first_trials()


def test_a_regression_gets_a_ladder_of_losses(here):
    x = RNG.normal(size=(200, 3))
    y = x @ [1.0, -2.0, 0.5] + 0.1 * RNG.normal(size=200)
    np.savetxt(here / "d.csv", np.column_stack([x, y]), delimiter=",", header="a,b,c,y", comments="")
    metric, levels = propose("d.csv", "y").suite().target
    assert metric == "val_loss" and levels == sorted(levels, reverse=True) and levels[-1] > 0


def test_noise_has_no_target(here):
    x, y = RNG.normal(size=(300, 2)), np.r_[np.zeros(299), 1].astype(int)
    np.savez(here / "d.npz", X=x, y=y)
    found = propose("d.npz", "y")
    assert found.suite().target is None and "No target" in found.text
    assert any("class 1 has 1 sample; a split may have none" in fact for fact in found.facts)


def test_names_that_toml_and_comments_must_escape(here):
    text = 'a,"q""u\\o",y\n' + "".join(f"{i % 7},{i % 5},{i % 2}\n" for i in range(80))
    (here / 'odd "name" #1.csv').write_text(text)
    suite = propose('odd "name" #1.csv', 'q"u\\o').suite()
    assert next(iter(suite.problems.values()))["dataset"]["target"] == 'q"u\\o'


def test_tune_takes_a_file_and_a_column(here, capsys):
    words = ("tune", "sgd", "customers.csv", "--predict", "churn", "--encode", "--lr", "0.1,1")
    code, out, _ = call(capsys, *words, "--seeds", 1, "--set", "budget.epochs=1", "--json")
    assert code == 0 and json.loads(out)["problem"] == "customers"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("run", "customers.csv"), "customers.csv is a file of data, not a suite; add --predict COLUMN"),
        (("run", "quick", "--predict", "y"), "--predict is for a file of data (.csv, .csv.gz, .parquet or .npz)"),
        (("run", "--predict", "y"), "--predict is for one file of data"),
        (("run", "a.csv", "b.csv", "--predict", "y"), "--predict is for one file of data"),
        (("run", "customers.csv", "--encode"), "--encode is for a file of data; add --predict COLUMN"),
        (("run", "customers.csv", "--predict", "churns", "--encode"), "did you mean 'churn'"),
        (("run", "customers.csv", "--predict", "churn"), "'north'; it must be a number, or encode the texts"),
        (("init", "none.csv", "--predict", "y"), "none.csv"),
        (("init", "customers.csv", "--predict", "churn", "-o", "x.txt"), "must end in .toml"),
        (("tune", "sgd", "customers.csv", "--encode"), "add --predict COLUMN"),
        (("tune", "sgd", "iris", "--predict", "y"), "--predict is for a file of data"),
    ],
)
def test_mistakes_are_named(here, capsys, words, error):
    (here / "customers.csv").write_text(customers().replace("east", "north"))
    code, _, err = call(capsys, *words)
    assert code == 2 and error in err and err.count("\n") == 1
    assert sorted(path.name for path in here.iterdir()) == ["customers.csv"]


def test_a_column_for_arrays_without_names_must_be_y(here):
    np.savez(here / "d.npz", X=np.eye(4), y=[0, 1, 0, 1])
    with pytest.raises(UsageError, match=r"d\.npz has no names of columns; say --predict y"):
        propose("d.npz", "label")
