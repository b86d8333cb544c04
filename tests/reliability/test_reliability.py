"""A few attempts of every script of this folder, always the same ones; the scripts by themselves go on for minutes."""

import importlib

import pytest

# The script, and how many of its attempts take a few seconds; of those in SLOW, one takes the better part of a minute.
SHORT: dict[str, int] = {
    "flipped_cache": 1,
    "flipped_bits": 4,
    "odd_suites": 8,
    "odd_baselines": 3,
    "odd_exports": 2,
    "odd_command_lines": 4,
    "odd_data": 12,
    "kills": 1,
    "torn_reads": 3,
    "full_disk": 1,
    "clock_steps": 4,
}
SLOW = ("kills", "torn_reads")


@pytest.mark.parametrize(
    "script", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in SHORT]
)
def test_what_is_broken_on_purpose_is_noticed_or_does_no_harm(script):
    from tally import count

    tried, failures = count(importlib.import_module(script).attempts, seed=0, tries=SHORT[script])
    assert tried == SHORT[script]
    assert failures == []


@pytest.mark.parametrize(
    ("outcome", "complaint"),
    [
        ({}, None),
        ({"code": 2, "err": "error: a.toml: seeds = 0 must be 1 or more\n"}, None),
        ({"code": 1}, "exit code 1"),
        ({"code": 2, "err": "no\n"}, "without a sentence"),
        ({"code": 2, "err": f"error: {'x' * 5000}\n"}, "5007 characters"),
        ({"code": 3, "err": "Traceback (most recent call last):\n  x\nValueError: y\n"}, "traceback: ValueError: y"),
        ({"code": 3, "err": "error: this is a bug in gdbench (KeyError: 1)\n"}, "fault"),
        ({"code": "SIGKILL", "seconds": 10.1}, "more than 10 s"),
        ({"resident": 3 * 2**29}, "1.5 GB"),
        ({"out": "\x1b[2J"}, "control character"),
    ],
)
def test_what_a_command_should_not_do_is_told(outcome, complaint):
    from child import Outcome

    told = Outcome(**{"code": 0, "out": "", "err": "", "seconds": 0.1, "resident": 0, **outcome}).complaint()
    assert told is None if complaint is None else complaint in told


def test_a_row_replaces_the_one_of_its_name_and_leaves_the_text_above(tmp_path):
    from tally import write_row

    table = tmp_path / "table.md"
    table.write_text("# What was tried\n\n", encoding="utf-8")
    for name, tried, held in (("kills", 10, 9), ("bits", 5, 5), ("kills", 20, 20)):
        write_row(table, name, tried, held)
    lines = table.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# What was tried"
    assert [line.split(" | ")[:3] for line in lines[4:]] == [["| bits", "5", "5"], ["| kills", "20", "20"]]
