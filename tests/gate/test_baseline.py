"""A baseline is a text file that says the same after reading and writing, and tells what is wrong with another."""

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gdbench
from gdbench import suites
from gdbench.cli.baselines import load_baseline
from gdbench.errors import UsageError
from gdbench.gate.baseline import KEPT, baseline_text, changes, kept, read_baseline, write_baseline
from gdbench.gate.comparison import compare
from gdbench.gate.measures import FAILED, FAMILIES, NAMES
from gdbench.gate.sides import Side, side_of

HOSTILE = ["-", "%2D", "a b", "a\tb", "a\nb\r", "x=1", "# end, 3 metrics", "\x85\u2028\x0c", "µ", "100%", "é=\\"]
FACTS = {
    "name": "run 0f",
    "run": "0f",
    "suite": "little",
    "state": "complete",
    "commit": None,
    "dirty": None,
    "code": "c0de",
    "created": "2026-01-02T03:04:05+00:00",
    "cpu": "A CPU",
    "machine": "abcdef123456",
}
DIGESTS = ["0123456789abcdef", "fedcba9876543210", "00ff00ff00ff00ff"]


def side(*rows, **facts):
    """A side of rows (family, metric, pair, value or text) of one rule on one problem, or of whole rows."""
    full = [row if len(row) > 4 else (*row[:2], "iris", "adam", 16, "float32", *row[2:]) for row in rows]
    texts = [row[-1] if isinstance(row[-1], str) else np.nan for row in full]
    values = [np.nan if isinstance(row[-1], str) else float(row[-1]) for row in full]
    frame = pd.DataFrame([row[:7] for row in full], columns=list(KEPT[:7]))
    text = pd.Series(texts, dtype=object, index=frame.index)
    return Side({**FACTS, **facts}, frame.assign(value=values, text=text, shown=np.nan))


def rows(found):
    """The measures of a side, with one kind of nothing, in an order that is theirs."""
    told = (
        tuple("nothing" if value is None or value != value else value for value in row)
        for row in found.measures[list(KEPT)].itertuples(index=False, name=None)
    )
    return sorted(told, key=lambda row: [str(value) for value in row])


PLAIN = side(
    *[("digest", "digest", f"k{number}", digest) for number, digest in enumerate(DIGESTS)],
    *[("convergence", "final_loss", f"k{number}", value) for number, value in enumerate([0.1, 0.25, np.inf])],
    ("count", "gradient_evaluations", "all", 70),
)


def names():
    return st.sampled_from(HOSTILE) | st.text(min_size=1, max_size=8)


@st.composite
def sides(draw):
    """Sides with any names and numbers."""
    number = st.floats(allow_nan=False)
    values = {
        "digest": st.from_regex(r"[0-9a-f]{16}", fullmatch=True) | st.just(FAILED),
        "setting": names(),
        "final_loss": number,
        "steps": st.integers(0, 2**60).map(float),
    }
    kinds = [("digest", "digest"), ("digest", "setting"), ("convergence", "final_loss"), ("count", "steps")]
    groups = st.tuples(
        st.none() | names(),
        st.none() | names(),
        st.sampled_from([1, 16, "full", np.nan]),
        st.sampled_from(["float32", "float64"]),
    )
    found = []
    for (family, metric), group in draw(st.sets(st.tuples(st.sampled_from(kinds), groups), max_size=5)):
        pairs = draw(st.dictionaries(names(), values[metric], min_size=1, max_size=3))
        found.extend((family, metric, *group, pair, value) for pair, value in pairs.items())
    return side(*found, cpu=draw(st.none() | names()), dirty=draw(st.sampled_from([None, True, False])))


@given(sides())
def test_what_was_read_is_what_was_written_and_gives_the_same_bytes(tmp_path_factory, given):
    path = tmp_path_factory.getbasetemp() / "round-trip.txt"
    write_baseline(given, path)
    found = read_baseline(path)
    assert rows(found) == rows(given)
    assert baseline_text(found) == path.read_text(encoding="utf-8") and changes(given, found) == []
    assert found.facts["dirty"] == given.facts["dirty"] and found.facts["families"] == FAMILIES


@given(sides(), st.randoms(use_true_random=False))
def test_the_order_of_measures_does_not_matter(given, random):
    order = random.sample(range(len(given.measures)), len(given.measures))
    assert baseline_text(Side(given.facts, given.measures.iloc[order])) == baseline_text(given)


def test_the_file_reads_as_its_description_says(tmp_path):
    write_baseline(PLAIN, tmp_path / "deep" / "b.txt", ["count", "digest"])
    assert re.sub("[0-9a-f]{64}", "HASH", (tmp_path / "deep" / "b.txt").read_text()) == (
        "# gdbench baseline 2\n# suite = little\n# run = 0f\n# commit = -\n# dirty = -\n# code = c0de\n"
        "# created = 2026-01-02T03:04:05+00:00\n# cpu = A CPU\n# machine = abcdef123456\n# families = digest count\n"
        f"digest\tdigest\tiris\tadam\t16\tfloat32\tk0={DIGESTS[0]} k1={DIGESTS[1]} k2={DIGESTS[2]}\n"
        "count\tgradient_evaluations\tiris\tadam\t16\tfloat32\tall=70\n"
        "# end, 2 metrics, sha256 HASH\n"
    )
    assert os.listdir(tmp_path / "deep") == ["b.txt"]


def test_failed_trials_and_infinite_numbers_come_back(tmp_path):
    given = side(
        ("digest", "digest", "a", FAILED),
        ("convergence", "final_loss", "b", np.inf),
        ("convergence", "final_loss", "c", 5e-324),
        ("convergence", "final_loss", "d", -0.1),
    )
    names = ["iris", "adam", 16, "float32", "a"]
    given.measures.loc[4] = ["convergence", "success", *names, 0.0, FAILED, np.nan]
    given.measures.loc[5] = ["convergence", "steps_to_target", *names, np.inf, FAILED, np.nan]
    write_baseline(given, tmp_path / "b.txt")
    assert "a=failed" in (tmp_path / "b.txt").read_text() and rows(read_baseline(tmp_path / "b.txt")) == rows(given)


LINES = baseline_text(PLAIN).splitlines()
DIGEST, LOSS, COUNT = 10, 11, 12  # where the metrics stand in LINES


def put(number, line):
    return [*LINES[:number], *line, *LINES[number + 1 :]]


@pytest.mark.parametrize(
    ("lines", "number", "words"),
    [
        ([], 1, "not a baseline"),
        (["[problem.iris]", "kind = 'mlp'"], 1, "not a baseline"),
        (put(0, ["# gdbench baseline 3"]), 1, "newer gdbench"),
        (put(0, ["# gdbench baseline " + "9" * 5000]), 1, "not a baseline"),
        (put(0, ["# gdbench baseline 0"]), 1, "no version 0"),
        (LINES[:1], 1, "truncated"),
        (LINES[:-1], 13, "truncated"),
        (LINES[:-2], 12, "truncated"),
        ([*LINES[:-1], LINES[-1][:-1]], 14, "truncated"),
        ([*LINES, ""], 15, "truncated"),
        (put(1, []), 2, "# suite = "),
        (put(2, ["# run ="]), 3, "# run = "),
        (put(4, ["# dirty = maybe"]), 5, "yes, no or -"),
        (put(9, ["# families = digest speed"]), 10, "digest, convergence, count, cost"),
        (put(9, ["# families = digest count"]), 12, "'convergence' is not one of those"),
        (put(DIGEST, []), 13, "2 metrics are listed above"),
        (put(DIGEST, [""]), 11, "1 columns in place of 7"),
        (put(DIGEST, ["<<<<<<< HEAD", LINES[DIGEST]]), 11, "1 columns"),
        (put(DIGEST, [LINES[DIGEST].replace("\t", " ")]), 11, "1 columns"),
        (put(DIGEST, [LINES[DIGEST], LINES[DIGEST]]), 12, "line 11 is repeated here"),
        (put(DIGEST, [LINES[DIGEST].replace("digest", "digests", 1)]), 11, "family 'digests'"),
        (put(DIGEST, [LINES[DIGEST][:-1]]), 11, "16 hexadecimal digits"),
        (put(COUNT, [LINES[COUNT].replace("gradient_evaluations", "-")]), 13, "the metric has no name"),
        (put(DIGEST, [LINES[DIGEST].upper().replace("DIGEST", "digest")]), 11, "16 hexadecimal digits"),
        (put(DIGEST, [LINES[DIGEST] + " "]), 11, "pair=value"),
        (put(DIGEST, [LINES[DIGEST].replace("k1", "k0")]), 11, "'k0' is there twice"),
        (put(LOSS, [LINES[LOSS].replace("0.25", "0,25")]), 12, "'0,25' must be a number"),
        (put(LOSS, [LINES[LOSS].replace("0.25", "")]), 12, "'' must be a number"),
        (put(LOSS, [LINES[LOSS].replace("iris", "%zz")]), 12, "problem '%zz'"),
        (put(LOSS, [LINES[LOSS].replace("16", "016")]), 12, "batch_size '016'"),
        (put(LOSS, [LINES[LOSS].replace("16", "k1=0.5")]), 12, "batch_size 'k1=0.5' must be a number"),
        (put(LOSS, [LINES[LOSS].replace("16", "9" * 5000)]), 12, "batch_size '9999"),
        (put(LOSS, [LINES[LOSS].replace("0.25", "9" * 5000)]), 12, "must be a number"),
        ([*LINES[:-1], "# end, " + "9" * 5000 + " metrics"], 14, "truncated"),
        (put(COUNT, [LINES[COUNT].replace("70", "71")]), 14, "do not have this hash"),
        (put(6, ["# created = 2027-01-02T03:04:05+00:00"]), 14, "do not have this hash"),
        (put(LOSS, [LINES[LOSS].replace("0.25", "nan")]), 12, "'nan' must be a number"),
        (put(COUNT, [LINES[COUNT].replace("70", FAILED)]), 13, "must be a number"),
        (put(COUNT, [LINES[COUNT].replace("70", "nan")]), 13, "must be a number"),
        (put(COUNT, [LINES[COUNT].replace("70", "inf")]), 13, "gradient_evaluations cannot be inf"),
        (put(COUNT, [LINES[COUNT].replace("70", "-5")]), 13, "gradient_evaluations cannot be -5"),
        (put(LOSS, [LINES[LOSS].replace("final_loss", "steps_to_target").replace("0.25", "-1")]), 12, "cannot be -1"),
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_refused_with_its_line(lines, number, words, tmp_path):
    path = tmp_path / "b.txt"
    path.write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(UsageError) as caught:
        read_baseline(path)
    message = str(caught.value)
    assert message.startswith(f"{path}, line {number}: ") and words in message and "\n" not in message
    assert "--save-baseline" in message or "update gdbench" in message


@given(st.integers(1, len(baseline_text(PLAIN)) - 2))
def test_no_beginning_of_a_file_is_taken_for_the_whole(tmp_path_factory, length):
    path = tmp_path_factory.getbasetemp() / "cut.txt"
    path.write_text(baseline_text(PLAIN)[:length])
    with pytest.raises(UsageError, match=r"truncated|not a baseline"):
        read_baseline(path)


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"SQLite format 3\x00", b""])
def test_another_file_or_a_folder_is_no_baseline(data, tmp_path):
    (tmp_path / "b.txt").write_bytes(data)
    with pytest.raises(UsageError, match="not a baseline"):
        read_baseline(tmp_path / "b.txt")
    with pytest.raises(UsageError, match="cannot be read"):
        read_baseline(tmp_path)


UNSEALED = baseline_text(PLAIN).replace("baseline 2", "baseline 1").partition(", sha256")[0] + "\n"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "marked"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("text", [baseline_text(PLAIN), UNSEALED], ids=["hash", "none"])
def test_line_ends_and_marks_of_editors_change_no_hash(text, end, mark, tmp_path):
    (tmp_path / "b.txt").write_bytes(mark + text.encode().replace(b"\n", end))
    found = read_baseline(tmp_path / "b.txt")
    assert baseline_text(found) == baseline_text(PLAIN) and found.facts["verified"] == (text != UNSEALED)


@given(st.integers(0, len(baseline_text(PLAIN)) - 2), st.characters(min_codepoint=32, max_codepoint=126))
def test_no_character_can_be_changed_unnoticed(tmp_path_factory, place, char):
    path, text = tmp_path_factory.getbasetemp() / "edited.txt", baseline_text(PLAIN)
    path.write_text(text[:place] + char + text[place + 1 :])
    if path.read_text() != text:
        with pytest.raises(UsageError, match=r"line [0-9]+: "):
            read_baseline(path)


def test_a_digit_edited_where_there_was_no_hash_changes_what_is_compared(tmp_path):
    edited = [LINES[0].replace("2", "1"), *LINES[1:DIGEST], LINES[LOSS].replace("0.25", "0.2500"), LINES[DIGEST]]
    edited += [LINES[COUNT].replace("all=70", "all=69"), LINES[-1].partition(", sha256")[0]]
    (tmp_path / "b.txt").write_text("\n".join([*edited, ""]))
    found = compare(read_baseline(tmp_path / "b.txt"), PLAIN).findings.set_index("metric")
    assert found.loc["gradient_evaluations", "verdict"] == "regressed" and found.loc["digest", "verdict"] == "unchanged"


def test_a_baseline_without_a_hash_is_called_unverified_until_it_is_saved_anew(tmp_path, capsys):
    (tmp_path / "b.txt").write_text(UNSEALED)
    load_baseline(str(tmp_path / "b.txt"), tmp_path)
    assert "is unverified" in capsys.readouterr().err
    write_baseline(read_baseline(tmp_path / "b.txt"), tmp_path / "b.txt")
    load_baseline(str(tmp_path / "b.txt"), tmp_path)
    assert capsys.readouterr().err == ""


def test_a_name_that_no_file_can_have_is_refused(tmp_path):
    for name in ("x" * 300, f"{tmp_path}/{'x' * 300}.txt", "a\0b.txt"):
        with pytest.raises(UsageError, match=r"255|no file's name"):
            load_baseline(name, tmp_path)


def test_an_update_tells_what_changed_a_line_a_metric():
    new = side(
        ("digest", "digest", "k0", DIGESTS[1]),
        ("digest", "digest", "k1", DIGESTS[1]),
        ("digest", "digest", "k3", DIGESTS[2]),
        *[("convergence", "final_loss", f"k{number}", value) for number, value in enumerate([0.1, 0.5, 0.75])],
        ("count", "gradient_evaluations", "all", 84),
        ("count", "parameters", None, None, np.nan, "float32", "all", 5),
    )
    assert changes(PLAIN, new) == [
        "iris, adam, 16, float32: digest of 1 of 2 trials, 1 new, 1 gone",
        "iris, adam, 16, float32: final_loss of 2 of 3 trials, median 0.25 -> 0.5",
        "iris, adam, 16, float32: gradient_evaluations 70 -> 84",
        "float32: parameters new",
    ]
    assert changes(new, kept(new, ["digest", "convergence"]))[-1] == "float32: parameters gone"
    assert changes(PLAIN, PLAIN) == []


def test_an_update_tells_of_costs_settings_and_successes():
    old, new = (
        side(
            ("digest", "setting", "chosen", setting),
            *[("convergence", "success", f"k{number}", float(number < won)) for number in range(4)],
            *[("cost", "step", str(number), cost + number / 8) for number in range(3)],
        )
        for setting, won, cost in (("abc", 3, 1.0), ("def", 1, 2.0))
    )
    assert [line.split(": ")[1] for line in changes(old, new)] == [
        "setting abc -> def",
        "success of 2 of 4 trials, mean 0.75 -> 0.25",
        "step, median 1.125 -> 2.125",
    ]


def test_times_of_another_machine_are_inconclusive_and_the_rest_is_compared(tmp_path):
    base = side(*[("cost", "step", str(number), 1.0 + number / 100) for number in range(9)], ("count", "x", "all", 1))
    write_baseline(base, tmp_path / "b.txt")
    for machine, reasons in ((FACTS["machine"], {"within-margin", "equal"}), ("elsewhere", {"other-machine", "equal"})):
        head = Side({**base.facts, "machine": machine}, base.measures)
        assert set(compare(read_baseline(tmp_path / "b.txt"), head).findings["reason"]) == reasons


def test_the_baseline_of_this_project_has_a_digest_for_every_trial_and_the_counts():
    found = read_baseline(Path(__file__).parents[1] / "regression.txt")
    sizes = found.measures.groupby(["family", "metric"]).size()
    assert found.facts["suite"] == "regression" and found.facts["families"] == ("digest", "count")
    assert sizes["digest", "digest"] == suites.load("regression").count() and len(sizes["count"]) == 3


def test_the_metrics_of_a_tuned_run_with_costs_come_back(small, tmp_path):
    found = side_of(gdbench.run(small, store=tmp_path / "s.db").frames)
    write_baseline(found, tmp_path / "b.txt")
    again = read_baseline(tmp_path / "b.txt")
    assert set(again.measures["family"]) == set(FAMILIES) and rows(again) == rows(found)
    assert len(again.measures.drop_duplicates([*NAMES, "pair"])) == len(found.measures)
    assert not set(compare(again, found).findings["verdict"]) & {"regressed", "changed", "missing", "improved"}
