"""Rankings, figures and the page, from frames alone."""

import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

import gdbench
from gdbench.reports import cells, common_steps, figures, text
from gdbench.reports.figures import heat_map, loss_curves, sensitivity
from gdbench.reports.judgement import units
from gdbench.reports.lines import draw_lines
from gdbench.reports.marks import mark
from gdbench.reports.page import render
from gdbench.reports.results import only_problem
from gdbench.reports.settings_table import readable, settings
from gdbench.reports.style import looks, panels, svg
from gdbench.stats import reported

FIGURES = (loss_curves, sensitivity, heat_map)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    suite = {
        "title": "Two flowers <b>&",
        "seeds": 3,
        "batch_size": [8, 32],
        "budget": {"epochs": 4},
        "target": {"val_accuracy": 0.8},
        "problem": {
            "iris": {"kind": "mlp", "dataset": "iris", "hidden": [5]},
            "wine": {"kind": "mlp", "dataset": "wine"},
        },
        "rule": {"sgd": {"lr": [0.01, 0.1, 1e4]}, "adam": {"lr": [0.003, 0.03, 0.3], "beta1": [0.5, 0.9]}},
    }
    return gdbench.run(suite, store=tmp_path_factory.mktemp("reports") / "r.db")


def test_the_ranking_reports_medians_of_the_chosen_settings(run):
    frame = settings(run.frames)
    assert len(frame) == 2 * 2 * 2
    for row in frame.itertuples():
        mine = run.trials[
            (run.trials["role"] == "report") & (run.trials["problem"] == row.problem) & (run.trials["rule"] == row.rule)
        ]
        mine = mine[mine["batch_size"] == row.batch_size]
        assert len(mine) == row.trials == 3 and set(mine["lr"]) == {row.lr}
        assert row.steps_to_target == mine["steps_to_target"].median()
        assert row.test == mine["test_accuracy"].median()
        assert row.objective == "val_loss" and row.loss_low <= row.loss <= row.loss_high
        assert row.reached == np.isfinite(mine["steps_to_target"]).mean()
    for _, rows in frame.groupby("problem"):
        best, others = rows[rows["best_batch"]], rows[~rows["best_batch"]]
        assert rows["best_batch"].tolist() == [True, True, False, False]
        assert best["rank"].tolist() == [1, 2] and others["rank"].isna().all()
        assert best["steps_to_target"].is_monotonic_increasing and others["steps_to_target"].is_monotonic_increasing
        assert rows.groupby("rule")["best_batch"].sum().tolist() == [1, 1]


def test_two_labels_of_one_rule_have_one_best_batch_each(tmp_path):
    suite = {
        "seeds": 2,
        "batch_size": [4, 16],
        "budget": {"steps": 30},
        "problem": {"i": {"kind": "mlp", "dataset": "iris"}},
    }
    rules = {"few": {"rule": "sgd", "lr": [0.1]}, "many": {"rule": "sgd", "lr": [0.01, 0.1, 0.3, 1.0]}}
    frame = settings(gdbench.run({**suite, "rule": rules}, store=tmp_path / "l.db").frames)
    assert frame.groupby("rule")["best_batch"].sum().to_dict() == {"few": 1, "many": 1}


def test_the_ranking_shows_divergence_edges_and_other_hyperparameters(run):
    frame = settings(run.frames)
    sgd = frame[frame["rule"] == "sgd"]
    assert (sgd["diverged"] > 0).any()
    rows = readable(frame, run.frames)
    assert any("beta1" in row["other settings"] for row in rows)
    edges = frame["at_edge"].tolist()
    assert [("edge" in row["lr"]) for row in rows] == [bool(e) for e in edges]


@pytest.mark.parametrize("module", FIGURES)
def test_every_figure_draws_labels_and_gives_a_figure(module, run):
    figure = module.figure(run.frames)
    assert isinstance(figure, Figure)
    assert all("batch size" in ax.get_title() for ax in figure.axes)
    assert all(ax.get_xlabel() for ax in figure.axes[-1:])


def test_sensitivity_marks_divergence(run):
    figure = sensitivity.figure(run.frames)
    marked = [c for ax in figure.axes for c in ax.collections if len(c.get_offsets()) and c.get_offsets()[0][0] == 1e4]
    assert marked


def test_crosses_lie_within_their_axes(run):
    for ax in sensitivity.figure(run.frames).axes:
        low, high = ax.get_xlim()
        for marks in ax.collections:
            if isinstance(marks, PathCollection):
                offsets = np.asarray(marks.get_offsets())
                assert ((offsets[:, 0] >= low) & (offsets[:, 0] <= high)).all()


def test_a_line_counts_the_trials_that_were_lost(run):
    rows = pd.DataFrame({"step": [0, 1, 2, 0, 1, 0, 1, 2], "trial": [0, 0, 0, 1, 1, 2, 2, 2]})
    rows = rows.assign(train_loss=1.0, val_loss=1.0, rule="r", batch_size=8, status="exhausted")
    rows.loc[rows["trial"] == 1, "status"] = "diverged"
    whole = common_steps.complete(rows, ["train_loss", "val_loss"])
    assert sorted(whole.loc[whole["step"] == 2, "train_loss"]) == [1.0, 1.0, np.inf]
    rows["status"] = "reached"  # stopped at its target: nobody knows its later losses
    assert common_steps.complete(rows, ["train_loss", "val_loss"])["step"].max() == 1


def test_a_line_does_not_jump_where_one_trial_of_many_diverged():
    """The point at which a trial diverged is one that the others lack."""
    ends = {0: 13, 1: 57, 2: 100}
    steps = {trial: [*range(0, end, 10), end] for trial, end in ends.items()}
    rows = pd.DataFrame([{"trial": trial, "step": step} for trial, own in steps.items() for step in own])
    rows = rows.assign(train_loss=1.0, rule="r", batch_size=8)
    rows["status"] = rows["trial"].map({0: "diverged", 1: "diverged", 2: "exhausted"})
    medians = common_steps.complete(rows, ["train_loss"]).groupby("step")["train_loss"].median()
    assert medians.index.tolist() == list(range(0, 101, 10))
    assert np.isinf(medians.loc[60:]).all() and (medians.loc[:50] == 1.0).all()


def test_a_run_in_which_everything_diverged_is_shown(tmp_path, recwarn):
    suite = {"seeds": 2, "budget": {"epochs": 3}, "problem": {"d": {"kind": "mlp", "dataset": "diabetes"}}}
    lost = gdbench.run({**suite, "rule": {"sgd": {"lr": [1e8, 1e9]}}}, store=tmp_path / "l.db")
    assert set(lost.trials[lost.trials["role"] != "default"]["status"]) == {"diverged"}
    html = render(lost.frames)
    assert "100 %" in html and not list(recwarn)


def test_many_batch_sizes_wrap_to_rows_of_three(tmp_path):
    suite = {"seeds": 1, "batch_size": [2, 4, 8, 16, 32, 64], "budget": {"steps": 5}, "target": {"val_accuracy": 0.9}}
    suite |= {"problem": {"i": {"kind": "mlp", "dataset": "iris"}}, "rule": {"sgd": {"lr": [0.01, 0.1]}}}
    wide = gdbench.run(suite, store=tmp_path / "w.db")
    assert sensitivity.figure(wide.frames).get_size_inches()[0] < 14
    assert len(sensitivity.figure(wide.frames).axes) == 6 and len(loss_curves.figure(wide.frames).axes) == 12
    figure, axes = panels(4, groups=2)
    rows = [round(ax.get_subplotspec().rowspan.start) for ax in axes]
    assert len(figure.axes) == 8 and rows == [0, 0, 0, 1, 2, 2, 2, 3]


def test_labels_are_drawn_as_they_stand(tmp_path):
    suite = {"seeds": 1, "budget": {"steps": 2}, "problem": {"a_b^c <x> [/y]": {"kind": "mlp", "dataset": "iris"}}}
    odd = gdbench.run({**suite, "rule": {"[bold]_^ sgd": {"rule": "sgd", "lr": [0.01, 0.1]}}}, store=tmp_path / "o.db")
    html = render(odd.frames)
    assert "a_b^c &lt;x&gt; [/y]" in html and "[bold]_^ sgd" in html


def test_the_heat_map_marks_divergence(run):
    words = {t.get_text() for ax in heat_map.figure(run.frames).axes for t in ax.texts}
    assert "D" in words


def test_every_file_of_a_figure_is_listed_and_names_its_figure():
    files = {path.stem for path in Path(figures.__file__).parent.glob("*.py")} - {"__init__"}
    assert {figure.name for figure in figures.FIGURES} == files and len(figures.FIGURES) == len(files)
    for figure in figures.FIGURES:
        assert figure.title and figure.alt and figure.spans in ("problem", "run", "runs")
        assert bool(figure.variants) == bool(figure.varies)


@pytest.mark.parametrize("module", FIGURES)
def test_no_figure_without_data(module, run):
    empty = SimpleNamespace(about=run.about, environment={}, trials=run.trials.iloc[:0], curves=run.curves.iloc[:0])
    assert module.figure(empty) is None


def test_a_rule_has_the_same_colour_everywhere():
    assert looks(["adam", "mine"])["palette"]["adam"] == looks(["sgd", "adam"])["palette"]["adam"]
    many = looks(["sgd", "adam", "nadam", "lion", "zzz", "yyy"])
    pairs = {(many["palette"][r], many["dashes"][r]) for r in many["palette"]}
    assert len(pairs) == 6


class Page(HTMLParser):
    """Collects tags, ids, and what would be fetched."""

    def __init__(self):
        super().__init__()
        self.ids, self.fetched, self.tags = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "xlink:href", "data") and value and not value.startswith(("#", "data:")):
                self.fetched.append(value)


def test_the_page_is_one_file_with_unique_ids_and_escaped_text(run, tmp_path):
    path = run.report(tmp_path / "deep" / "report.html")
    html = path.read_text(encoding="utf-8")
    page = Page()
    page.feed(html)
    assert page.fetched == [] and "@import" not in html and not re.search(r"url\((?!#)", html)
    assert len(page.ids) == len(set(page.ids))
    shown = 2 * sum(figure.spans == "problem" for figure in figures.FIGURES) + 2
    more = 2 * (5 + len(units(run.frames)) - 1)  # of loss curves and costs by rule, variants besides the first
    assert page.tags.count("figure") == shown and page.tags.count("svg") == shown + more
    assert "Two flowers &lt;b&gt;&amp;" in html and "Two flowers <b>" not in html
    for words in ("wine", run.id, "tuning seeds", run.environment["cpu"], "code"):
        assert words in html
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_an_unfinished_run_says_so(run):
    about = {**run.about, "state": "interrupted"}
    some = run.trials[run.trials["role"] == "tune"].head(5)
    part = dataclasses.replace(run.frames, about=about, trials=some)
    assert "This run is interrupted" in render(part)


def test_a_run_without_target_or_tuning_is_shown(tmp_path):
    suite = {
        "seeds": 2,
        "tune_seeds": 0,
        "budget": {"epochs": 2},
        "problem": {"d": {"kind": "mlp", "dataset": "diabetes"}},
    }
    plain = gdbench.run({**suite, "rule": {"adam": {"lr": [0.01, 0.1]}}}, store=tmp_path / "p.db")
    html = render(plain.frames)
    assert "test mean squared error" in html and '<th scope="col">steps to target' not in html and "flatter it" in html


def test_numbers_are_written_for_people():
    inf, nan = float("inf"), float("nan")
    assert [text.number(v) for v in (0, 0.1, 0.031623, 123.4, 1234.5, 2.5e-7, inf, nan)] == [
        "0", "0.1", "0.0316", "123", "1235", "2.50e-7", "∞", "–",
    ]  # fmt: skip
    assert text.steps(12345.0) == "12,345" and text.percent(0.9781) == "97.8 %"
    assert text.metric_title("val_accuracy") == "validation accuracy"


def test_a_run_of_which_every_trial_failed_has_a_page(small, tmp_path, monkeypatch):
    def fail(*given):
        raise RuntimeError("no luck")

    monkeypatch.setattr("gdbench.runner.backends.contract.train", fail)
    run = gdbench.run(small, store=tmp_path / "runs.db")
    assert set(run.trials["status"]) == {"failed"}
    assert "Iris, small" in run.report(tmp_path / "page.html").read_text()


def test_the_points_of_the_loss_curves_are_medians_of_exported_curves(run):
    data = loss_curves.data(only_problem(run.frames, "iris"))
    chosen = settings(run.frames).query("problem == 'iris'")
    assert set(zip(data["rule"], data["batch_size"], strict=True)) == set(
        zip(chosen["rule"], chosen["batch_size"], strict=True)
    )
    seen = run.curves.merge(reported(run.trials), on="trial", suffixes=("", "_end")).query("problem == 'iris'")
    for row in data.itertuples():
        mine = seen.query("rule == @row.rule and batch_size == @row.batch_size and step == @row.step")
        assert row.median == mine[row.metric].median() and row.epoch == mine["epoch"].iloc[0]
    timed = chosen.set_index(["rule", "batch_size"])["step"]
    assert all(row.time == row.step * timed[row.rule, row.batch_size] for row in data.itertuples())


def test_lines_know_their_rules_even_where_they_are_the_same(run):
    points = pd.DataFrame({"rule": ["a", "b", "a", "b"], "step": [1, 1, 2, 2], "loss": [3.0, 3.0, 2.0, 2.0]})
    figure, (ax,) = panels(1)
    draw_lines(ax, points, "step", "loss", ["b", "a"], batch=8)
    html = svg(figure, "f")
    named = re.findall(r'class="mark" data-rule="(.)" data-batch="8" data-name="\1, batch size 8"', html)
    assert sorted(named) == ["a", "b"] and html.count("step 2: 2|") == 0 and html.count("step 1: 3|step 2: 2") == 2


def test_a_mark_lies_where_matplotlib_drew_it():
    figure, (ax,) = panels(1)
    (line,) = ax.plot([1, 2, 4], [1.0, 5.0, 2.0])
    mark(line, rule='<&"|', name="a|b", points=[(1, 1.0, "one|"), (2, 5.0, "two"), (4, float("inf"), "gone")])
    element = svg(figure, "f")
    found = re.search(r'<g id="f-mark0"([^>]*)>\s*<path d="M ([\d.]+) ([\d.]+)', element)
    at = re.search(r'data-at="([\d.]+),([\d.]+) ', found[1])
    assert [float(n) for n in at.groups()] == pytest.approx([float(found[2]), float(found[3])], abs=0.06)
    assert 'data-tips="one/|two"' in found[1] and 'data-rule="&lt;&amp;&quot;|"' in found[1]


def test_many_points_are_thinned_and_the_ends_stay():
    steps = common_steps._thinned(list(range(0, 5000, 7)), 20)
    assert len(steps) <= 40 and steps[0] == 0 and steps[-1] == 4998 and steps == sorted(set(steps))
    assert common_steps._thinned([0, 1, 5], 20) == [0, 1, 5]


def test_a_column_is_a_number_where_every_cell_begins_with_one():
    table = cells.grid(
        [{"batch": "8", "cost": "2 ms [1 ms, 3 ms]", "rule": "adam"}, {"batch": "16", "cost": "–", "rule": "sgd"}]
    )
    assert table.columns == [("batch", True), ("cost", True), ("rule", False)]
    assert table.rows[0][0] == {"batch": "8", "rule": "adam"}
    assert [row[1][1].value for row in table.rows] == ["0.002", "NaN"]
    assert cells.grid([]) is None and cells.numbers(pd.DataFrame()) is None


@given(st.floats(allow_nan=False, width=32))
def test_what_is_written_sorts_as_what_it_was(value):
    assert text.sort_key(text.number(value)) == pytest.approx(value, rel=6e-3)
    if value > 1e-9:
        assert text.sort_key(text.seconds(value)) == pytest.approx(value, rel=6e-3)


@pytest.mark.parametrize("module", [loss_curves, sensitivity])
def test_every_line_and_panel_of_every_variant_is_marked(module, run):
    part = only_problem(run.frames, "wine")
    drawings = dict(module.variants(part)) if module is loss_curves else {(): module.figure(part)}
    for drawing in drawings.values():
        lines = sum(len(line.get_xydata()) > 0 for ax in drawing.axes for line in ax.lines)
        assert all(label.get_visible() and label.get_text() for ax in drawing.axes for label in [ax.yaxis.label])
        html = svg(drawing, "f")
        named = re.findall(r'class="mark" data-rule="\w+" data-batch="\d+" data-name="[^"]+"', html)
        assert len(named) >= lines >= 4
        assert len(re.findall(r'class="mark" data-batch="\d+">', html)) == len(drawing.axes)


def test_a_logarithmic_axis_has_step_0_once(run):
    for (against, axes), drawing in loss_curves.variants(only_problem(run.frames, "wine")):
        for ax in drawing.axes:
            for line in ax.lines:
                xs = np.asarray(line.get_xdata(), float)
                assert (np.diff(xs) > 0).all() and (axes == "linear" or (xs > 0).all()), against


def test_a_line_that_ended_at_step_0_has_a_place():
    line = {"metric": "value", "batch_size": 1, "median": 1.0}
    ended = pd.DataFrame([{**line, "rule": "a", "step": 0}])
    assert loss_curves._without_zero(ended, "step")["step"].tolist() == [1.0]
    others = pd.DataFrame([{**line, "rule": "b", "step": step} for step in (0, 1, 4)])
    both = loss_curves._without_zero(pd.concat([ended, others], ignore_index=True), "step")
    assert list(zip(both["rule"], both["step"], strict=True)) == [("a", 1.0), ("b", 1.0), ("b", 4.0)]
