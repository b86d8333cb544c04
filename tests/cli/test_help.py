"""What the help shows: commands in groups, three examples each that work as typed, no word that means nothing."""

import shlex

import pytest
import typer

from gdbench.cli import main
from gdbench.cli.app import COMMANDS, app
from gdbench.cli.examples import EXAMPLES, PANELS


def printed(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        main([*words])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_every_command_stands_in_one_group(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert sorted(name for names in PANELS.values() for name in names) == sorted(COMMANDS) == sorted(EXAMPLES)
    out = printed(capsys, "-h")
    places = [out.index(f" {title} ") for title in PANELS]
    assert places == sorted(places) and "<bool>" not in out and "--install-completion" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_of_a_command_are_taken_as_they_stand(name, capsys):
    group = typer.main.get_command(app)
    with group.make_context("gdbench", [name, "-h"], resilient_parsing=True) as context:
        command = group.get_command(context, name)
    assert len(EXAMPLES[name]) == 3
    for line in EXAMPLES[name]:
        program, called, *words = shlex.split(line)
        assert (program, called) == ("gdbench", name)
        command.make_context(name, words)
    out = printed(capsys, name, "-h")
    assert "<bool>" not in out and EXAMPLES[name][0] in out and out == printed(capsys, name, "--help")
