"""A path that no system could have ends every command that is given one with exit code 2 and one sentence."""

import pytest
from reliability.planted import plant

from gdbench.cli import main

IMPOSSIBLE = {"a name too long": "é" * 130, "a path too long": "a/" * 3000, "no character of a name": "a\0b"}
COMMANDS = (
    "show PATH", "show PATH.json", "show PATH.toml", "report PATH", "compare PATH latest", "compare latest~1 PATH.json",
    "gate --baseline PATH", "gate --baseline PATH.txt", "gate --baseline PATH.txt --update", "gate --ab . PATH",
    "gate --ab . . --plugin PATH", "gate --ab . . --suite PATH", "compare latest~1 latest --html PATH",
    "gate latest~1 latest --junit-xml PATH", "gate latest~1 latest --benchmark-json PATH", "export latest --to PATH",
    "export latest --format csv --to PATH", "export latest --out PATH", "history --plot PATH.svg",
    "list runs --out PATH", "list runs --store PATH", "remove latest --store PATH", "doctor --store PATH", "run PATH",
    "run --plugin PATH.py", "run PATH.toml --dry-run",
)  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "gdbench.db"
    plant(path, trials=6)
    return path


@pytest.mark.parametrize("line", COMMANDS)
def test_an_impossible_path_is_refused_in_a_sentence(line, store, capsys):
    own = ["--store", str(store)] if not {"--store", "--ab"} & set(line.split()) and not line.startswith("run") else []
    for path in IMPOSSIBLE.values():
        with pytest.raises(SystemExit) as ended:
            main([*(part.replace("PATH", path) for part in line.split()), *own])
        err = capsys.readouterr().err
        assert ended.value.code == 2 and err.startswith("error: ") and err.count("\n") == 1, (line, path[:9], err)


@pytest.mark.parametrize("line", ["export latest --format csv --to FILE", "export latest --to FILE/in/it"])
def test_a_file_that_is_taken_for_a_folder_is_told(line, store, capsys, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SystemExit) as ended:
        main([*line.replace("FILE", str(tmp_path / "file")).split(), "--store", str(store)])
    assert ended.value.code == 2 and "a part of this path is a file" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"
