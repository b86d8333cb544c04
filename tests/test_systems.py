"""What differs between systems, played here: checkouts without links, network shares, interpreters, open files."""

import os
import subprocess
import sys
from pathlib import Path, PurePosixPath, PureWindowsPath

import pandas as pd
import pytest

import gdbench
from gdbench.errors import GdbenchError, UsageError
from gdbench.export import export, read_export
from gdbench.files import replacing, sqlite_uri, write_text
from gdbench.gate.places import find_place, interpreter
from gdbench.kernels.source import source_hash
from gdbench.store import Store

ROOT = Path(__file__).parents[1]
LINKS = ("kernels", "reports", "suites")


@pytest.fixture(scope="module")
def without_links(tmp_path_factory):
    """This checkout as git makes it on Windows: each link is a text file that names what it would lead to."""
    root = tmp_path_factory.mktemp("without") / "gdbench"
    (root / "gdbench").mkdir(parents=True)
    for folder in (ROOT, ROOT / "gdbench"):
        for path in folder.iterdir():
            if path.name in LINKS and folder != ROOT:
                (root / "gdbench" / path.name).write_text(f"../{path.name}")
            elif path.name in (*LINKS, "hatch_build.py", "pyproject.toml", "README.md", "LICENSE") or folder != ROOT:
                (root / path.relative_to(ROOT)).symlink_to(path.resolve())
    return root


CODE = """
import json
import gdbench.kernels, gdbench.reports, gdbench.suites
from gdbench.suites import load
print(json.dumps([gdbench.kernels.source_hash(), gdbench.__path__[-1], load("quick").count()]))
"""


def test_a_checkout_without_links_runs_and_has_the_same_code(without_links, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(without_links)}
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f'["{source_hash()}", "{without_links}", 810]'


def test_no_wheel_is_built_from_a_checkout_without_links(without_links, tmp_path):
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    done = subprocess.run([*command, str(without_links)], capture_output=True, text=True)
    assert done.returncode != 0 and not list(tmp_path.iterdir())
    assert "this checkout was made without links; install it with `pip install -e .`" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        (PurePosixPath("/home/me/a b?.db"), "file:///home/me/a%20b%3F.db"),
        (PureWindowsPath(r"C:\Users\me\gdbench.db"), "file:///C:/Users/me/gdbench.db"),
        (PureWindowsPath(r"\\server\share\gdbench.db"), "file:////server/share/gdbench.db"),
        (PureWindowsPath(r"\\server\share\100%\a#b.db"), "file:////server/share/100%25/a%23b.db"),
    ],
)
def test_sqlite_is_given_uris_without_a_host(path, uri):
    assert sqlite_uri(path) == uri


@pytest.mark.parametrize(
    "url",
    ["file:///x/gdbench.db", "file:////server/share/gdbench.db", "sqlite://server/share/x.db", "sqlite:///file:x.db"],
)
def test_a_store_is_a_path_or_an_sqlite_url_and_nothing_is_made_for_another(url):
    with pytest.raises(UsageError, match=r"store '.*' is no .* URL"):
        Store(url)
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("name", ["bin/python", "Scripts/python.exe", "python.exe"])
def test_the_python_of_an_environment_is_found_where_each_system_puts_it(name, tmp_path):
    python = tmp_path / "env" / name
    assert interpreter(tmp_path) is None
    python.parent.mkdir(parents=True, exist_ok=True)
    python.symlink_to(sys.executable)
    assert interpreter(tmp_path / "env") == python
    assert find_place("env", tmp_path, tmp_path).python == python
    assert find_place(f"env/{name}", tmp_path, tmp_path).python == python


def test_written_texts_have_the_same_bytes_on_every_system(tmp_path, monkeypatch):
    monkeypatch.setattr("os.linesep", "\r\n")
    write_text(tmp_path / "a.txt", "one\ntwo\n")
    assert (tmp_path / "a.txt").read_bytes() == b"one\ntwo\n"


def test_what_went_wrong_is_told_though_the_temporary_file_is_still_open(tmp_path, monkeypatch):
    def held(path, missing_ok=False):
        raise PermissionError(13, "The process cannot access the file because it is being used by another process")

    monkeypatch.setattr(Path, "unlink", held)  # as Windows has it
    with pytest.raises(GdbenchError, match=r"a\.txt cannot be written: No space left"), replacing(tmp_path / "a.txt"):
        raise OSError(28, "No space left on device")


def test_an_export_whose_line_ends_git_has_changed_is_read(small, tmp_path):
    run = gdbench.run({**small, "seeds": 1, "batch_size": 32}, store=tmp_path / "s.db", time=False)
    folder = export(run.frames, tmp_path / "csv", "csv")
    for file in folder.iterdir():
        assert b"\r" not in file.read_bytes()
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    pd.testing.assert_frame_equal(read_export(folder).curves, run.curves, check_dtype=False)
