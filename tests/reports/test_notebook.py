"""A run in a notebook: what it shows by itself, and its figures by name."""

import pytest
from matplotlib.figure import Figure

import gdbench
from gdbench.errors import UsageError
from gdbench.reports.notebook import FIGURES_OF_A_RUN


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    suite = {
        "title": "Two <flowers>",
        "seeds": 3,
        "batch_size": [8, 32],
        "budget": {"epochs": 3},
        "target": {"val_accuracy": 0.7},
        "problem": {
            "iris": {"kind": "mlp", "dataset": "iris", "hidden": [5]},
            "wine": {"kind": "mlp", "dataset": "wine"},
        },
        "rule": {"sgd": {"lr": [0.01, 0.1, 1.0]}, "adam": {"lr": [0.003, 0.03, 0.3]}},
    }
    return gdbench.run(suite, store=tmp_path_factory.mktemp("notebook") / "r.db")


def test_a_run_shows_the_first_screen(run):
    html = run._repr_html_()
    for advice in run.answers[:2]:
        problem, _, words = advice.partition(": ")
        assert problem in html and words.split(" It ")[0].split(" Both ")[0] in html
    assert "Two &lt;flowers&gt;" in html and html.count("<tr>") == 1 + 4 and "150 rows" in html


def test_the_figures_of_a_run_are_drawn_by_name(run):
    assert isinstance(run.plot(), Figure) and run.plot().axes[0].get_xlabel().startswith("epochs to 70 %")
    drawn = [name for name in FIGURES_OF_A_RUN if name not in ("scaling", "roofline")]
    assert all(isinstance(run.figure(name), Figure) for name in drawn)
    wine = run.figure("standing", "wine")
    assert [label.get_text() for label in wine.axes[0].get_yticklabels()] == [
        *run.ranking.query("problem == 'wine'")["rule"]
    ]
    for given, words in (
        (("standings",), "figure 'standings' is unknown; did you mean 'standing'"),
        (("standing", "wines"), "problem 'wines' is not in this run; did you mean 'wine'"),
        (("scaling",), "figure 'scaling' has nothing to draw"),
    ):
        with pytest.raises(UsageError, match=words):
            run.figure(*given)
