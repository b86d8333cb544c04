"""What is published: a wheel that runs anywhere, sources whose tests collect, and a README whose links lead on."""

import email
import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from gdbench.ab.places import interpreter

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The folder of the sources and of the wheel that is built from them."""
    folder = tmp_path_factory.mktemp("published")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(published):
    (path,) = published.glob("*.whl")
    return path


def test_gdbench_is_the_only_top_level_name(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"gdbench"}
    files = (
        "kernels/rules/contract.py",
        "kernels/rules/adam.py",
        "suites/quick.toml",
        "reports/page.html",
        "runner/run.py",
    )
    assert {f"gdbench/{name}" for name in files} <= set(names)


def test_the_main_job_runs_away_from_the_checkout(wheel, tmp_path):
    home = tmp_path / "env"
    venv.create(home, with_pip=False)
    python = interpreter(home)
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(home)}))
    # The dependencies are this environment's; a .pth file inside a folder named by a .pth file is not read, so an
    # editable installation of the checkout is not seen.
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    away = tmp_path / "away"
    away.mkdir()
    (away / "reports").mkdir()  # a user's folder of that name must not be in the way
    code = "import gdbench, gdbench.kernels; print(gdbench.__file__, gdbench.kernels.__file__)"
    where = subprocess.run([python, "-c", code], cwd=away, check=True, capture_output=True, text=True).stdout
    assert where.count(str(site)) == 2
    small = ["--set", "budget.epochs=1", "--set", "seeds=1", "--set", "batch_size=256", "--json"]
    done = subprocess.run(
        [python, "-m", "gdbench", "run", *small], cwd=away, check=True, capture_output=True, text=True
    )
    (document,) = json.loads(done.stdout)
    assert document["state"] == "complete" and sum(document["trials"].values()) == 6 * 7 * 5 + 12
    assert (away / document["report"]).is_file()


@pytest.mark.slow
def test_the_tests_of_the_published_sources_collect(published, tmp_path):
    (path,) = published.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path, filter="data")
    (root,) = tmp_path.iterdir()
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:]
    theirs = {line.split("::")[0] for line in done.stdout.splitlines() if line.startswith("tests/")}
    assert {file.relative_to(ROOT).as_posix() for file in (ROOT / "tests").rglob("test_*.py")} <= theirs


LINK = re.compile(r"\]\(([^)#]+)")


def test_links_of_the_readme_lead_to_files_here_and_to_pages_on_a_package_index(wheel):
    relative = [link for link in LINK.findall((ROOT / "README.md").read_text("utf-8")) if "://" not in link]
    assert len(relative) >= 5 and all((ROOT / link).exists() for link in relative)
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        message = email.message_from_bytes(archive.read(metadata))
    urls = dict(line.split(", ", 1) for line in message.get_all("Project-URL"))
    shown = LINK.findall(message.get_payload())
    assert all(link.startswith("https://") for link in shown)
    for link in relative:
        ends = [f"{urls['Repository']}/{view}/main/{link}" for view in ("blob", "raw")]
        assert any(end in shown for end in ends), link
