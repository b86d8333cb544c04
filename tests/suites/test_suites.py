"""Suites: grids, the trials they stand for, and one sentence for every mistake."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbench import suites
from gdbench.cli import main
from gdbench.errors import UsageError
from gdbench.suites.grid import expand

GOOD = """
seeds = 2
batch_size = [8, 32]
budget = {epochs = 2}
target = {val_accuracy = 0.9}

[problem.iris]
kind = "mlp"
dataset = "iris"
hidden = [4]

[rule.sgd]
lr = {log = [1e-3, 1.0, 4]}
"""


@pytest.mark.parametrize(
    ("grid", "values"),
    [
        (0.1, [0.1]),
        ([0.1, 0.2], [0.1, 0.2]),
        ({"log": [1e-4, 1.0, 5]}, [1e-4, 1e-3, 1e-2, 1e-1, 1.0]),
        ({"log": [0.5, 0.5, 1]}, [0.5]),
        ({"linear": [0, 1, 5]}, [0.0, 0.25, 0.5, 0.75, 1.0]),
        ({"values": [3, 1]}, [3, 1]),
        ({"log": [16, 256, 5]}, [16, 32, 64, 128, 256]),
    ],
)
def test_grids_stand_for_their_values(grid, values):
    assert expand(grid) == values


@given(st.floats(1e-8, 1.0), st.floats(1.1, 1e6), st.integers(2, 30))
def test_log_grids_grow_by_equal_factors_from_end_to_end(low, ratio, count):
    values = expand({"log": [low, low * ratio, count]})
    assert len(values) == count
    assert math.isclose(values[0], low, rel_tol=1e-11) and math.isclose(values[-1], low * ratio, rel_tol=1e-11)
    factors = [b / a for a, b in zip(values[:-1], values[1:], strict=True)]
    assert max(factors) / min(factors) < 1 + 1e-9


@pytest.mark.parametrize("scale", ["log", "linear"])
def test_random_grids_stay_within_their_bounds_and_repeat(scale):
    grid = {"random": [1e-4, 1.0, 200], "scale": scale}
    values = expand(grid)
    assert values == expand(grid)
    assert len(set(values)) == 200 and min(values) >= 1e-4 and max(values) <= 1.0
    middle = sorted(values)[100]
    assert (0.003 < middle < 0.03) if scale == "log" else (0.35 < middle < 0.65)


def test_quick_is_the_sweep_that_it_says_it_is():
    suite = suites.load("quick")
    tune = suite.first_trials()
    assert (
        len(tune) == 630 and {t.role for t in tune} == {"tune"} and {t.seed for t in tune} == set(range(10000, 10005))
    )
    assert len(suite.rules) == 6 and suite.count() == 1350
    assert {
        len({t.setting.definition["hyperparameters"]["lr"] for t in tune if t.setting.rule == r}) for r in suite.rules
    } == {7}


def test_trials_expand_to_tune_report_and_default(small):
    suite = suites.load(small)
    first = suite.first_trials()
    assert len(first) == 2 * 2 * 2 * 2
    second = suite.second_trials(suite.settings[:4])
    assert [t.role for t in second] == ["report"] * 8 + ["default"] * 8
    assert {t.seed for t in second} == {0, 1}
    assert [t.index for t in first + second] == list(range(32)) and suite.count() == 32


def test_without_tuning_seeds_the_grid_is_reported(small):
    suite = suites.load({**small, "tune_seeds": 0})
    trials = suite.first_trials()
    assert {t.role for t in trials} == {"report"} and {t.seed for t in trials} == {0, 1}
    assert suite.second_trials(suite.settings) == [] and suite.count() == len(trials) == 16


def test_every_axis_multiplies_the_trials(small):
    axes = {
        "schedule": ["constant", {"kind": "constant", "warmup": 5}],
        "dtype": ["float32", "float64"],
        "clip_norm": [0, 1.0],
        "clip_value": [0, 0.5, 1],
    }
    assert len(suites.load({**small, **axes}).settings) == 8 * 2 * 2 * 2 * 3
    problem = {
        "kind": "mlp",
        "dataset": ["iris", "wine"],
        "hidden": [[], [4], [4, 3]],
        "l2": [0, 0.1],
        "activation": "tanh",
    }
    several = suites.load({**small, "problem": {"p": problem}})
    assert len(several.problems) == 12
    assert "p (dataset=wine, hidden=[4,3], l2=0.1)" in several.problems
    teachers = {"kind": "mlp", "dataset": [{"name": "teacher", "seed": 0}, {"name": "teacher", "seed": 1}]}
    assert len(suites.load({**small, "target": None, "problem": {"t": teachers}}).problems) == 2


def test_a_problem_may_have_batch_sizes_of_its_own(small):
    own = {**small["problem"]["iris"], "hidden": [[4], [8]], "batch_size": [4, "full"]}
    both = suites.load({**small, "problem": {**small["problem"], "own": own}})
    sizes = {name: {s.definition["batch_size"] for s in both.settings if s.problem == name} for name in both.problems}
    assert sizes == {"iris": {8, 32}, "own (hidden=[4])": {4, "full"}, "own (hidden=[8])": {4, "full"}}
    # The problem is the same one, whatever batches a suite takes of it.
    same = suites.load({**small, "problem": {"iris": {**small["problem"]["iris"], "batch_size": [32, 8]}}})
    assert same.problems == suites.load(small).problems
    assert {t.key for t in same.first_trials()} == {t.key for t in suites.load(small).first_trials()}


def test_a_problem_outside_its_suite_has_none_of_its_batch_sizes(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(GOOD.replace("hidden", "batch_size = 16\nhidden"))
    assert suites.problem_table(f"{path}:iris")[1] == {"kind": "mlp", "dataset": "iris", "hidden": [4]}


def test_keys_depend_on_the_definition_alone(small, tmp_path):
    def keys(table, **options):
        return [t.key for t in suites.load(table, **options).first_trials()]

    base = keys(small)
    assert len(set(base)) == len(base)
    assert keys({**small, "title": "Other", "target": {"val_accuracy": 0.5}}) == base
    renamed = {
        **small,
        "problem": {"flowers": small["problem"]["iris"]},
        "rule": {"plain": {"rule": "sgd", "lr": [0.01, 0.1]}},
    }
    assert set(keys(renamed)) < set(base)
    assert not set(keys({**small, "budget": {"epochs": 4}})) & set(base)


def test_overrides_reach_every_key(small):
    suite = suites.load(small, overrides=["budget.epochs=7", "rule.sgd.lr={linear=[0.1, 0.3, 3]}", "title=Plain words"])
    assert suite.model.budget.epochs == 7 and suite.title == "Plain words"
    assert suite.rules["sgd"][1]["lr"] == [0.1, 0.2, 0.3]
    assert suites.load(small, seeds=9).seeds == list(range(9))


# What a user may get wrong: a change of GOOD (or whole bytes), and words that the sentence must hold.
BAD = {
    "missing file": (None, ["does not exist"]),
    "broken TOML": ("seeds = = 3", ["not valid TOML", "line 1"]),
    "duplicate key": (GOOD + "\nlr = 0.1\n", ["not valid TOML"]),
    "not text": (b"\x89PNG\r\n\xff\xfe", ["not a text file"]),
    "unknown key": ("batchsize = 3\n" + GOOD, ["'batchsize'", "did you mean 'batch_size'"]),
    "unknown problem key": (GOOD.replace("hidden", "hiden"), ["problem.iris.hiden", "did you mean 'hidden'"]),
    "unknown rule": (GOOD.replace("rule.sgd", "rule.adm"), ["rule.adm", "unknown rule 'adm'", "did you mean 'adam'"]),
    "unknown hyperparameter": (GOOD + "momentun = 0.9\n", ["'sgd' has no hyperparameter 'momentun'"]),
    "unknown dataset": (GOOD.replace('"iris"', '"irish"'), ["problem.iris.dataset", "'irish'", "did you mean 'iris'"]),
    "missing dataset file": (
        GOOD.replace('"iris"', '"nowhere.npz"'),
        ["problem.iris.dataset", "nowhere.npz", "does not exist"],
    ),
    "negative lr": (GOOD.replace("{log = [1e-3, 1.0, 4]}", "-0.1"), ["rule.sgd.lr = -0.1", "greater than 0"]),
    "batch 0": (GOOD.replace("[8, 32]", "0"), ["batch_size = 0", "1 or more"]),
    "batch too large": (GOOD.replace("[8, 32]", "500"), ["batch_size = 500", "training samples", '"full"']),
    "problem's batch 0": (
        GOOD.replace("hidden", "batch_size = 0\nhidden"),
        ["problem.iris.batch_size = 0", "1 or more"],
    ),
    "problem's batch too large": (
        GOOD.replace("hidden", "batch_size = 500\nhidden"),
        ["batch_size = 500", "problem.iris", '"full"'],
    ),
    "function with batches": (
        GOOD + "[problem.b]\nkind='function'\nfunction='booth'\nbatch_size=3\n",
        ["problem.b", "'booth'", "batch_size"],
    ),
    "empty grid": (GOOD.replace("{log = [1e-3, 1.0, 4]}", "[]"), ["rule.sgd.lr", "empty grid"]),
    "empty batch axis": (GOOD.replace("[8, 32]", "[]"), ["batch_size", "empty grid"]),
    "log grid through 0": (GOOD.replace("1e-3, 1.0", "0.0, 1.0"), ["rule.sgd.lr", "log grid through 0"]),
    "unknown grid": (GOOD.replace("{log =", "{logs ="), ["rule.sgd.lr", "did you mean 'log'"]),
    "grid without count": (GOOD.replace("1.0, 4", "1.0"), ["rule.sgd.lr", "[low, high, count]"]),
    "NaN": (GOOD.replace("{log = [1e-3, 1.0, 4]}", "nan"), ["rule.sgd.lr", "nan"]),
    "NaN budget": (GOOD.replace("epochs = 2", "epochs = nan"), ["budget.epochs", "nan"]),
    "wrong type": (GOOD.replace("seeds = 2", 'seeds = "two"'), ["seeds", "'two'", "whole number"]),
    "wrong type of lr": (GOOD.replace("{log = [1e-3, 1.0, 4]}", '"big"'), ["rule.sgd.lr = 'big'", "number"]),
    "duplicate axis value": (GOOD.replace("[8, 32]", "[8, 8]"), ["batch_size", "8 twice"]),
    "duplicate lr": (GOOD.replace("{log = [1e-3, 1.0, 4]}", "[0.1, 0.1]"), ["rule.sgd.lr", "0.1 twice"]),
    "unknown inner rule": (
        GOOD + "[rule.lookahead]\ninner = 'sdg'\n",
        ["rule.lookahead", "unknown rule 'sdg'", "did you mean 'sgd'"],
    ),
    "inner rule of a plain rule": (GOOD + "[rule.adam]\ninner = 'sgd'\n", ["rule.adam", "only lookahead has one"]),
    "half a step": (GOOD + "[rule.lookahead]\nk = 2.5\n", ["rule.lookahead.k = 2.5", "a whole number"]),
    "beta1 of 1.5": (GOOD + "[rule.adam]\nbeta1 = 1.5\n", ["rule.adam.beta1 = 1.5", "below 1"]),
    "no rules": (GOOD[: GOOD.index("[rule")], ["rule is missing", "[rule.adam]"]),
    "no problems": ("[rule.sgd]\nlr = 1\n", ["problem is missing"]),
    "unknown kind": (GOOD.replace('"mlp"', '"cnn"'), ["problem.iris.kind", "'cnn'", "known: mlp"]),
    "unknown activation": (
        GOOD + "[problem.b]\nkind='mlp'\ndataset='iris'\nactivation='rely'\n",
        ["problem.b.activation", "did you mean 'relu'"],
    ),
    "two budgets": (GOOD.replace("epochs = 2", "epochs = 2, steps = 5"), ["budget", "exactly one of"]),
    "unknown target": (GOOD.replace("val_accuracy", "val_acuracy"), ["target", "did you mean 'val_accuracy'"]),
    "target of another task": (
        GOOD.replace("val_accuracy = 0.9", "val_mse = 0.9"),
        ["target = 'val_mse'", "val_accuracy"],
    ),
    "impossible fractions": (
        GOOD.replace("hidden = [4]", "test_fraction = 0.9\nvalidation_fraction = 0.999"),
        ["problem.iris", "to train on"],
    ),
    "accuracy in percent": (GOOD.replace("0.9}", "90}"), ["target", "accuracy of 90", "at most 1"]),
    "unknown schedule": ('schedule = "constnt"\n' + GOOD, ["schedule", "did you mean 'constant'"]),
    "unknown dtype": ('dtype = "float16"\n' + GOOD, ["dtype = 'float16'", "did you mean 'float64'"]),
    "dataset of a wrong type": (
        GOOD.replace('"iris"', "3"),
        ["problem.iris.dataset = 3", "a name, a path, or a table"],
    ),
    "teacher with a wrong option": (
        GOOD.replace('"iris"', '{name = "teacher", sample = 3}'),
        ["problem.iris.dataset", "teacher", "'sample'", "did you mean 'samples'"],
    ),
    "schedule of a wrong type": ("schedule = 3\n" + GOOD, ["schedule 3 must be a name or a table"]),
    "batch full twice": (GOOD.replace("[8, 32]", '["full", 106]'), ["batch_size", "106", '"full"']),
    "one value as integer and float": (GOOD.replace("{log = [1e-3, 1.0, 4]}", "[1, 1.0]"), ["1.0 twice"]),
    "huge number": (GOOD.replace("{log = [1e-3, 1.0, 4]}", "1" + "0" * 400), ["rule.sgd.lr", "finite"]),
    "huge grid": (GOOD.replace("1.0, 4", "1" + "0" * 400 + ", 4"), ["rule.sgd.lr", "finite"]),
    "number of 5000 digits": ("seeds = " + "9" * 5000, ["not valid TOML"]),
    "nested without end": ("seeds = " + "[" * 3000, ["not valid TOML"]),
    "huge seeds": (GOOD.replace("seeds = 2", "seeds = 9223372036854775807"), ["seeds", "10000"]),
    "huge network": (GOOD.replace("[4]", "[1000000, 1000000]"), ["problem.iris", "parameters", "smaller"]),
    "huge sweep": (
        GOOD
        + "weight_decay = {linear = [0, 1, 10000]}\n"
        + "[rule.adam]\nlr = {log=[1e-3, 1, 10000]}\nbeta1 = {linear=[0.1, 0.9, 500]}\n",
        ["trials", "1,000,000"],
    ),
    "target on test data": (GOOD.replace("val_accuracy", "test_accuracy"), ["target", "not known"]),
    "target without data": (
        GOOD.replace("hidden = [4]", "validation_fraction = 0"),
        ["val_accuracy", "validation_fraction = 0"],
    ),
    "target below zero": (GOOD.replace("val_accuracy = 0.9", "val_loss = -1"), ["target", "above 0"]),
    "stop without target": (GOOD.replace("target = {val_accuracy = 0.9}", "stop_at_target = true"), ["stop_at_target"]),
    "label with a formula": (GOOD.replace("problem.iris", "problem.'$x'"), ["label", "without $"]),
    "budget of a wrong type": (GOOD.replace("{epochs = 2}", "3"), ["budget = 3", "must be a table"]),
    "date": (GOOD.replace("seeds = 2", "seeds = 2020-01-01"), ["seeds", "whole number"]),
    "unknown home": (GOOD.replace('"iris"', '"~nobody-here/x.npz"'), ["problem.iris.dataset", "not known here"]),
    "teacher with an odd name": (GOOD.replace('"iris"', '{name = ["teacher"]}'), ["problem.iris.dataset"]),
    "teacher without neurons": (
        GOOD.replace('"iris"', '{name = "teacher", hidden = [0]}'),
        ["problem.iris.dataset", "hidden.0 = 0", "greater than or equal to 1"],
    ),
    "subset too large": (GOOD.replace("hidden = [4]", "subset = 1000"), ["subset = 1000", "150"]),
    "budget as a number": (
        "budget = 30\n" + GOOD.replace("budget", "#"),
        ["budget = 30 must be a table, such as {epochs"],
    ),
    "evaluate of too few samples": (
        "evaluate = {train = 0}\n" + GOOD,
        ['evaluate.train = 0 must be "all" or a whole number of training samples'],
    ),
    "evaluate of text": ("evaluate = {train = 'some'}\n" + GOOD, ["evaluate.train = 'some' must be \"all\" or"]),
    "evaluate twice": ("evaluate = {points = 3, every = 2}\n" + GOOD, ["points or every and not both"]),
    "a part with a training target": (
        "evaluate = {train = 5}\n" + GOOD.replace("val_accuracy", "train_loss"),
        ["target = 'train_loss' looks at all training samples, and evaluate.train = 5 at some"],
    ),
    "evaluate as a number": ("evaluate = 30\n" + GOOD, ["evaluate = 30 must be a table, such as {points = 40}"]),
    "a problem as a list": (GOOD.replace("[problem.iris]", "[[problem.iris]]"), ["[{", "must be a table"]),
    "label with a joiner of nothing": (GOOD.replace("problem.iris", "problem.'a\u200db'"), ["label", "printable"]),
    "a loss that needs labels": (
        GOOD.replace('"iris"', '"diabetes"').replace("hidden = [4]", 'loss = "cross-entropy"'),
        ["needs labels"],
    ),
    "a binary loss for numbers": (
        GOOD.replace('"iris"', '"diabetes"').replace("hidden = [4]", 'loss = "binary-cross-entropy"'),
        ["needs labels", "'mse' or 'huber'"],
    ),
}


@pytest.mark.parametrize("mistake", BAD)
def test_a_bad_suite_gets_one_sentence_and_nothing_is_written(mistake, tmp_path, capsys):
    text, words = BAD[mistake]
    path = tmp_path / "mine.toml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SystemExit) as ended:
        main(["run", str(path), "--out", str(tmp_path / "results")])
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    sentence = printed.err.strip()
    assert sentence.startswith("error: ") and "\n" not in sentence and "Traceback" not in sentence
    assert "mine.toml" in sentence
    for word in words:
        assert word in sentence
    assert not (tmp_path / "results").exists()


def test_lookahead_takes_its_inner_rule_by_name(small):
    small["rule"] = {
        "lookahead": {"inner": "sgd", "k": [5.0, 10], "lr": 0.1},
        "lookahead(sgd)": {"k": 5, "lr": 0.1},
        "ahead": {"rule": "lookahead"},
    }
    suite = suites.load(small)
    assert [rule.name for rule, _ in suite.rules.values()] == ["lookahead(sgd)", "lookahead(sgd)", "lookahead"]
    hashes = {rule: [s.hash for s in suite.settings if s.rule == rule] for rule in suite.rules}
    assert hashes["lookahead(sgd)"] == [h for i, h in enumerate(hashes["lookahead"]) if i // 2 == 0]


@pytest.mark.parametrize("override", ["budget", "=3", "rule.sgd.lr.x=3", "budget.epochs=no"])
def test_bad_overrides_are_refused(override, small):
    with pytest.raises(UsageError):
        suites.load({**small, "rule": {"sgd": {"lr": 0.1}}}, overrides=[override])


def test_an_unknown_suite_suggests_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'quick'"):
        suites.load("quik")


def test_the_shipped_suites_load():
    assert {"quick", "digits"} <= set(suites.shipped())
    for name in suites.shipped():
        assert suites.load(name).count() > 0
