"""A comparison as JUnit XML, as Jenkins and GitLab read it (jenkinsci/xunit-plugin, junit-10.xsd).

A family is a testsuite, a metric a testcase. `regressed` is a failure, `failed` and `missing` are errors, and
`inconclusive` is skipped, each with its reason. `changed` passes with a line of output, and is a failure with `strict`.
If nothing was compared, one testcase says so as an error, since some systems take no testcases for success.
"""

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from gdbench.gate.comparison import Comparison
from gdbench.inputs.visible import visible
from gdbench.reports.verdicts.words import NOTHING, headline, metric_name, why

OUTCOMES = {"regressed": "failure", "failed": "error", "missing": "error", "inconclusive": "skipped"}
TALLIES = {"failures": "failure", "errors": "error", "skipped": "skipped"}
# Surrogates and control characters; XML 1.0 allows some of the latter, and readers choke on them.
UNFIT = re.compile("[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(comparison: Comparison, *, strict: bool = False) -> str:
    """The XML document."""
    root = ElementTree.Element("testsuites", name=_fit(f"gdbench: {headline(comparison)}"))
    for family, group in comparison.findings.groupby("family", sort=False):
        suite = ElementTree.SubElement(root, "testsuite", name=f"gdbench.{family}")
        for row in group.to_dict("records"):
            _testcase(suite, row, comparison.fails(row["verdict"], row["reason"], strict=strict))
        _tally(suite)
    if not len(comparison.findings):
        suite = ElementTree.SubElement(root, "testsuite", name="gdbench")
        _outcome(ElementTree.SubElement(suite, "testcase", name="comparison", classname="gdbench"), "error", NOTHING)
        _tally(suite)
    root.attrib.update({name: str(sum(int(suite.get(name, 0)) for suite in root)) for name in ("tests", *TALLIES)})
    del root.attrib["skipped"]  # the schema allows it in a testsuite alone
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _testcase(suite: ElementTree.Element, row: Mapping[Any, Any], fails: bool) -> None:
    case = ElementTree.SubElement(suite, "testcase", name=_fit(metric_name(row)), classname=suite.get("name", ""))
    verdict, words = row["verdict"], f"{row['verdict']} ({row['reason']}): {why(row)}"
    outcome = OUTCOMES.get(verdict, "failure" if fails else None)
    if fails and outcome == "skipped":
        outcome = "error"  # too few pairs: nothing was shown, and nothing could be
    if outcome:
        _outcome(case, outcome, words, row["reason"])
    elif verdict != "unchanged":
        ElementTree.SubElement(case, "system-out").text = _fit(words)


def _outcome(case: ElementTree.Element, outcome: str, words: str, code: str = "nothing") -> None:
    element = ElementTree.SubElement(case, outcome, type=_fit(code), message=_fit(words))
    if outcome != "skipped":
        element.text = _fit(words)  # GitLab shows the text, Jenkins the message


def _tally(suite: ElementTree.Element) -> None:
    suite.set("tests", str(len(suite)))
    for name, outcome in TALLIES.items():
        suite.set(name, str(len(suite.findall(f"testcase/{outcome}"))))


def _fit(words: str) -> str:
    return UNFIT.sub("\ufffd", visible(words))
