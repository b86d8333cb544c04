"""Names of rules and problems in pictures: every one is in the legend, whatever it begins with, however long."""

import re
from xml.etree import ElementTree

import pytest

import gdbench
from gdbench.reports.figures import (
    batches,
    best_of,
    ert,
    heat_map,
    loss_curves,
    profile,
    roofline,
    sensitivity,
    train_and_test,
)
from gdbench.reports.names import COLUMNS, columns, laid_out, short
from gdbench.reports.results import only_problem
from gdbench.reports.style import svg

LONG = "a rule with a label that goes on and on, as long as a label may be: 80 letters "
RULES = {
    "_sgd": "sgd",
    "__": "momentum",
    f"{LONG}1": "adam",
    f"{LONG}2": "nesterov",
    "网络优化器" * 16: "rmsprop",
    "🚀 <i>&amp;</i>": "adagrad",
    "größe eins": "adamax",
    "👨\u200d👩\u200d👧 می\u200cخواهم": "nadam",
}


@pytest.mark.parametrize(
    ("names", "cuts"),
    [
        (["adam", "_x", "größe eins"], ["adam", "_x", "größe eins"]),
        (["a" * 31], ["a" * 19 + "…" + "a" * 10]),
        (["网" * 16], ["网" * 9 + "…" + "网" * 5]),
        (
            ["a" * 20 + "1" + "b" * 20, "a" * 20 + "2" + "b" * 20],
            ["a" * 19 + "…" + "b" * 10, "a" * 17 + "…" + "b" * 9 + " #2"],
        ),
        (["\x1b[31m", r"\x1b[31m"], [r"\x1b[31m", r"\x1b[31m #2"]),
        ([f"{LONG}(run 1)", f"{LONG}(run 2)"], ["a rule with a label…rs (run 1)", "a rule with a label…rs (run 2)"]),
    ],
)
def test_long_names_are_cut_and_stay_different(names, cuts):
    made = short(names)
    assert len(set(made.values())) == len(names) and all(columns(cut) <= COLUMNS for cut in made.values())
    assert [made[name] for name in names] == cuts


def test_what_is_laid_out_is_as_wide_and_needs_no_font():
    for text in ("网络", "🚀 a", "größe", "नमस्ते", "_$x$"):
        made = laid_out(text)
        assert re.fullmatch("[ -~öß]*", made)
        assert "$" not in made and len(made) >= columns(text) / 2


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    suite = {
        "seeds": 1,
        "tune_seeds": 0,
        "batch_size": [16, 64],
        "budget": {"epochs": 2},
        "target": {"val_accuracy": 0.3},
        "problem": {"_wide 网络🚀": {"kind": "mlp", "dataset": "iris", "hidden": [3]}},
        "rule": {label: {"rule": rule, "lr": [0.01, 0.1]} for label, rule in RULES.items()},
    }
    return gdbench.run(suite, store=tmp_path_factory.mktemp("names") / "n.db").frames


FIGURES = (loss_curves, sensitivity, heat_map, ert, profile, batches, best_of, train_and_test, roofline)


@pytest.mark.parametrize("module", FIGURES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_figure_names_every_rule_within_its_edges(module, frames):
    results = frames if module in (profile, roofline) else only_problem(frames, "_wide 网络🚀")
    figure = module.figure(results)  # a warning would be an error
    assert figure is not None, module
    drawn = ElementTree.fromstring(svg(figure, "x").replace("xlink:href", "href"))
    texts = ["".join(text.itertext()) for text in drawn.iter() if text.tag.endswith("text")]
    named = short(RULES)
    for name, cut in named.items():
        assert texts.count(cut) == (2 if module is heat_map else 1), (name, texts)
    titles = {"".join(title.itertext()) for title in drawn.iter() if title.tag.endswith("title")}
    assert {name for name, cut in named.items() if cut != name} <= titles
    width, height = figure.get_size_inches()
    for axes in figure.axes:
        box = axes.get_position()
        assert box.width * width > 1.5 and box.height * height > 0.5  # nothing has squeezed it
    for made in figure.legends:
        edges = made.get_window_extent().transformed(figure.transFigure.inverted())
        assert edges.x0 >= 0 and edges.x1 <= 1.001 and edges.y0 >= -0.001
        assert not any(edges.overlaps(ax.get_position()) for ax in figure.axes)


def test_the_page_hides_a_legends_entry_with_its_rule(frames):
    drawn = svg(loss_curves.figure(only_problem(frames, "_wide 网络🚀")), "x")
    for rule in ("_sgd", f"{LONG}1"):
        marks = re.findall(rf'<g id="x-mark\d+" class="mark" data-rule="{re.escape(rule)}">', drawn)
        assert len(marks) >= 2  # the line and the words of its legend
