"""What differs between systems, played here: checkouts without links, network shares, interpreters, open files."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath

import pandas as pd
import pytest

import gdbench
from gdbench.ab.places import find_place, interpreter
from gdbench.errors import GdbenchError, UsageError
from gdbench.inputs.writing import replacing, write_text
from gdbench.kernels.compile.source import source_hash
from gdbench.results.export import export, read_export
from gdbench.results.files import sqlite_uri
from gdbench.store import Store

ROOT = Path(__file__).parents[1]
LINKS = ("kernels", "reports", "suites")


@pytest.fixture(scope="module")
def without_links(tmp_path_factory):
    """This checkout as git makes it on Windows: each link is a text file that names what it would lead to."""
    root = tmp_path_factory.mktemp("without") / "checkout"
    shutil.copytree(ROOT / "gdbench", root / "gdbench", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("hatch_build.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, root)
    for name in LINKS:
        (root / name).write_text(f"gdbench/{name}")
    return root


CODE = """
import json
import gdbench.kernels, gdbench.reports, gdbench.suites
from gdbench.suites import load
print(json.dumps([gdbench.kernels.source_hash(), gdbench.__path__[0], load("quick").count()]))
"""


def test_the_names_at_the_top_are_links_to_folders_of_the_package():
    links = [ROOT / name for name in LINKS if (ROOT / name).is_symlink()]
    assert all(path.resolve() == ROOT / "gdbench" / path.name for path in links)
    assert not any((ROOT / "gdbench" / name).is_symlink() for name in LINKS)


def test_a_checkout_without_links_runs_and_has_the_same_code(without_links, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(without_links)}
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f'["{source_hash()}", "{without_links}/gdbench", 1350]'


def test_the_wheel_of_a_checkout_without_links_holds_every_file(without_links, tmp_path):
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    subprocess.run([*command, str(without_links)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("gdbench/")}
    files = [path for path in (without_links / "gdbench").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert held == {path.relative_to(without_links).as_posix() for path in files}


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
    with pytest.raises(UsageError, match=r"store '.*' is not an? .* URL"):
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
