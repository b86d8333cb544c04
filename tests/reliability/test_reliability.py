"""A few attempts of every script of this folder, always the same ones; the scripts by themselves go on for minutes."""

import importlib

import pytest

# The script, and how many of its attempts take a few seconds.
SHORT: dict[str, int] = {}


@pytest.mark.parametrize("script", SHORT)
def test_what_is_broken_on_purpose_is_noticed_or_does_no_harm(script):
    from tally import count

    tried, failures = count(importlib.import_module(script).attempts, seed=0, tries=SHORT[script])
    assert tried == SHORT[script]
    assert failures == []


def test_a_row_replaces_the_one_of_its_name_and_leaves_the_text_above(tmp_path):
    from tally import write_row

    table = tmp_path / "table.md"
    table.write_text("# What was tried\n\n", encoding="utf-8")
    for name, tried, held in (("kills", 10, 9), ("bits", 5, 5), ("kills", 20, 20)):
        write_row(table, name, tried, held)
    lines = table.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# What was tried"
    assert [line.split(" | ")[:3] for line in lines[4:]] == [["| bits", "5", "5"], ["| kills", "20", "20"]]
