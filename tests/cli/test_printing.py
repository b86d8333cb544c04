"""What is printed cannot act on a terminal or a log, and printing fails for no text, encoding or stream."""

import dataclasses
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from test_cli import call

import gdbench
from gdbench.cli import output, streams
from gdbench.cli.progress import Bar
from gdbench.inputs.visible import inert, visible
from gdbench.results.export import export

pytestmark = pytest.mark.usefixtures("no_pictures")

HOSTILE = (
    "\x1b[31m[red] [/red] [link=http://evil]:smile:\r\n::error::pwn\n##[error]pwn %0A::add-mask::x"
    "\x9b2J\x07\x08\u202eevil\u2066\udcff <b>|`@you &amp;"
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("größe 网络 🚀 a\xa0b", "größe 网络 🚀 a\xa0b"),
        ("a\tb\r\nc", r"a\tb\r\nc"),
        ("\x1b]8;;http://evil\x1b\\x", r"\x1b]8;;http://evil\x1b\x"),
        ("\x9b31m\x85\x7f", r"\x9b31m\x85\x7f"),
        ("a\u202eb\u2066c\u200fd\u200be\ufefff\U000e0041g", r"a\u202eb\u2066c\u200fd\u200be\ufefff\U000e0041g"),
        ("\u2028\u2029", r"\u2028\u2029"),
        ("caf\udce9.csv \ud800", r"caf\xe9.csv \ud800"),
        ("👩\u200d🔬 ad\u200dam", "👩\u200d🔬 ad" + r"\u200dam"),
    ],
)
def test_what_acts_on_a_terminal_is_shown_as_an_escape(text, shown):
    assert visible(text) == shown


def test_text_of_several_lines_keeps_its_line_ends_and_tabs_alone():
    assert visible("a\n\tb\r\x1b", lines=True) == "a\n\tb\\r\\x1b"


@pytest.mark.parametrize(
    "line", ["::error::x", "  ::add-mask::x", "a\n ::x", "##[error]x", "a ##[group]", "###[x", "::"]
)
def test_no_printed_line_is_a_workflow_command(line):
    made = inert(line)
    assert not re.search(r"(?m)^\s*::|##\[", made) and made.replace("\\", "") == line
    assert inert("torch::adam # [x]") == "torch::adam # [x]"


def test_each_way_of_printing_shows_hostile_text_as_text(capsys):
    output.say(HOSTILE, HOSTILE)
    output.print_table([{HOSTILE: HOSTILE, "b": [HOSTILE, HOSTILE]}], title=HOSTILE)
    output.print_facts([(HOSTILE, HOSTILE)])
    output.print_json({HOSTILE: HOSTILE})
    output.fail(HOSTILE, 3)
    output.note(HOSTILE)
    with output.status(HOSTILE) as tell:
        tell(HOSTILE)
    printed = capsys.readouterr()
    assert_inert(printed.out)
    assert_inert(printed.err)
    assert json.loads(re.search(r"(?s)^\{.*?^\}$", printed.out, re.MULTILINE)[0]) == {HOSTILE: HOSTILE}
    assert printed.out.count("[red] [/red]") >= 5 and ":smile:" in printed.err


def assert_inert(printed):
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", printed)
    assert not re.search(r"(?m)^\s*::|##\[", printed)


def test_no_other_file_prints_by_itself():
    files = Path(output.__file__).parent.glob("*.py")
    assert {file.name for file in files if re.search(r"\bprint\(", file.read_text())} == {Path(output.__file__).name}


def test_progress_shows_labels_as_text_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr(Bar, "EVERY", -1.0)
    record = SimpleNamespace(
        status="reached", steps_to_target=3.0, loss=0.1, problem=HOSTILE, final={}, batch_size=8, rule="sgd [red][/x]",
        definition={"hyperparameters": {"lr": 0.1}},
    )  # fmt: skip
    with Bar() as bar:
        bar.notices([f"{HOSTILE}: 60 samples"])
        bar.uses(HOSTILE)
        bar.started(HOSTILE, SimpleNamespace(name=HOSTILE, problems=("a", "b")), 2, 1)
        bar.finished(record)
        bar.timing()
    printed = capsys.readouterr().err
    assert "60 samples" in printed and "2 of 2 trials" in printed and "sgd [red][/x] lr 0.1" in printed
    assert_inert(printed)


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", "inf 2x 3 us - gr\\xf6\\xdfe \\u7f51"),
        ("latin-1", "inf 2× 3 µs - größe \\u7f51"),
        ("cp1252", "inf 2× 3 µs – größe \\u7f51"),
        ("utf-8", "∞ 2× 3 µs – größe 网"),
    ],
)
def test_what_an_encoding_lacks_is_written_in_words(encoding, shown, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
    monkeypatch.setattr(sys, "stdout", stream)
    with streams.unfailing() as both:
        output.say("∞ 2× 3 µs – größe 网")
        output.print_table([{"a": "∞", "b": 1}, {"a": "12", "b": 2}])
        assert both.lost() is None
    assert stream.errors == "strict"
    lines = stream.buffer.getvalue().decode(encoding).splitlines()
    assert lines[0] == shown
    assert len({line.rstrip().rindex(each) for line, each in zip(lines[1:4], "b12", strict=True)}) == 1  # one column


class Full(io.StringIO):
    """A stream on a full disk."""

    def write(self, text):
        raise OSError(28, "No space left on device")


def test_a_stream_that_cannot_be_written_ends_nothing_and_is_told_in_the_end(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Full())
    code, _, err = call(capsys, "list", "rules")
    assert code == 3 and err == "error: the output could not be written (No space left on device)\n"


@pytest.mark.parametrize(
    ("shell", "code", "err"),
    [
        ("exec 1>/dev/full", 3, "error: the output could not be written (No space left on device)\n"),
        ("exec 1>&-", 0, ""),
        ("exec 1>&- 2>&-", 0, ""),
        ("exec 2>/dev/full", 0, ""),
        ("export PYTHONIOENCODING=ascii LC_ALL=C", 0, ""),
    ],
)
def test_full_and_closed_streams_stop_no_command(shell, code, err, tmp_path):
    command = f"{shell}; {sys.executable} -m gdbench list runs; echo $? > code"
    if "runs" in command:  # a database is opened: it must not get the number of a closed stream
        command = command.replace("list runs", f"list suites --store {tmp_path / 'a.db'}")
    done = subprocess.run(["bash", "-c", command], capture_output=True, cwd=tmp_path, timeout=60)
    assert int((tmp_path / "code").read_text()) == code and done.stderr.decode() == err


def test_a_reader_that_leaves_early_gets_no_traceback(tmp_path):
    command = [sys.executable, "-m", "gdbench", "show", "adam"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=60)
    os.close(writing)
    assert done.returncode == 141 and done.stderr == b""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Two exported runs of which every text is hostile, and a folder."""
    suite = {
        "seeds": 2,
        "tune_seeds": 0,
        "budget": {"epochs": 1},
        "target": {"val_accuracy": 0.2},
        "problem": {"iris": {"kind": "mlp", "dataset": "iris", "hidden": [3]}},
        "rule": {"sgd": {"lr": [0.1]}, "adam": {"lr": [0.1]}},
    }
    folder = tmp_path_factory.mktemp("hostile")
    frames = gdbench.run(suite, store=folder / "h.db", time=False).frames
    for number in (1, 2):
        hostile = HOSTILE.replace("\udcff", "")  # no frame can hold one
        names = {name: f"{name} {number if name == 'sgd' else ''}{hostile}" for name in ("sgd", "adam", "iris")}
        trials = frames.trials.replace({"rule": names, "problem": names}).assign(error=None)
        trials.loc[0, ["status", "error"]] = "failed", hostile
        about = {
            **frames.about, **dict.fromkeys(("suite", "title", "description", "git_commit", "backend"), hostile),
            "problems": {names["iris"]: frames.about["problems"]["iris"]}, "run": f"r{number}",
        }  # fmt: skip
        environment = {**frames.environment, hostile: hostile, "cpu": hostile, "command": hostile}
        made = dataclasses.replace(frames, trials=trials, about=about, environment=environment)
        export(made, folder / f"{number}.json", "json")
    return folder


@pytest.mark.parametrize(
    "command",
    [
        ["show", "1.json"],
        ["show", "1.json", "--json"],
        ["report", "1.json"],
        ["report", "1.json", "2.json"],
        ["compare", "1.json", "2.json", "--all", "--html", "c.html"],
        ["gate", "1.json", "2.json", "--all", "--html", "g.html", "--junit-xml", "g.xml", "--benchmark-json", "g.json"],
        ["export", "1.json", "--format", "csv"],
    ],
)
def test_what_comes_from_an_export_is_printed_as_text(command, hostile, tmp_path, capsys):
    files = [str(hostile / word) if re.fullmatch(r"\d\.json", word) else word for word in command]
    code, out, err = call(capsys, *files, *(["--out", tmp_path] if command[0] in ("report", "export") else []))
    assert code in (0, 3) and "Traceback" not in err
    assert_inert(out)
    assert_inert(err)


def test_what_a_gate_writes_for_ci_holds_no_command_but_its_own(hostile, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    code, out, _ = call(
        capsys, "gate", hostile / "1.json", hostile / "2.json", "--all", "--github", "--junit-xml", tmp_path / "g.xml"
    )
    commands = [line for line in out.splitlines() if re.match(r"\s*::|.*##\[", line)]
    assert code == 3 and commands and all(re.match(r"::(error|warning|notice) title=[^:,]*::\S", c) for c in commands)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u2066]", out)
    ElementTree.parse(tmp_path / "g.xml")
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e<`@]", summary) and "://" not in summary
    assert not re.search(r"(?m)^(::|- ::)|##\[", summary)
