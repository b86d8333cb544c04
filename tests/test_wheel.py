"""The wheel: one top-level name, real files, and a main job that runs away from the checkout."""

import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def test_gdbench_is_the_only_top_level_name(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"gdbench"}
    files = ("kernels/contract.py", "kernels/rules/adam.py", "suites/quick.toml", "reports/page.html", "runner/run.py")
    assert {f"gdbench/{name}" for name in files} <= set(names)


def test_the_main_job_runs_away_from_the_checkout(wheel, tmp_path):
    home = tmp_path / "env"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    (site,) = home.glob("lib/python*/site-packages")
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
    assert document["state"] == "complete" and sum(document["trials"].values()) == 6 * 7 + 12
    assert (away / document["report"]).is_file()
