"""Profile, running time, the best of k, batches, training against test: figures, their tables, and the first screen."""

import dataclasses
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import gdbench
from gdbench.cli import main
from gdbench.reports import origins
from gdbench.reports.figures import batches, best_of, ert, profile, train_and_test
from gdbench.reports.hardness import Hardness
from gdbench.reports.page import render
from gdbench.reports.results import only_problem
from gdbench.reports.settings_table import settings
from gdbench.stats import censored_steps, reported
from gdbench.stats.best_of import expected_best
from gdbench.stats.ert import running_times
from gdbench.stats.profiles import ratios, share_within

OF_A_PROBLEM = (ert, batches, best_of, train_and_test)
FIGURES = (*OF_A_PROBLEM, profile)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    suite = {
        "title": "Two flowers",
        "seeds": 3,
        "batch_size": [8, 32],
        "budget": {"epochs": 4},
        "target": {"val_accuracy": 0.8},
        "problem": {
            "iris": {"kind": "mlp", "dataset": "iris", "hidden": [5]},
            "wine": {"kind": "mlp", "dataset": "wine"},
        },
        "rule": {"sgd": {"lr": [0.01, 0.1, 1.0, 1e4]}, "adam": {"lr": [0.003, 0.03, 0.3]}},
    }
    return gdbench.run(suite, store=tmp_path_factory.mktemp("compared") / "r.db")


@pytest.fixture(scope="module")
def iris(run):
    return only_problem(run.frames, "iris")


def written(cell):
    """The numbers of a cell."""
    return [float(n.replace(",", "")) for n in re.findall(r"\d[\d,.]*(?:e-?\d+)?", cell)]


@pytest.mark.parametrize("module", FIGURES)
def test_every_figure_has_labels_words_and_a_table(module, iris, recwarn):
    figure = module.figure(iris)
    assert isinstance(figure, Figure) and "interval" in module.caption(iris)
    assert all(ax.get_xlabel() for ax in figure.axes) and figure.axes[0].get_ylabel()
    rows = module.table(iris)
    assert {row["rule"] for row in rows} == {"sgd", "adam"} and len({tuple(row) for row in rows}) == 1
    assert not list(recwarn)


@pytest.mark.parametrize("module", FIGURES)
def test_no_figure_without_data(module, run):
    none = run.timings.iloc[:0], run.subjects.iloc[:0]
    empty = SimpleNamespace(
        about=run.about, environment={}, trials=run.trials.iloc[:0], curves=run.curves.iloc[:0],
        timings=none[0], subjects=none[1],
    )  # fmt: skip
    assert module.figure(empty) is None


def test_colours_are_those_of_the_rules(iris):
    for module in (ert, batches, best_of, profile):
        colours = [
            {line.get_label(): line.get_color() for line in f.legends[0].get_lines()} for f in [module.figure(iris)]
        ]
        assert set(colours[0]) == {"sgd", "adam"}
        assert colours[0]["sgd"] == pytest.approx((0.0039, 0.4510, 0.6980), abs=1e-3)


def test_the_profile_shows_the_exact_shares(run):
    final = reported(run.trials)
    wide = final.assign(t=censored_steps(final).clip(lower=1)).pivot_table(
        index=["problem", "batch_size", "seed"], columns="rule", values="t", aggfunc="first"
    )
    assert len(wide) == 2 * 2 * 3
    rows = {row["rule"]: row for row in profile.table(run.frames)}
    for rule, share in share_within(ratios(wide), 2.0).items():
        assert written(rows[rule]["within 2x of the best"])[0] == round(100 * share)
        assert rows[rule]["cases"] == "12"
    lines = {line.get_label(): line for line in profile.figure(run.frames).axes[0].lines if len(line.get_xdata())}
    drawn = next(iter(lines.values()))
    assert drawn.get_drawstyle() == "steps-post" and "12 cases (2 problems, 2 batch sizes, 3 seeds)" in profile.caption(
        run.frames
    )


def test_a_case_that_a_rule_was_not_tried_on_is_left_out(run):
    some = run.trials[~((run.trials["rule"] == "adam") & (run.trials["problem"] == "wine"))]
    assert {row["cases"] for row in profile.table(dataclasses.replace(run.frames, trials=some))} == {"6"}
    alone = dataclasses.replace(run.frames, trials=run.trials[run.trials["rule"] == "sgd"])
    assert profile.figure(alone) is None


def test_running_times_to_the_target_are_those_of_the_trials(iris):
    expected = running_times(reported(iris.trials), ["rule", "batch_size"]).set_index(["rule", "batch_size"])
    for row in ert.table(iris):
        want = expected.loc[(row["rule"], int(row["batch"]))]
        cell = row["to 80.0 %"]
        assert ("∞" in cell) if np.isinf(want["ert"]) else written(cell)[0] == round(want["ert"])
        assert f"({want['reached']:.0f} of {want['trials']:.0f})" in cell


def test_no_level_lies_beyond_a_target_at_which_trials_stop(iris):
    free = ert._times(iris)["level"].max()
    stops = dataclasses.replace(iris, about={**iris.about, "table": {**iris.about["table"], "stop_at_target": True}})
    assert ert._times(stops)["level"].max() == pytest.approx(0.8) and free > 0.9


def test_the_best_of_all_is_the_best_and_a_lost_setting_counts(iris):
    tuned = iris.trials[(iris.trials["role"] == "tune") & (iris.trials["rule"] == "sgd")]
    assert (tuned["status"] == "diverged").any()
    for row in best_of.table(iris):
        if row["rule"] != "sgd":
            continue
        mine = tuned[tuned["batch_size"] == int(row["batch"])]
        errors = (1 - mine["val_accuracy"]).where(mine["status"] != "diverged", 1.0)
        by_seed = errors.groupby(mine["seed"])
        assert written(row["best of all"])[0] == pytest.approx(100 * (1 - by_seed.min().median()), abs=0.06)
        two = by_seed.apply(lambda e: expected_best(e.to_numpy(), np.array([2])).item()).median()
        assert written(row["best of 2"])[0] == pytest.approx(100 * (1 - two), abs=0.06)


def test_tens_of_thousands_of_settings_are_drawn_at_few_points(iris):
    draws = best_of._draws(20_000, shown=True)
    assert len(draws) < 60 and draws[0] == 1 and draws[-1] == 20_000 and {2, 3, 5, 10}.issubset(draws)
    assert best_of._draws(7, shown=False).tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_batches_are_the_rankings_rows(iris):
    frame = settings(iris).set_index(["rule", "batch_size"])
    for row in batches.table(iris):
        want = frame.loc[(row["rule"], int(row["batch"]))]
        assert ("∞" in row["steps to target"]) or written(row["steps to target"])[0] == round(want["steps_to_target"])
    one = iris.trials[iris.trials["batch_size"] == 8]
    assert batches.figure(dataclasses.replace(iris, trials=one)) is None
    assert batches.figure(dataclasses.replace(iris, about={**iris.about, "target": {}})) is None


def test_training_and_test_are_those_of_the_reporting_seeds(iris):
    final = reported(iris.trials)
    for row in train_and_test.table(iris):
        mine = final[(final["rule"] == row["rule"]) & (final["batch_size"] == int(row["batch"]))]
        assert written(row["test accuracy"])[0] == pytest.approx(100 * mine["test_accuracy"].median(), abs=0.06)


def test_an_accuracy_is_drawn_by_its_error_and_all_right_has_a_place():
    seen = pd.Series([0.0, 0.9, 0.98, 1.0])
    hardness = Hardness(SimpleNamespace(curves=pd.DataFrame({"val_accuracy": seen})), "val_accuracy")
    assert hardness.of(seen).tolist() == pytest.approx([1.0, 0.1, 0.02, 0.01])
    assert hardness.level(np.array([0.05])).item() == pytest.approx(0.95) and hardness.rises
    alone = hardness.of(pd.Series([1.0])).item()  # has the place that it has beside others
    assert alone == pytest.approx(0.01) and hardness.words(alone) == "error 0.0 %"
    assert Hardness(SimpleNamespace(curves=pd.DataFrame({"a_accuracy": [1.0]})), "a_accuracy").of(seen).min() > 0


def test_functions_have_running_times_by_height(tmp_path, recwarn):
    suite = {
        "seeds": 2,
        "budget": {"steps": 30},
        "target": {"value": -30.0},
        "problem": {"below": {"kind": "function", "function": "styblinski-tang", "start": "random"}},
        "rule": {"sgd": {"lr": [0.003, 0.01, 0.03]}, "adam": {"lr": [0.03, 0.1, 0.3]}},
    }
    results = gdbench.run(suite, store=tmp_path / "f.db").frames
    ax = ert.figure(results).axes[0]
    low, high = sorted(ax.get_xlim())
    assert "value above" in ax.get_xlabel() and sum(low <= tick <= high for tick in ax.get_xticks()) >= 2
    assert "batch" not in ert.table(results)[0] and "batch" not in best_of.table(results)[0]
    assert best_of.figure(results) is not None and profile.figure(results) is not None
    assert batches.figure(results) is None and train_and_test.figure(results) is None
    render(results)
    assert not list(recwarn)


# ---- the first screen


def frames_of(steps, costs):
    """A run of rules with steps by rule and seed and costs by rule and round, all at one setting of three."""
    trials = pd.DataFrame(
        [
            {"problem": "p", "rule": rule, "lr": lr, "batch_size": 8, "seed": seed, "role": role, "status": "reached",
             "setting": f"{rule}{lr}", "steps": 1000, "epochs": 1.0, "schedule": "constant", "dtype": "float32",
             "clip_norm": 0.0, "clip_value": 0.0, "val_loss": 1.0 if lr == 0.1 else 2.0, "test_accuracy": 0.9,
             "steps_to_target": taken * (1 if lr == 0.1 or (rule == "sgd" and lr > 0.1) else 3)}
            for rule, every in steps.items()
            for seed, taken in enumerate(every)
            for lr in (0.01, 0.1, 1.0)
            for role in (("tune", "report") if lr == 0.1 else ("tune",))
        ]
    )  # fmt: skip
    trials["trial"] = range(len(trials))
    timings = pd.DataFrame(
        [(r, i, s, 1) for r, every in costs.items() for i, s in enumerate(every)],
        columns=["subject", "round", "seconds", "steps"],
    )
    subjects = pd.DataFrame(
        [(r, "step", "p", r, 8, 1) for r in costs],
        columns=["subject", "part", "problem", "rule", "batch_size", "jobs"],
    )
    about = {"target": {"val_accuracy": [0.9]}, "hyperparameters": ["lr"]}
    return SimpleNamespace(
        about=about, environment={}, trials=trials, curves=pd.DataFrame(), timings=timings, subjects=subjects
    )


def test_many_rules_have_no_bands():
    steps = {rule: [100 + i] * 5 for i, rule in enumerate("abcdefgh")}
    results = frames_of(steps, {})
    assert not profile.figure(results).axes[0].collections and "Intervals in the table" in profile.caption(results)
    few = frames_of({"a": [1] * 5, "b": [2] * 5}, {})
    assert len(profile.figure(few).axes[0].collections) == 2 and "Bands are" in profile.caption(few)


def test_a_rule_that_never_arrives_has_its_line_at_the_bottom():
    results = frames_of({"sgd": [np.inf] * 5, "adam": [100] * 5}, {})
    results.trials.loc[results.trials["rule"] == "sgd", "status"] = "exhausted"
    rows = {row["rule"]: row for row in profile.table(results)}
    assert rows["sgd"]["reaches the target"] == "0 %" and rows["adam"]["as soon as sgd"] == "100 %"
    assert rows["sgd"]["cases"] == "5"


def test_the_first_screen_says_what_where_when_and_how_to_repeat(tmp_path):
    path = tmp_path / "my suite.toml"
    path.write_text(
        'seeds = 1\nbudget = {steps = 3}\n[problem.iris]\nkind = "mlp"\ndataset = "iris"\nhidden = [5]\n'
        "[rule.sgd]\nlr = [0.1]\n"
    )
    done = gdbench.run(path, overrides=["budget.steps=2"], seeds=2, store=tmp_path / "c.db", time=False)
    assert done.environment["command"] == f"python -m gdbench run '{path}' --set budget.steps=2 --seeds 2 --no-time"
    frames = dataclasses.replace(done.frames, about={**done.about, "git_commit": "c0ffee" * 7, "git_dirty": True})
    head = render(frames).partition("<form")[0].partition("<h2>")[0]
    for words in (f"{len(done.trials)} trials in ", done.environment["cpu"], " UTC", "c0ffeec0ffee with uncommitted"):
        assert words in head
    assert "--set budget.steps=2 --seeds 2 --no-time</code>" in head


def test_the_command_line_keeps_its_plugins_in_the_command(tmp_path):
    (tmp_path / "none.py").write_text("")
    (tmp_path / "s.toml").write_text(
        'seeds = 1\nbudget = {steps = 2}\n[problem.iris]\nkind = "mlp"\ndataset = "iris"\nhidden = [5]\n'
        "[rule.sgd]\nlr = [0.1]\n"
    )
    words = ["run", str(tmp_path / "s.toml"), "--plugin", str(tmp_path / "none.py")]
    with pytest.raises(SystemExit):
        main([*words, "--no-time", "--quiet", "--out", str(tmp_path / "out")])
    command = gdbench.load(tmp_path / "out" / "gdbench.db").environment["command"]
    assert command == f"python -m gdbench {' '.join(words)} --no-time"


def test_a_run_of_a_dict_is_repeated_from_its_store(run):
    assert f"gdbench.load(run='{run.id}').about['table']" in origins.command(run.frames)
