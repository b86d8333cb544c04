"""Functions and quadratics beside networks: rankings, figures and the page; what a step costs by size."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import gdbench
from gdbench.reports.common_steps import complete
from gdbench.reports.figures import heat_map, loss_curves, scaling, sensitivity
from gdbench.reports.heights import DEPTH, Heights
from gdbench.reports.page import render
from gdbench.reports.results import only_problem
from gdbench.reports.settings_table import readable, settings

SUITE = {
    "title": "Three kinds",
    "seeds": 2,
    "batch_size": [16, 32],
    "budget": {"steps": 20},
    "problem": {
        "iris": {"kind": "mlp", "dataset": "iris", "hidden": [3]},
        "bowl": {"kind": "quadratic", "dimensions": 5, "samples": 64, "test_samples": 16},
        "valley": {"kind": "function", "function": "rosenbrock", "start": "random"},
        "below": {"kind": "function", "function": "styblinski-tang", "start": "random"},
    },
    "rule": {"sgd": {"lr": [1e-4, 1e-3, 1e9]}, "adam": {"lr": [0.01, 0.1]}, "newton-damped": {}},
}
FUNCTIONS = ("valley", "below")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return gdbench.run(SUITE, store=tmp_path_factory.mktemp("mixed") / "m.db")


def test_every_problem_is_ranked_by_what_it_is_judged_by(run):
    frame = settings(run.frames)
    judged = frame.groupby("problem")["objective"].first().to_dict()
    assert judged == {"iris": "val_loss", "bowl": "train_loss", "valley": "value", "below": "value"}
    for _, rows in frame[frame["best_batch"]].groupby("problem"):
        assert rows["loss"].is_monotonic_increasing
    assert (frame.loc[frame["problem"] == "below", "loss"] < 0).any()
    scores = frame.groupby("problem")["score"].first().to_dict()
    assert scores == {"iris": "test_accuracy", "bowl": "test_loss", "valley": "", "below": ""}


def test_a_lost_trial_ranks_last_however_low_its_value_fell(run):
    trials = run.trials.copy()
    lost = (trials["problem"] == "below") & (trials["rule"] == "adam") & (trials["role"] == "report")
    trials.loc[lost, ["status", "value"]] = ["diverged", -1e300]
    frame = settings(replace(run.frames, trials=trials))
    rows = frame[frame["problem"] == "below"]
    assert rows["rule"].iloc[-1] == "adam" and np.isinf(rows["loss"].iloc[-1])


def test_a_function_has_no_batches_in_words_and_pictures(run):
    rows = {row["problem"]: row for row in readable(settings(run.frames), run.frames)}
    assert rows["valley"]["batch"] == "–" and rows["valley"]["test accuracy"] == "–" and rows["iris"]["batch"] != "–"
    for problem in FUNCTIONS:
        part = only_problem(run.frames, problem)
        for module in (loss_curves, sensitivity, heat_map):
            axes = module.figure(part).axes
            assert len(axes) == 1 and "batch" not in axes[0].get_title()
        assert "epochs" not in readable(settings(part), part)[0] and "batch" not in readable(settings(part), part)[0]


def test_negative_values_are_drawn_as_heights_above_the_least(run):
    part = only_problem(run.frames, "below")
    heights = Heights.of(part)
    assert heights.least == part.curves["value"].min() < 0 and f"{heights.least:.3g}" in heights.label
    ax = loss_curves.figure(part).axes[0]
    assert ax.get_yscale() == "log" and heights.label == ax.get_ylabel()
    for line in ax.lines:
        drawn = np.asarray(line.get_ydata(), float)
        assert (drawn[np.isfinite(drawn)] > 0).all()
    assert all(np.isfinite(line.get_ydata()).any() for line in ax.lines if len(line.get_ydata()))


def test_zero_stands_at_the_floor_and_infinity_stays():
    frame = pd.DataFrame({"step": [0, 1, 2], "value": [4.0, 0.0, np.inf]})
    heights = Heights.of(type("R", (), {"curves": frame}))
    assert heights.above(frame["value"]).tolist() == [4.0, 4.0 * DEPTH, np.inf] and heights.label == "value"


def test_a_trial_that_stalled_stays_where_it_is():
    rows = pd.DataFrame(
        {"step": [0, 1, 0, 1, 2, 5], "trial": [0, 0, 1, 1, 1, 1], "value": [4.0, 1.0, 4.0, 3.0, 2.0, 1.5]}
    )
    rows = rows.assign(rule="r", batch_size=1, status=["stalled"] * 2 + ["exhausted"] * 4)
    whole = complete(rows, ["value"])
    assert sorted(whole.loc[whole["step"] == 5, "value"]) == [1.0, 1.5]


@pytest.mark.slow
def test_the_page_shows_all_kinds_and_no_growth_for_few_sizes(run, recwarn):
    html = render(run.frames)
    assert html.count("ends at a loss of") + html.count("end at a loss of") == 4
    assert scaling.figure(run.frames) is None and "fitted exponent" not in html
    assert not list(recwarn)


@pytest.mark.parametrize("target", [None, {"value": -20.0}, {"value": [1e9, 1e-3]}])
def test_a_run_of_functions_alone_is_shown(target, tmp_path, recwarn):
    problems = {name: SUITE["problem"][name] for name in FUNCTIONS}
    suite = {**SUITE, "problem": problems, **({"target": target} if target else {})}
    page = render(gdbench.run(suite, store=tmp_path / "f.db").frames)
    shown = page.partition("<main>")[2].partition("</main>")[0]
    assert "batch" not in shown.replace("batch_size", "") and not list(recwarn)
    assert ("steps to target" in page) == bool(target)
