"""What is told of a comparison, in every form: complete, parsable whatever names hold, and within others' limits."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from comparisons import HOSTILE, TESTED, comparison, finding, one_of_each

from gdbench.gate.measures import FAMILIES
from gdbench.gate.verdicts import REASONS, VERDICTS
from gdbench.reports.verdicts import table
from gdbench.reports.verdicts.action import benchmarks
from gdbench.reports.verdicts.document import document
from gdbench.reports.verdicts.github import MOST, ROOM, annotations, summary
from gdbench.reports.verdicts.junit import junit
from gdbench.reports.verdicts.page import page
from gdbench.reports.verdicts.words import headline, metric_name

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def forms(found):
    """The comparison in every form, as text."""
    lines = [headline(found), *(" ".join(row.values()) for row in table.rows(found, True)), *table.sentences(found)]
    return {
        "terminal": "\n".join(lines),
        "json": json.dumps(document(found), allow_nan=False),
        "junit": junit(found),
        "annotations": "\n".join(annotations(found)),
        "summary": summary(found, everything=True),
        "benchmark": json.dumps(benchmarks(found), allow_nan=False),
        "page": page(found),
    }


def test_the_headline_counts_every_verdict_the_gravest_first():
    assert headline(one_of_each()) == (
        "regressed: 2 of 21 metrics; failed: 1, missing: 1, inconclusive: 14, changed: 1, improved: 1, unchanged: 1"
    )


def test_the_table_lists_what_is_grave_and_counts_what_is_left_out():
    found = one_of_each()
    rows = table.rows(found)
    assert [row["verdict"] for row in rows[:4]] == ["regressed", "regressed", "failed", "missing"]
    assert sum(row["verdict"] == "inconclusive" for row in rows) == table.FEW
    assert "unchanged" not in {row["verdict"] for row in rows} and len(table.rows(found, True)) == 21
    told = list(table.sentences(found))
    assert "touched: adam, lion, radam, sgd, nadam" in told and "step regressed in 4 of 5 metrics" in told
    assert "4 more metrics inconclusive (noisy)" in told and "4 more" not in " ".join(table.sentences(found, True))
    assert rows[0]["head / base"] == "1.15 [1.1, 1.2]" and rows[1]["head / base"] == "∞ [1.1, ∞]"


def test_a_detail_that_all_of_a_family_share_is_said_once():
    found = one_of_each()
    assert " ".join([*table.sentences(found), *(row["reason"] for row in table.rows(found))]).count("together") == 1
    assert any("2 of 20 trials failed" in row["reason"] for row in table.rows(found))


def test_what_could_not_have_been_seen_is_told_by_family():
    (told,) = table.unseen(comparison(finding("unchanged", "within-margin", **{**TESTED, "family": "cost"})))
    assert told.startswith("cost: a rise by 5 % ") and "adam" in told
    assert not list(table.unseen(comparison(finding("unchanged", "equal"))))


@pytest.mark.parametrize("form", ["terminal", "junit", "annotations", "summary", "page"])
def test_hostile_names_leave_no_control_character_anywhere(form):
    told = forms(one_of_each(HOSTILE))[form]
    assert not CONTROL.search(told) and "\ufffe" not in told


def test_a_hostile_name_is_told_apart_and_on_one_line():
    rows = [
        finding("unchanged", "equal", rule=rule) for rule in (HOSTILE, "a on b", "a", "a ", '"a "', "", "a, batch 1")
    ]
    names = [metric_name(row) for row in rows]
    assert len(set(names)) == len(names) and all(name.isprintable() for name in names)


def test_the_document_has_all_findings_as_json_can_hold_them():
    found = one_of_each(HOSTILE)
    read = json.loads(forms(found)["json"])
    assert read["gdbench_verdicts"] == 2 and (read["verdict"], read["exit_code"]) == ("regressed", 1)
    assert list(read["counts"]) == list(VERDICTS) and sum(read["counts"].values()) == len(read["metrics"]) == 21
    assert read["rules"][0] == HOSTILE and read["base"]["run"] == "0000aaaa" and read["notes"] == found.notes
    late = read["metrics"][1]
    assert late["ratio"] == late["head"] == "inf" and late["detectable"] is None
    assert (late["batch_size"], late["pairs"]) == (32, 15) and isinstance(late["pairs"], int)
    assert list(late) == list(found.findings)


def test_strict_makes_changed_bits_a_regression_in_every_form():
    found = comparison(finding("changed", "bits-differ"))
    assert [document(found, strict=strict)["exit_code"] for strict in (False, True)] == [0, 1]
    assert annotations(found)[0].startswith("::notice ") and annotations(found, strict=True)[0].startswith("::error ")
    assert ElementTree.fromstring(junit(found)).get("failures") == "0"
    assert ElementTree.fromstring(junit(found, strict=True)).get("failures") == "1"


# What jenkinsci/xunit-plugin's junit-10.xsd allows of what we write.
SCHEMA = {
    "testsuites": ({"name", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "skipped"}, {"testcase"}),
    "testcase": ({"name", "classname"}, {"failure", "error", "skipped", "system-out"}),
    **dict.fromkeys(("failure", "error", "skipped"), ({"type", "message"}, set())),
    "system-out": (set(), set()),
}


@pytest.mark.parametrize("found", [one_of_each(HOSTILE), comparison()], ids=["each", "nothing"])
def test_the_junit_xml_follows_the_schema_and_its_tallies_are_right(found):
    root = ElementTree.fromstring(junit(found))
    for element in root.iter():
        attributes, children = SCHEMA[element.tag]
        assert set(element.attrib) == attributes and {child.tag for child in element} <= children
    for suite in [root, *root]:
        assert int(suite.get("tests")) == len(suite.findall(".//testcase")) > 0
        assert int(suite.get("failures")) == len(suite.findall(".//failure"))
        assert int(suite.get("errors")) == len(suite.findall(".//error"))


def test_each_verdict_has_its_outcome_in_junit_xml():
    cases = ElementTree.fromstring(junit(one_of_each())).findall(".//testcase")
    outcomes = [case[0].tag if len(case) else "" for case in cases]
    assert {name: outcomes.count(name) for name in outcomes} == {
        "failure": 2,
        "skipped": 14,
        "system-out": 2,
        "error": 2,
        "": 1,
    }
    assert len({(case.get("classname"), case.get("name")) for case in cases}) == len(cases) == 21
    (failed,) = [case[0] for case in cases if "lion" in case.get("name")]
    assert failed.get("type") == "failed-trial" and "2 of 20 trials failed" in failed.get("message")


def test_where_nothing_was_compared_every_form_says_so():
    found = comparison()
    assert found.exit_code() == 3
    for form in ("terminal", "junit", "annotations", "summary", "page"):
        assert "nothing was compared" in forms(found)[form]
    assert ElementTree.fromstring(junit(found)).get("errors") == "1" and annotations(found)[0].startswith("::error ")


def unescaped(words):
    for code, character in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        words = words.replace(code, character)
    return words


def test_annotations_are_escaped_so_that_github_reads_them_back():
    for line in annotations(one_of_each(HOSTILE)):
        level, title, message = re.fullmatch(r"::(error|warning|notice) title=([^:,\r\n]*)::([^\r\n]*)", line).groups()
        assert not re.search("%(?!25|0D|0A|3A|2C)", title + message), level
        assert unescaped(title).startswith("gdbench ") and len(unescaped(title)) <= 255
    line = annotations(one_of_each("a:b,c%"))[0]
    assert line.startswith('::error title=gdbench regressed%3A step of "a%3Ab%2Cc%25" on digits%2C batch 32')
    assert "margin 3 %25" in line


def test_no_level_has_more_annotations_than_github_keeps_and_the_last_counts_the_rest():
    each = [finding("regressed", "beyond-margin", rule=f"rule{number}", **TESTED) for number in range(MOST + 1)]
    assert len(annotations(comparison(*each[:MOST]))) == MOST
    lines = annotations(comparison(*each))
    assert len(lines) == MOST and "gdbench 2 more::" in lines[-1] and "rule9" in lines[-1] and "rule10" in lines[-1]
    assert "rule8" in lines[-2]


def test_one_cause_is_one_annotation():
    wide = [finding("regressed", "suite-wide", rule=f"rule{number}", **TESTED) for number in range(30)]
    (line,) = annotations(comparison(*wide))
    assert line.startswith("::error title=gdbench regressed%3A 30 metrics") and "rule0" in line and "25 more" in line


def test_the_summary_is_a_table_whose_cells_markdown_leaves_alone():
    told = summary(one_of_each(HOSTILE), everything=True)
    rows = [line for line in told.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 21 and len({line.count("|") for line in rows}) == 1
    assert not re.search(r"[<>`*\[\]]", told) and "&#60;" in told


@pytest.mark.parametrize("room", [0, 100, 2_000, 5_000, ROOM])
def test_the_summary_fits_and_says_how_much_it_leaves_out(room):
    each = [finding("regressed", "beyond-margin", rule=f"règle{number}", **TESTED) for number in range(9000)]
    told = summary(comparison(*each), room=room)
    assert len(told.encode()) <= room
    if room >= 2_000:
        left = int(re.search(r"(\d+) more rows found no room", told)[1])
        assert left + told.count("\n| regressed") == 9000 and "- base: run 0000aaaa" in told


def test_benchmarks_are_finite_uniquely_named_and_less_is_better():
    reach = finding("changed", "bits-differ", family="convergence", metric="success", base=1.0, head=0.75)
    negative = finding("changed", "bits-differ", family="convergence", metric="final_loss", base=-1.0, head=-1.1)
    rows = [*one_of_each(HOSTILE).findings.to_dict("records"), reach, negative]
    made = benchmarks(comparison(*rows))
    assert len({each["name"] for each in made}) == len(made) and made == sorted(made, key=lambda each: each["name"])
    for each in made:
        assert (
            np.isfinite(each["value"]) and {"name", "unit", "value", "extra"} <= set(each) and "\n" not in each["name"]
        )
    by_name = {each["name"]: each for each in made}
    step = by_name["cost: forward product 0 on digits, batch 32, float32"]
    assert (step["value"], step["unit"], step["range"]) == (1.15, "of base", "0.9 to 1.2")
    assert by_name["convergence: success of adam on digits, batch 32, float32"]["value"] == 0.25
    assert not any("final_loss" in name or "steps_to_target" in name for name in by_name)  # negative, infinite
    shuffled = benchmarks(comparison(*rows[::-1]))
    assert shuffled == made


class Page(HTMLParser):
    """Tags that are open, links, and the text of a page."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.outside, self.words = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.outside += [value for name, value in attributes if name in ("src", "href") and value != "data:,"]
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_the_page_is_well_formed_self_contained_and_has_every_metric():
    found = one_of_each(HOSTILE)
    text = page(found)
    read = Page(text)
    assert not read.open and not read.outside and "script" not in read.tags and "url(" not in text
    assert read.tags.count("tr") == 21 + 2 + 9  # two heads; facts
    assert read.tags.count("circle") == read.tags.count("svg") == 18  # rows with a ratio
    words = " ".join(read.words)
    for row in found.findings.to_dict("records"):
        assert metric_name(row) in words
    assert "run 0000aaaa" in words and headline(found) in words
    places = [float(value) for value in re.findall(r' (?:x|x1|x2|cx)="([^"]*)"', text)]
    assert places and all(0 <= place <= 180 for place in places)


def test_a_page_of_only_unchanged_metrics_shows_them_at_once():
    assert "<details open>" in page(comparison(finding("unchanged", "equal")))


DOCS = (Path(__file__).parents[2] / "docs" / "gate.md").read_text(encoding="utf-8")


def listed(table):
    """The names in the first column of a table of the documentation."""
    rows = re.search(rf"^\| {table} \|.*\n\|.*\n((?:\|.*\n)+)", DOCS, re.M)[1]
    return [name for row in rows.splitlines() for name in re.findall("`([^`]+)`", row.split("|")[1])]


def test_the_documentation_lists_every_verdict_reason_family_and_key():
    assert listed("verdict") == list(VERDICTS) and sorted(listed("reason")) == sorted(REASONS)
    assert listed("family") == list(FAMILIES)
    made = document(one_of_each())
    assert listed("key") == list(made) and listed("key of a metric") == list(made["metrics"][0])
