"""`gdbench figure`, `gdbench table`, and the ranking in exports: what a paper takes from a run."""

import csv
import json
import re
import xml.etree.ElementTree as ET

import pytest

import gdbench
from gdbench.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paper")
    suite = {
        "title": "50 % of _flowers_",
        "seeds": 3,
        "batch_size": [8, 32],
        "budget": {"epochs": 3},
        "target": {"val_accuracy": 0.7},
        "problem": {"iris": {"kind": "mlp", "dataset": "iris", "hidden": [5]}},
        "rule": {"sgd": {"lr": [0.01, 0.1, 1.0]}, "adam": {"lr": [0.003, 0.03, 0.3]}},
    }
    gdbench.run(suite, store=folder / "gdbench.db")
    return folder


def call(capsys, folder, *words):
    with pytest.raises(SystemExit) as ended:
        main([*map(str, words), "--out", str(folder)])
    captured = capsys.readouterr()
    return ended.value.code, captured.out, captured.err


def test_a_figure_is_written_in_each_format_and_width(folder, tmp_path, capsys):
    sizes = {}
    for columns in ((), ("--columns", 1), ("--columns", 2)):
        path = tmp_path / f"standing{len(sizes)}.svg"
        code, out, _ = call(capsys, folder, "figure", "latest", "standing", "-o", path, *columns)
        assert code == 0 and str(path) in out and "caption: Filled: each rule at its chosen setting" in out
        sizes[columns] = float(ET.parse(path).getroot().get("width").removesuffix("pt"))
    assert sizes["--columns", 1] == pytest.approx(3.35 * 72) and sizes["--columns", 2] == pytest.approx(7 * 72)
    for ending, begins in (("pdf", b"%PDF"), ("png", b"\x89PNG")):
        path = tmp_path / f"rates.{ending}"
        code, _, _ = call(capsys, folder, "figure", "latest", "heat-map", "--to", path)
        assert code == 0 and path.read_bytes().startswith(begins)
    code, out, _ = call(capsys, folder, "figure", "latest", "sensitivity")
    (written,) = folder.glob("*/sensitivity.svg")
    assert code == 0 and str(written) in out


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("standings",), "figure 'standings' is unknown; did you mean 'standing'"),
        (("standing", "-o", "x.gif"), "-o 'x.gif' must end in .svg, .pdf, .png or .pgf"),
        (("standing", "--problem", "wine"), "problem 'wine' is not in this run"),
    ],
)
def test_a_figure_that_cannot_be_is_refused_in_a_sentence(words, error, folder, capsys):
    code, _, err = call(capsys, folder, "figure", "latest", *words)
    assert code == 2 and error in err and err.count("\n") == 1


def test_the_ranking_is_printed_in_each_format(folder, capsys):
    ranking = gdbench.load(folder / "gdbench.db").ranking
    code, out, _ = call(capsys, folder, "table", "--format", "csv")
    rows = list(csv.DictReader(out.splitlines()))
    assert code == 0 and [row["rule"] for row in rows] == ranking["rule"].tolist()
    assert [float(row["to_target"]) for row in rows] == ranking["to_target"].tolist()
    _, markdown, _ = call(capsys, folder, "table")
    lines = markdown.splitlines()
    assert lines[0].startswith("| rule | learning rate | batch | epochs to 70 % |") and lines[1].count("---") == 7
    _, latex, _ = call(capsys, folder, "table", "--format", "latex")
    assert r"50 \% of \_flowers\_." in latex and latex.count(r"\\") == 1 + len(rows) and "Use " in latex
    assert not re.search(r"(?<!\\)[%_#]", latex) and "×" not in latex
    code, _, err = call(capsys, folder, "table", "--format", "html")
    assert code == 2 and "--format 'html' is not one of md, csv, latex" in err


@pytest.mark.parametrize("form", ["json", "csv"])
def test_an_export_holds_the_ranking_and_is_read_without_it(form, folder, tmp_path, capsys):
    to = tmp_path / ("run.json" if form == "json" else "run")
    assert call(capsys, folder, "export", "latest", "--format", form, "--to", to)[0] == 0
    run = gdbench.load(folder / "gdbench.db")
    if form == "json":
        rules = json.loads(to.read_text())["ranking"]["rule"]
    else:
        rules = [row["rule"] for row in csv.DictReader((to / "ranking.csv").read_text().splitlines())]
    assert rules == run.ranking["rule"].tolist()
    again = gdbench.load(to)
    assert again.ranking.equals(run.ranking) and again.answers == run.answers
    if form == "csv":
        (to / "ranking.csv").write_text("rule\nsgd\n")
        code, _, err = call(capsys, folder, "show", to)
        assert code == 2 and "was changed since gdbench wrote it" in err
