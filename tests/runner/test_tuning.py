"""`gdbench tune`: the search, the winner on all data, and what a user may get wrong."""

import json
import math

import pytest

from gdbench.cli import main
from gdbench.cli.tune import _bars
from gdbench.errors import UsageError
from gdbench.runner.tuning import EXTRA, AllDivergedError, tune

QUICK = ["budget.epochs=2"]


def call(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["tune", *map(str, arguments)])
    printed = capsys.readouterr()
    return ended.value.code, printed.out, printed.err


def test_the_best_of_the_subset_is_trained_on_all_data_and_other_seeds():
    search = tune("sgd", "digits", lr=[1e-4, 0.1, 1e6], settings=QUICK, seeds=2)
    assert search.best == 0.1 and search.edge == "" and list(search.tried) == [1e-4, 0.1, 1e6]
    assert (search.samples, search.of) == (1797 // 5, 1797)
    tuned, winner, default = search.tried[0.1], search.winner, search.default
    assert [t.seed for t in tuned] == [10000, 10001] and [t.seed for t in winner] == [0, 1] == [t.seed for t in default]
    assert {t.definition["problem"]["subset"] for t in tuned} == {1797 // 5}
    assert {t.definition["problem"]["subset"] for t in winner} == {None}
    assert [t.definition["hyperparameters"]["lr"] for t in default] == [search.default_lr] * 2
    assert {t.status for t in search.tried[1e6]} == {"diverged"}


def test_the_search_is_a_function_of_its_arguments():
    first, second = (tune("adam", "iris", lr=[0.01, 0.1], settings=QUICK, seeds=2, jobs=jobs) for jobs in (1, 2))
    for a, b in zip([*first.tried[0.1], *first.winner], [*second.tried[0.1], *second.winner], strict=True):
        assert a.key == b.key and a.curve.tobytes() == b.curve.tobytes()


@pytest.mark.parametrize("lr", [[1e-4, 1e-3], [0.5, 1.0], [10.0], [0.01, 0.1, 1.0]])
def test_extending_goes_on_until_the_best_has_neighbours(lr):
    # From (1, 1) on 1/2 (x^2 + 10 y^2), the best constant rate is 2 / 11, and 2 / 10 and more diverges.
    search = tune("sgd", {"kind": "function", "function": "quadratic", "condition": 10.0}, lr=lr, seeds=1, extend=True)
    assert search.edge == "" and 0.05 < search.best < 0.2
    assert len(search.tried) <= len(lr) + EXTRA
    assert math.isinf(search.tried[max(search.tried)][0].loss)


def test_extending_stops():
    with pytest.raises(AllDivergedError, match="13 learning rates from"):
        tune("sgd", "booth", lr=[1e30], seeds=1, extend=True, settings=["budget.steps=20"])


def test_direction_rules_functions_and_quadratics_are_tuned():
    newton = tune("newton", "booth", lr=[0.5, 1.0], settings=["budget.steps=3", 'dtype="float64"'], seeds=1)
    assert newton.best == 1.0 and newton.samples is None and newton.winner is not None
    quadratic = tune("sgd", {"kind": "quadratic", "dimensions": 5}, lr=[0.001, 0.01], settings=QUICK, seeds=1)
    assert quadratic.samples == 200 and quadratic.of == 1000


def test_keys_of_rule_suite_and_problem_are_set():
    given = ["momentum=0.5", "batch_size=16", "budget.epochs=1", "problem.hidden=[3]"]
    (trial,) = tune("momentum", "iris", lr=[0.1], settings=given, subset=60, seeds=1).tried[0.1]
    definition = trial.definition
    assert definition["hyperparameters"]["momentum"] == 0.5 and definition["batch_size"] == 16
    assert definition["budget"] == {"epochs": 1} and definition["problem"]["hidden"] == [3]
    assert definition["problem"]["subset"] == 60


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (("adm", "iris"), {}, "did you mean 'adam'"),
        (("adam", "irish"), {}, "did you mean 'iris'"),
        (("adam", "rosenbrok"), {}, "did you mean 'rosenbrock'"),
        (("adam", "none.toml"), {}, "cannot be read"),
        (("adam", "iris"), {"lr": []}, "empty grid"),
        (("adam", "iris"), {"lr": [0.1, -1]}, "must be greater than 0"),
        (("adam", "iris"), {"lr": {"logs": [1, 2, 3]}}, "did you mean 'log'"),
        (("adam", "iris"), {"settings": ["bta1=0.9"]}, "did you mean 'beta1'"),
        (("adam", "iris"), {"settings": ["lr=0.9"]}, "--lr"),
        (("adam", "iris"), {"settings": ["beta1=[0.5, 0.9]"]}, "every other key one value"),
        (("adam", "iris"), {"subset": 1000}, "up to 150"),
        (("adam", "iris"), {"subset": 0}, "subset = 0"),
        (("adam", "rosenbrock"), {"subset": 5}, "no samples"),
        (("adam", {"kind": "mlp", "dataset": "iris", "hidden": [[3], [4]]}), {}, "one value"),
    ],
)
def test_mistakes_are_told_in_a_sentence(arguments, options, words):
    with pytest.raises(UsageError) as caught:
        tune(*arguments, **{"lr": [0.1], "seeds": 1, **options})
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_the_command_prints_tables_a_bar_and_the_winner(capsys):
    code, out, _ = call(capsys, "adam", "iris", "--lr", "1e-3,1e-2,1e6", "--seeds", "2", "--set", "budget.epochs=3")
    assert code == 0 and "█" in out and " best" in out and "×" in out
    assert "validation accuracy" in out and "test accuracy" in out and "default" in out and "edge" not in out
    code, out, _ = call(capsys, "sgd", "booth", "--lr", "{log=[1e-5, 1e-4, 2]}", "--seeds", "1")
    assert code == 0 and "high edge" in out and "--extend" in out and "batch" not in out


def test_json_and_quiet(capsys):
    code, out, err = call(capsys, "sgd", "booth", "--lr", "0.01,1e-3", "--seeds", "2", "--json")
    document = json.loads(out)
    assert code == 0 and err == "" and document["best"] == 0.01 and document["judged_by"] == "value"
    assert [row["lr"] for row in document["tried"]] == [0.001, 0.01] and document["winner"]["lr"] == 0.01
    assert call(capsys, "sgd", "booth", "--lr", "0.01", "--seeds", "1", "--quiet")[:2] == (0, "0.01\n")


def test_when_everything_diverges_it_says_so_and_exits_with_3(capsys):
    code, out, err = call(capsys, "sgd", "booth", "--lr", "1e3,1e4", "--seeds", "1")
    assert code == 3 and out == "" and "every median trial diverged" in err and "--extend" in err


@pytest.mark.parametrize("option", [["--lr", "much"], ["--subset", "2.5"], ["--subset", "-1"], ["--seeds", "0"]])
def test_wrong_options_exit_with_2(option, capsys):
    code, out, err = call(capsys, "sgd", "iris", *option)
    assert code == 2 and out == "" and err.count("\n") == 1


def test_problems_of_a_file_are_tuned(tmp_path, capsys):
    (tmp_path / "d.csv").write_text("a,y\n" + "".join(f"{i % 7},{i % 2}\n" for i in range(60)))
    suite = tmp_path / "s.toml"
    suite.write_text('[problem.mine]\nkind = "mlp"\ndataset = "d.csv"\nhidden = []\n')
    assert tune("sgd", str(suite), lr=[0.1], seeds=1, settings=QUICK).problem == "mine"
    suite.write_text(suite.read_text() + '[problem.other]\nkind = "function"\nfunction = "booth"\n')
    assert tune("sgd", f"{suite}:other", lr=[0.01], seeds=1).winner[0].columns[2] == "value"
    code, _, err = call(capsys, "sgd", suite)
    assert code == 2 and "2 problems" in err and ":mine" in err
    assert "did you mean 'other'" in call(capsys, "sgd", f"{suite}:othr")[2]


def test_bars_grow_with_the_loss():
    lengths = [len(bar) for bar in _bars([1.0, 10.0, 100.0])]
    assert (
        lengths == sorted(lengths)
        and lengths[0] == 1
        and lengths[1] - lengths[0] == pytest.approx(lengths[2] - lengths[1], abs=1)
    )
    assert _bars([math.inf, -1.0])[0][0] == "×" and _bars([-1.0, 0.0])[0] == "█"
