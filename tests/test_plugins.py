"""Plug-ins that installed packages bring: loaded, told apart when they fail, and switched off."""

import os
import subprocess
import sys

import pytest

from gdbench.ab.places import Checkout
from gdbench.ab.process import Process

PACKAGE = """
import os, pathlib
pathlib.Path(os.environ["LOADED"]).touch()
import gdbench

@gdbench.rule(lr=0.1)
def brought_along(p, g, c):
    return p - c.lr * g
"""


@pytest.fixture
def package(tmp_path):
    """Installs a package with this source; returns the environment variables with which Python finds it."""

    def install(source):
        facts = tmp_path / "brought-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text("Name: brought\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text("[gdbench.plugins]\nmine = brought_along\n")
        (tmp_path / "brought_along.py").write_text(source)
        path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
        return {**os.environ, "PYTHONPATH": path, "LOADED": str(tmp_path / "loaded")}

    return install


def listed(variables, *arguments):
    command = [sys.executable, "-m", "gdbench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=variables, timeout=120, check=False)


def test_an_installed_plug_in_is_loaded_unless_it_is_switched_off(package, tmp_path):
    variables = package(PACKAGE)
    loaded = tmp_path / "loaded"
    for off in ("", "1"):
        done = listed({**variables, "GDBENCH_PLUGINS": off}, "list", "rules")
        assert "brought-along" in done.stdout and loaded.exists(), done.stderr
    loaded.unlink()
    for arguments, off in (
        (("list", "rules", "--no-plugins"), "1"),
        (("--no-plugins", "list", "rules"), ""),
        (("list", "rules"), "0"),
    ):
        done = listed({**variables, "GDBENCH_PLUGINS": off}, *arguments)
        assert done.returncode == 0 and "brought-along" not in done.stdout and not loaded.exists(), done.stderr


@pytest.mark.parametrize("command", ["run", "list", "show", "tune", "time", "verify", "gate"])
def test_every_command_that_takes_plug_ins_does_without_those_of_packages(command, monkeypatch):
    from gdbench.cli import app

    monkeypatch.setenv("GDBENCH_PLUGINS", "1")  # and put back afterwards
    assert app.command([command, "--no-plugins", "--help"]) == 0
    assert os.environ["GDBENCH_PLUGINS"] == "0"


def test_a_worker_loads_installed_plug_ins_as_the_command_that_starts_it(package, tmp_path, monkeypatch):
    for name, value in package(PACKAGE).items():
        monkeypatch.setenv(name, value)
    codes = {}
    for switch in ("1", "0"):
        monkeypatch.setenv("GDBENCH_PLUGINS", switch)
        with Process(Checkout("here", sys.executable, shadow=tmp_path), []) as process:
            codes[switch] = process.answer()["code"]
        assert (tmp_path / "loaded").exists() == (switch == "1")
        (tmp_path / "loaded").unlink(missing_ok=True)
    assert codes["0"] != codes["1"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("1 / 0", "brought_along.py line 1: ZeroDivisionError"),
        ("import nowhere_to_be_found", "brought_along.py line 1: ModuleNotFoundError"),
        ("\nx = = 1", "brought_along.py line 2: SyntaxError"),
        ("exit(1)", "SystemExit"),
        ("import gdbench\n@gdbench.rule(alpha=1.0)\ndef mine(p, g, c): ...", "needs a default for lr"),
    ],
)
def test_a_package_whose_plug_in_fails_is_named_with_the_way_to_do_without_it(source, words, package):
    done = listed(package(source), "list", "rules")
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert words in done.stderr and "of package brought" in done.stderr and "--no-plugins" in done.stderr


def test_a_switch_that_is_neither_on_nor_off_is_refused():
    done = listed({**os.environ, "GDBENCH_PLUGINS": "no"}, "list", "rules")
    assert done.returncode == 3 and "GDBENCH_PLUGINS=no must be 0" in done.stderr  # as for any variable that is wrong
