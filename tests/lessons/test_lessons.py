"""The lessons: each has the property that it teaches, and its page shows all of them."""

import ast
import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import gdbench
from gdbench.lessons import RECIPES, lessons, of_run
from gdbench.reports.lessons import adagrad, axes, dimensions, generalisation, momentum, newton, saddles
from gdbench.reports.page import render

SMALL = [
    'problem.sparse.dataset={name = "sparse", samples = 1000, features = 400, density = 0.01, classes = 2}',
    "problem.width.hidden=[[4], [16]]",
    "budget.steps=300",
]
NAMES = [recipe.figure.name for recipe in RECIPES]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    store = tmp_path_factory.mktemp("lessons") / "l.db"
    return gdbench.run("lessons", store=store, overrides=SMALL, seeds=3, time=False)


@pytest.fixture(scope="module")
def taught(run):
    return {lesson.name: lesson for lesson in lessons(run.frames)}


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    return run.report(tmp_path_factory.mktemp("page") / "report.html").read_text(encoding="utf-8")


def last(frame, key="label"):
    """The last row of each path, by label."""
    return frame.groupby(key, sort=False).tail(1).set_index(key)


def test_slope_and_curvature_are_those_of_the_graph(taught):
    frames = taught["derivatives"].frames
    graph = frames["graph"]
    inner = slice(2, -2)
    for of, derivative in (("value", "slope"), ("slope", "curvature")):
        assert np.allclose(np.gradient(graph[of], graph["x"])[inner], graph[derivative][inner], atol=5e-3)
    assert np.allclose(frames["bends"]["slope"], 0.0) and (np.sign(frames["bends"]["curvature"]) == [1, -1, 1]).all()


def test_a_step_too_large_leaves_and_a_good_one_arrives(taught):
    paths = taught["step_sizes"].frames["paths"]
    for _, path in paths.groupby("label"):
        factor = 1.0 - path["lr"].iloc[-1]  # of the distance, a step: the curvature is 1
        assert np.allclose(path["x0"], factor ** path["step"])
    ends = last(paths)["x0"].abs()
    assert ends["good"] < 1e-4 < 0.5 < ends["too small"] < 1.0 < ends["too large"]


def test_the_gradient_is_perpendicular_to_the_contour(taught):
    points = taught["contour"].frames["points"]
    assert (points["down"] < 0).all()
    assert (points["along"].abs() < 0.01 * points["down"].abs()).all()
    slopes = -points["down"] / points["step"] / np.hypot(points["g0"], points["g1"])
    assert np.allclose(slopes, 1.0, atol=0.02)


def test_smaller_batches_cost_less_and_end_further_away(taught):
    paths = taught["batches"].frames["paths"]
    ends = last(paths, "batch_size")
    assert ends["distance"].is_monotonic_increasing and ends["gradients"].is_monotonic_decreasing
    full = paths[paths["batch_size"] == 64]
    assert (full["value"].diff().dropna() < 0).all()
    one = paths[paths["batch_size"] == 1]
    assert (one["value"].diff() > 0).any()


def test_momentum_needs_fewer_steps_and_gradient_descent_zigzags(taught):
    frames = taught["momentum"].frames
    taken = momentum.needed(frames)
    assert 2 * taken["momentum"] < taken["sgd"] < math.inf
    across = frames["paths"].query("label == 'sgd' and step <= 40")["x1"]
    assert (np.sign(across).diff().dropna().abs() == 2).all()
    doubled = frames["paths"].assign(step=2 * frames["paths"]["step"])
    words = momentum.caption({**frames, "paths": doubled})
    assert f"{2 * taken['sgd']:.0f} steps" in words and f"needs {2 * taken['momentum']:.0f}." in words


def test_adagrads_step_vanishes_and_rare_features_are_learned(taught):
    frames = taught["adagrad"].frames
    wide = frames["steps"].dropna(subset="moved").pivot(index="step", columns="label", values="moved")
    assert np.allclose(wide["adagrad"], 1.0 / np.sqrt(wide.index), rtol=1e-3)
    assert np.allclose(wide["adam"], 1.0, rtol=1e-2)
    losses = adagrad.lasts(frames)
    assert losses["adagrad"] < losses["sgd"]


def test_adams_first_steps_are_as_the_formula_says(taught):
    paths = taught["bias_correction"].frames["paths"].dropna(subset="moved")
    bare, corrected = (paths[paths["label"] == label] for label in ("without", "with bias correction"))
    t = bare["step"]
    assert np.allclose(bare["moved"], (1.0 - 0.9**t) / np.sqrt(1.0 - 0.999**t), rtol=1e-2)
    assert np.allclose(corrected["moved"], 1.0, rtol=1e-2) and bare["moved"].iloc[0] > 3.0


def test_adaptive_rules_need_fewer_steps_on_badly_scaled_axes(taught):
    taken = axes.needed(taught["axes"].frames)
    assert max(taken[rule] for rule in ("adagrad", "rmsprop", "adam")) < taken["momentum"] < taken["sgd"] < math.inf


def test_every_start_ends_in_a_known_minimum(taught):
    ends, known = taught["basins"].frames["ends"], taught["basins"].frames["minimisers"].to_numpy()
    assert set(ends["minimum"]) == {0, 1, 2, 3}
    calm = ends[ends["rule"] == "sgd"]
    for place, point in enumerate(known):  # a start beside a minimum stays with it
        near = (calm[["x0", "x1"]] - point).pow(2).sum(axis=1).idxmin()
        assert calm.loc[near, "minimum"] == place
    row = ends.iloc[100]
    end = gdbench.minimize("himmelblau", [row.x0, row.x1], row.rule, lr=0.005, steps=1000).x
    assert np.allclose(end, known[row.minimum])
    assert (calm["minimum"].to_numpy() != ends[ends["rule"] == "momentum"]["minimum"].to_numpy()).any()


def test_minima_multiply_by_themselves_and_fade_in_wider_networks(taught):
    frames = taught["dimensions"].frames
    share = frames["share"]
    assert share["found"].is_monotonic_decreasing and share["found"].iloc[-1] < 0.05
    spread = np.sqrt(share["expected"] * (1.0 - share["expected"]) / 400)
    assert ((share["found"] - share["expected"]).abs() < 3 * spread).all()
    widths = dimensions.fitted(frames)
    assert widths["width"].tolist() == [4, 16] and widths["share"].iloc[0] < widths["share"].iloc[1] == 1.0
    assert widths["greatest"].is_monotonic_decreasing


def test_newton_stays_on_the_saddle_and_small_gradients_take_long(taught):
    frames = taught["saddles"].frames
    out, off = saddles.escapes(frames), saddles.waits(frames)
    assert out["adam"] < out["momentum"] < out["sgd"] < out["newton"] == math.inf
    end = last(frames["paths"]).loc["newton"]
    assert end["grad_norm"] < 1e-6 and end["value"] > frames["paths"]["value"].min() + 0.2
    assert off["adam"] < off["momentum"] < off["sgd"] < math.inf


def test_newton_needs_a_handful_of_steps_where_gradient_descent_needs_thousands(taught):
    taken = newton.needed(taught["newton"].frames)
    assert taken["newton"] < 10 and 1000 < taken["sgd"] < math.inf


def test_training_loss_falls_on_where_validation_loss_rises(taught):
    frames = taught["generalisation"].frames
    lines, best = generalisation.medians(frames), generalisation.least(frames)
    end = lines.iloc[-1]
    assert 0 < best["epoch"] < end["epoch"] / 2
    assert end["train_loss"] < 0.8 * best["train_loss"] and end["val_loss"] > 1.1 * best["val_loss"]


@pytest.mark.parametrize("name", NAMES)
def test_every_lesson_has_a_picture_a_sentence_numbers_and_a_line_of_code(name, taught, page):
    lesson = taught[name]
    assert isinstance(lesson.figure(), Figure)
    words = lesson.caption()
    assert words.endswith((".", ").")) and len(words) > 80 and lesson.table() and lesson.alt and lesson.code
    assert not {"nan", "inf", "–"} & set(words.replace(",", " ").split())
    for part in (lesson.title(), lesson.alt, words, lesson.code.splitlines()[-1]):
        assert str(part).translate(str.maketrans({"'": "&#39;", '"': "&#34;", ">": "&gt;"})) in page


@pytest.mark.parametrize("name", NAMES)
def test_the_line_of_code_repeats_what_is_drawn(name, taught, run, monkeypatch):
    monkeypatch.setattr(gdbench, "load", lambda **known: run if known in ({}, {"run": run.id}) else None, raising=False)
    *first, final = ast.parse(taught[name].code).body
    space = {"gdbench": gdbench, "np": np}
    exec(compile(ast.Module(first, []), name, "exec"), space)
    value = eval(compile(ast.Expression(final.value), name, "eval"), space)
    frames = taught[name].frames
    if name == "batches":
        mine = frames["paths"].query("batch_size == 8").iloc[-1]
        assert np.allclose(value, [mine.x0, mine.x1])
    elif isinstance(value, Figure):  # of one of the paths, whose first point after the start it must share
        drawn = value.axes[0].lines
        ends = {tuple(np.round(x[1], 9)) for line in drawn if len(x := line.get_xydata()) > 4}
        if "paths" in frames:
            second = frames["paths"].query("step == 1")
            points = second[["x0", "x1" if "x1" in second else "value"]].to_numpy()
            assert ends & {tuple(np.round(point, 9)) for point in points}
    elif isinstance(value, pd.DataFrame | pd.Series):
        assert len(value) and value.notna().to_numpy().any()


def test_the_page_of_the_suite_is_its_lessons_and_that_of_others_is_not(page, small, tmp_path):
    assert page.count("<figure") == page.count("<svg") == len(NAMES) and "<h2>Ranking" not in page
    places = [page.index(f'id="run-{name.replace("_", "-")}"') for name in NAMES]
    assert places == sorted(places)
    other = gdbench.run(small, store=tmp_path / "o.db", time=False)
    assert of_run(other.frames) == [] and "Ranking" in render(other.frames)


def test_a_run_that_is_not_complete_teaches_what_it_can(run):
    trials = run.trials
    some = trials[(trials["rule"] != "adagrad") & ~trials["problem"].str.contains("16")]
    part = dataclasses.replace(run.frames, trials=some)
    assert [lesson.name for lesson in of_run(part)] == [n for n in NAMES if n not in ("adagrad", "dimensions")]
    assert of_run(dataclasses.replace(part, trials=trials[trials["problem"] == "sparse"])) == []


def test_without_a_run_the_lessons_that_need_none_are_there():
    assert [lesson.name for lesson in lessons()] == [
        name for name in NAMES if name not in ("adagrad", "dimensions", "generalisation")
    ]
