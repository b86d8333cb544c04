"""numba-cuda or nothing: Numba's own numba.cuda and its simulator are never used."""

import json
import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from gdbench.kernels.compile import cuda

# What numba-cuda puts in the way of Numba's own module is taken away, as where it is not installed.
WITHOUT = """
import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__name__ != "NumbaCudaFinder"]
"""
ASKED = """
import json
import gdbench
from gdbench.kernels.compile import cuda
from gdbench.runner.backends.choosing import NoBackendError, choose_backend

assert choose_backend("auto") == "cpu" and not cuda.SIMULATED
try:
    choose_backend("cuda")
except NoBackendError as error:
    said = str(error)
problem = {"iris": {"kind": "mlp", "dataset": "iris", "subset": 24, "hidden": [3]}}
suite = {"budget": {"steps": 2}, "target": {"train_loss": 0.1}, "problem": problem, "rule": {"sgd": {"lr": 0.1}}}
run = gdbench.run({**suite, "batch_size": 9, "seeds": 1, "tune_seeds": 0}, store="s.db", backend="auto", time=False)
assert set(run.trials["backend"]) == {"cpu"}
print(json.dumps([said, cuda.missing_compiler(), [name for name in sys.modules if name.startswith("numba.cuda")]]))
"""


def python(code, folder, **environment):
    """What a process of its own prints."""
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_numba_cuda_the_simulator_is_refused_in_a_sentence_and_auto_is_the_cpu(tmp_path):
    simulator = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    refused, compiler, loaded = json.loads(python(WITHOUT + ASKED, tmp_path, **simulator))
    assert refused.startswith("backend 'cuda' cannot be used here: ") and refused.count("\n") == 0
    assert "numba-cuda is not installed" in compiler and cuda.INSTALL in compiler
    assert loaded == []


@pytest.mark.parametrize("value", ["yes", "", "0"])
def test_a_switch_of_the_simulator_that_is_no_number_is_off(value, tmp_path):
    said = python(
        "from gdbench.kernels.compile import cuda; print(cuda.SIMULATED)", tmp_path, NUMBA_ENABLE_CUDASIM=value
    )
    assert said.split() == ["False"]


def test_what_a_gpu_needs_is_what_the_extra_installs():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(map(Requirement, shlex.split(cuda.WHEELS))) == set(
        map(Requirement, project["optional-dependencies"]["cuda"])
    )


def test_numba_cuda_that_cannot_be_loaded_is_said_in_a_sentence(monkeypatch):
    def unbound(name):
        raise ImportError("NVIDIA CUDA Python bindings not found.\nInstall them")

    monkeypatch.setattr(cuda, "numba_cuda_found", lambda: True)
    monkeypatch.setattr(cuda, "import_module", unbound)
    loaded, absent = cuda._load()
    assert vars(loaded) == {} and absent == "numba-cuda cannot be loaded (NVIDIA CUDA Python bindings not found)"
