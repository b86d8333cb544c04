"""Trials on a GPU as runs see them: the same records, whatever fails; by a stand-in, and once in the simulator."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from cpu_engine import GPU, CpuEngine

import gdbench
from gdbench.cli import main
from gdbench.errors import InterruptedRunError
from gdbench.kernels.compile import cuda
from gdbench.machine import gpus
from gdbench.runner import Watcher
from gdbench.runner.backends.choosing import choose_backend

SENTENCE = "no NVIDIA driver was found; a GPU needs one of version 580 or later"
SAME = ["trial", "key", "status", "steps", "epochs", "steps_to_target", "digest", "gradient_evaluations"]
SAME += ["function_evaluations", "parameters", "batch_size", "val_loss", "test_accuracy", "role"]


def call(capsys, *arguments):
    """Exit code, standard output and standard error of a command."""
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    printed = capsys.readouterr()
    return ended.value.code, printed.out, printed.err


@pytest.fixture
def nothing(monkeypatch):
    """A machine without a driver, whatever this one has."""
    for place in ("gdbench.kernels.compile.cuda", "gdbench.runner.backends.choosing", "gdbench.kernels.compile.driver"):
        monkeypatch.setattr(f"{place}.driver_found", lambda: False)


@pytest.fixture
def gpu(monkeypatch):
    """A GPU of sorts: the stand-in for its engines, with memory for everything; a class to change."""

    class SweepEngine(CpuEngine):
        made: list[int] = []  # noqa: RUF012

    monkeypatch.setattr("gdbench.runner.backends.choosing.driver_found", lambda: True)
    monkeypatch.setattr(cuda, "missing", lambda: None)
    monkeypatch.setattr(cuda, "gpu", lambda: GPU)

    def together(problem, gpu_trials, *, choice=None, **shared):
        yield SweepEngine(problem, gpu_trials, **shared), list(range(len(gpu_trials)))

    monkeypatch.setattr("gdbench.runner.backends.cuda.engines", together)
    monkeypatch.setattr("gdbench.runner.backends.cuda.room", lambda problem, rules, largest: (1000, float("inf")))
    return SweepEngine


@pytest.fixture
def one():
    """12 trials of one network: two rules, a learning rate that diverges."""
    return {
        "title": "Iris on a GPU",
        "seeds": 2,
        "tune_seeds": 0,
        "batch_size": [8, 32],
        "budget": {"epochs": 3},
        "target": {"val_accuracy": 0.6},
        "evaluate": {"points": 6},
        "problem": {"iris": {"kind": "mlp", "dataset": "iris", "hidden": [5]}},
        "rule": {"sgd": {"lr": [0.01, 1e30]}, "adam": {"lr": 0.03}},
    }


@pytest.fixture
def mixed(small):
    """The small suite with a function and a direction rule, which the GPU does not train."""
    problems = {**small["problem"], "beale": {"kind": "function", "function": "beale"}}
    rules = {**small["rule"], "gd-armijo": {"lr": 0.1}}
    shared = {name: small[name] for name in ("title", "budget", "evaluate")}
    return {**shared, "seeds": 1, "batch_size": 32, "problem": problems, "rule": rules}


def same(run, other):
    names = [name for name in SAME if name in other.trials]
    assert len(names) > 9
    return run.trials[names].equals(other.trials[names])


class Told(Watcher):
    """Keeps what it is told; presses Ctrl-C after so many trials."""

    def __init__(self, after=0):
        self.said, self.trained, self.after = [], [], after

    def uses(self, what):
        self.said.append(what)

    def finished(self, record):
        self.trained.append(record.trial)
        if len(self.trained) == self.after:
            raise KeyboardInterrupt


# ------------------------------------------------------------------------------------------------------ without a GPU


def test_asking_for_a_gpu_in_vain_is_one_sentence_and_exit_code_3(nothing, capsys):
    code, out, err = call(capsys, "run", "--backend", "cuda")
    assert code == 3 and out == "" and err == f"error: backend 'cuda' cannot be used here: {SENTENCE}\n"


def test_without_a_gpu_auto_is_the_cpu_and_says_nothing(nothing, one, tmp_path):
    told = Told()
    run = gdbench.run(one, store=tmp_path / "s.db", backend="auto", watcher=told)
    assert run.about["backend"] == "cpu" and set(run.trials["backend"]) == {"cpu"} and told.said == []
    assert "gpu" not in run.environment


def test_a_driver_without_a_compiler_is_no_gpu(monkeypatch):
    monkeypatch.setattr("gdbench.runner.backends.choosing.driver_found", lambda: True)
    monkeypatch.setattr(cuda, "missing", lambda: f"numba-cuda is not installed; `{cuda.INSTALL}` installs it")
    assert choose_backend("auto") == "cpu"
    with pytest.raises(gdbench.GdbenchError, match="pip install"):
        choose_backend("cuda")


def test_auto_loads_no_numba_cuda_where_there_is_no_driver(tmp_path):
    code = (
        "import sys\n"
        "from gdbench.machine import gpus\n"
        "from gdbench.cli import app\n"
        "from gdbench.runner.backends.choosing import choose_backend\n"
        "class ctypes:\n"
        "    def CDLL(name): raise OSError\n"
        "gpus.ctypes = ctypes\n"
        "assert choose_backend('auto') == 'cpu'\n"
        "print('numba.cuda' in sys.modules, 'numba_cuda' in sys.modules)"
    )
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_ENABLE_CUDASIM"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]


def test_backends_are_listed_with_what_is_missing(nothing, capsys):
    code, out, _ = call(capsys, "list", "backends", "--json")
    rows = {row["backend"]: row for row in json.loads(out)}
    assert code == 0 and rows["cpu"]["available"] == "yes" and rows["cpu"]["why not"] == ""
    assert rows["cuda"]["available"] == "no" and rows["cuda"]["why not"] == SENTENCE


# --------------------------------------------------------------------------------------------------------- the doctor

SMI = "NVIDIA H200, 580.65.06, 9.0, 1305, 1980, 3201, 3201, 143771, 143203\n"


def test_what_nvidia_smi_prints_is_understood():
    (gpu,) = gpus.parsed(SMI)
    assert gpu["driver"] == "580.65.06" and gpu["sm_mhz"] == 1305 and gpu["memory_free_mib"] == 143203
    assert gpus.told(gpu) == (
        "NVIDIA H200, driver 580.65.06, compute capability 9.0; clocks: SM 1305 of 1980 MHz, memory 3201 of 3201 MHz; "
        "143203 of 143771 MiB free"
    )
    _, silent = gpus.parsed(SMI + "Tesla T4, 580.65.06, 7.5, [N/A], [Not Supported], , 5001, 15360, 15000\n")
    assert silent["sm_mhz"] is silent["sm_mhz_greatest"] is silent["memory_mhz"] is None
    assert "SM ? of ? MHz, memory ? of 5001 MHz" in gpus.told(silent)
    for text in ("", "No devices were found\n", SMI + "NVIDIA H200, 580\n"):
        with pytest.raises(gpus.QueryError, match="nvidia-smi said"):
            gpus.parsed(text)


def smi(folder, script, monkeypatch):
    (folder / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_nvidia_smi_absent_or_failing_is_said_in_words(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(gpus.QueryError, match="not on the PATH"):
        gpus.gpus()
    smi(tmp_path, "echo 'Failed to initialize NVML: no' >&2; exit 9", monkeypatch)
    with pytest.raises(gpus.QueryError, match=r"^nvidia-smi failed: Failed to initialize NVML: no$"):
        gpus.gpus()
    smi(tmp_path, f"echo '{SMI.strip()}'", monkeypatch)
    assert gpus.gpus() == gpus.parsed(SMI)


@pytest.mark.parametrize("missing", [None, f"numba-cuda is not installed; `{cuda.INSTALL}` installs it"])
def test_the_doctor_shows_the_gpu_and_what_is_missing(missing, tmp_path, monkeypatch, capsys):
    smi(tmp_path, f"echo '{SMI.strip()}'", monkeypatch)
    monkeypatch.setattr("gdbench.kernels.compile.driver.driver_found", lambda: True)
    monkeypatch.setattr(cuda, "missing", lambda: missing)
    monkeypatch.setattr(cuda, "missing_compiler", lambda: missing)
    monkeypatch.setattr(cuda, "compiler_version", lambda: "2.0")
    monkeypatch.setattr(cuda, "gpu", lambda: GPU)
    code, out, _ = call(capsys, "doctor", "--json")
    facts = json.loads(out)
    assert code == 0 and facts["cards"] == gpus.parsed(SMI) and facts["gpu_compiler"] == (missing or "libNVVM 2.0")
    assert facts["gpu"] == ("Stand-in" if missing is None else f"not used: {missing}")
    assert any(cuda.INSTALL in line for line in facts["advice"]) == (missing is not None)
    assert "clocks: SM 1305 of 1980 MHz" in call(capsys, "doctor")[1]


# ------------------------------------------------------------------------------------------------ with a GPU of sorts


@pytest.mark.parametrize("steps", [1, 4, 1000])
def test_records_do_not_depend_on_the_backend_or_the_steps_of_a_launch(steps, one, gpu, tmp_path):
    gpu.STEPS = steps
    told = Told()
    run = gdbench.run(one, store=tmp_path / "gpu.db", backend="auto", watcher=told)
    plain = gdbench.run(one, store=tmp_path / "cpu.db", backend="cpu")
    assert same(run, plain) and set(plain.trials["status"]) == {"reached", "exhausted", "diverged"}
    assert run.curves.equals(plain.curves) and run.state == "complete" and gpu.made == [12]
    # The GPU gives up what may have diverged, and the CPU judges it.
    diverged = run.trials["status"] == "diverged"
    assert run.about["backend"] == "cuda" and run.trials["backend"].eq("cpu").equals(diverged)
    assert run.targets.equals(plain.targets) and run.trials["diverged_step"].equals(plain.trials["diverged_step"])
    assert told.said == ["Stand-in: 12 of 12 trials run on the GPU"]
    assert run.environment["gpu"] == "Stand-in" and run.environment["gpu_capability"] == "9.0"


def test_trials_that_stop_at_their_target_are_trained_by_the_cpu(one, gpu, tmp_path):
    told = Told()
    run = gdbench.run({**one, "stop_at_target": True}, store=tmp_path / "s.db", backend="cuda", watcher=told)
    assert set(run.trials["backend"]) == {"cpu"} and gpu.made == []
    assert told.said[0].endswith("which trains trials that stop at their target")


def test_trials_may_be_trained_one_after_another(one, gpu, tmp_path, monkeypatch):
    def alone(problem, gpu_trials, *, choice=None, **shared):
        for place, gpu_trial in reversed(list(enumerate(gpu_trials))):
            yield gpu(problem, [gpu_trial], **shared), [place]

    monkeypatch.setattr("gdbench.runner.backends.cuda.engines", alone)
    run = gdbench.run(one, store=tmp_path / "gpu.db", backend="cuda")
    assert gpu.made == [1] * 12 and same(run, gdbench.run(one, store=tmp_path / "cpu.db", backend="cpu"))


def test_tuning_comes_first_and_the_cpu_trains_the_rest(mixed, gpu, tmp_path):
    told = Told()
    run = gdbench.run(mixed, store=tmp_path / "gpu.db", backend="cuda", watcher=told)
    plain = gdbench.run(mixed, store=tmp_path / "cpu.db", backend="cpu")
    assert same(run, plain) and gpu.made == [4, 4]
    networks = (run.trials["problem"] == "iris") & (run.trials["rule"] != "gd-armijo")
    assert set(run.trials[networks]["backend"]) == {"cuda"} and set(run.trials[~networks]["backend"]) == {"cpu"}
    apart = (~networks).sum()
    assert told.said == [
        f"Stand-in: 8 of {8 + apart} trials run on the GPU and {apart} on the CPU, which trains direction rules, "
        "functions"
    ]
    timed = set(run.subjects[run.subjects["part"] == "step"]["problem"])
    assert timed == {"beale", "iris"} and set(run.timings["backend"]) == {"cpu"}


def test_a_suite_of_functions_is_a_run_of_the_cpu_unless_the_gpu_is_asked_for(mixed, gpu, tmp_path):
    del mixed["problem"]["iris"]
    store = tmp_path / "s.db"
    assert gdbench.run(mixed, store=store, backend="auto").about["backend"] == "cpu"
    assert gdbench.run(mixed, store=store, backend="cuda").about["backend"] == "cuda"


def test_what_the_gpu_trained_is_not_timed_on_the_cpu(one, gpu, tmp_path):
    run = gdbench.run(one, store=tmp_path / "s.db", backend="cuda")
    assert len(run.timings) == 0 and "the GPU trained these trials" in run.environment["timing_error"]


def test_a_dry_run_says_whose_seconds_it_counts(gpu, capsys):
    little = ["--seeds", "1", "--set", "batch_size=512", "--set", "budget.epochs=1"]
    code, out, _ = call(capsys, "run", "quick", *little, "--backend", "cuda", "--dry-run")
    assert code == 0 and "the seconds are for the CPU" in out and "- digits: sweep: a step of all trials" in out
    assert "in shared memory" in call(capsys, "run", "quick", *little, "--backend", "cuda", "--dry-run", "--json")[1]


def test_no_more_trials_are_trained_at_once_than_have_room(one, gpu, tmp_path, monkeypatch):
    monkeypatch.setattr("gdbench.runner.backends.cuda.room", lambda problem, rules, largest: (1000, 10_000.0))
    run = gdbench.run(one, store=tmp_path / "gpu.db", backend="cuda")
    assert gpu.made == [3, 3, 3, 3] and same(run, gdbench.run(one, store=tmp_path / "cpu.db", backend="cpu"))


def test_out_of_memory_halves_what_is_trained_at_once(one, gpu, tmp_path):
    def full(engine):
        if len(engine.gpu_trials) > 4 and engine.launches == 2:  # some have ended
            raise RuntimeError("[2] Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY")

    gpu.launched = staticmethod(full)
    told = Told()
    run = gdbench.run(one, store=tmp_path / "gpu.db", backend="cuda", watcher=told)
    assert gpu.made[0] == 12 and max(gpu.made[-2:]) <= 4 and run.state == "complete"
    assert sorted(told.trained) == list(range(12))  # none twice
    assert same(run, gdbench.run(one, store=tmp_path / "cpu.db", backend="cpu"))


def test_a_trial_without_room_for_itself_fails_and_says_what_it_needs(one, gpu, tmp_path, monkeypatch):
    def full(engine):
        if any(m.seed == 1 and m.batch_size == 32 and m.rule.name == "adam" for m in engine.gpu_trials):
            raise RuntimeError("[CUresult.CUDA_ERROR_OUT_OF_MEMORY] no")

    gpu.launched = staticmethod(full)
    monkeypatch.setattr("gdbench.runner.backends.cuda.room", lambda problem, rules, largest: (3 * 2**20, 2.0**40))
    run = gdbench.run(one, store=tmp_path / "gpu.db", backend="cuda")
    failed = run.trials[run.trials["status"] == "failed"]
    assert run.state == "failed" and len(run.trials) == 12 and len(failed) == 1
    assert "a trial of 43 parameters" in failed["error"].iloc[0] and "takes 3.0 MiB" in failed["error"].iloc[0]
    gpu.launched = staticmethod(lambda engine: None)
    again = gdbench.run(one, store=tmp_path / "gpu.db", backend="cuda")
    assert again.id == run.id and again.state == "complete"
    assert same(again, gdbench.run(one, store=tmp_path / "cpu.db", backend="cpu"))


def test_a_fault_in_a_launch_fails_its_trials_and_leaves_the_rest(one, gpu, tmp_path):
    def lost(engine):
        if engine.launches == 4 and engine.trainings[0].problem.size == 43:
            raise RuntimeError("[CUresult.CUDA_ERROR_ILLEGAL_ADDRESS] Call to cuCtxSynchronize failed")

    suite = {**one, "problem": {**one["problem"], "other": {"kind": "mlp", "dataset": "iris", "hidden": []}}}
    gpu.launched = staticmethod(lost)
    run = gdbench.run(suite, store=tmp_path / "gpu.db", backend="cuda")
    plain = gdbench.run(suite, store=tmp_path / "cpu.db", backend="cpu")
    failed = run.trials["status"] == "failed"
    assert 0 < failed.sum() < 12 and set(run.trials[failed]["problem"]) == {"iris"} and run.state == "failed"
    assert run.trials[failed]["error"].str.contains("RuntimeError.*ILLEGAL_ADDRESS").all()
    kept = ~failed.to_numpy()
    assert run.trials[kept][SAME].equals(plain.trials[kept][SAME])  # also those that ended before the fault
    gpu.launched = staticmethod(lambda engine: None)
    again = gdbench.run(suite, store=tmp_path / "gpu.db", backend="cuda")
    assert again.id == run.id and same(again, plain)


def test_cancelling_keeps_what_ended_and_the_same_command_goes_on(small, gpu, tmp_path):
    store = tmp_path / "gpu.db"
    with pytest.raises(InterruptedRunError):
        gdbench.run(small, store=store, backend="cuda", watcher=Told(after=3))
    before = set(gdbench.load(store).trials["trial"])
    assert 3 <= len(before) < 32
    told = Told()
    run = gdbench.run(small, store=store, backend="cuda", watcher=told)
    assert run.state == "complete" and not before & set(told.trained) and len(before) + len(told.trained) == 32
    assert same(run, gdbench.run(small, store=tmp_path / "cpu.db", backend="cpu"))


def test_trials_over_a_part_of_the_training_samples_are_those_of_the_cpu(one, gpu, tmp_path):
    part = {**one, "evaluate": {"points": 6, "train": 20}}
    run, alone = (gdbench.run(part, store=tmp_path / f"{name}.db", backend=name) for name in ("cuda", "cpu"))
    assert same(run, alone) and "cuda" in set(run.trials["backend"])
    whole = gdbench.run(one, store=tmp_path / "whole.db", backend="cpu")
    assert run.trials["train_loss"].equals(whole.trials["train_loss"])
    assert not run.curves["train_loss"].equals(whole.curves["train_loss"])


def test_a_run_of_one_backend_is_not_gone_on_with_by_the_other(one, gpu, tmp_path):
    with pytest.raises(InterruptedRunError):
        gdbench.run(one, store=tmp_path / "s.db", backend="cuda", watcher=Told(after=1))
    stopped = gdbench.load(tmp_path / "s.db").id
    assert gdbench.run(one, store=tmp_path / "s.db", backend="cpu").id != stopped


def test_what_cannot_be_compiled_for_a_gpu_runs_on_the_cpu(one, gpu, tmp_path, monkeypatch):
    def refuse(capability):
        raise NotImplementedError("no such function\non a GPU")

    monkeypatch.setattr(gpu, "compiled", staticmethod(refuse))
    told = Told()
    run = gdbench.run(one, store=tmp_path / "gpu.db", backend="cuda", watcher=told)
    assert set(run.trials["backend"]) == {"cpu"} and gpu.made == []
    assert told.said[0].endswith("cannot be compiled for a GPU (NotImplementedError: no such function)")


def test_a_trial_that_the_gpu_lets_go_of_too_soon_is_trained_by_the_cpu(one, gpu, tmp_path):
    def early(engine):
        engine.ended.add(len(engine.gpu_trials) - 1)

    gpu.launched = staticmethod(early)
    run = gdbench.run(one, store=tmp_path / "gpu.db", backend="cuda")
    assert run.trials.loc[run.trials["backend"] == "cpu", "status"].value_counts()["diverged"] == 4
    assert (run.trials["backend"] == "cpu").sum() == 5
    assert same(run, gdbench.run(one, store=tmp_path / "cpu.db", backend="cpu"))


# --------------------------------------------------------------------------------------------------- in the simulator

SIMULATED = """
import json, sys
import numpy as np
import gdbench
from gdbench.kernels import MLP
from gdbench.kernels.gpu.sweep import planning

planning.THREADS = {4: {8: 4}, 8: {8: 4}}
values_of = MLP.values_of  # without the compiler, a norm is a float64
MLP.values_of = lambda self, numbers, scope: values_of(self, numbers.astype(np.float32).astype(float), scope)
suite = json.loads(sys.argv[1])
runs = [gdbench.run(suite, store=f"{backend}.db", backend=backend, time=False) for backend in ("cuda", "cpu")]
print(json.dumps([json.loads(run.trials.to_json()) for run in runs]))
"""


@pytest.mark.needs("numba-cuda")
def test_the_simulated_gpu_gives_the_digests_of_the_cpu(tmp_path):
    suite = {
        "seeds": 1,
        "tune_seeds": 0,
        "batch_size": 9,
        "budget": {"steps": 4},
        "evaluate": {"every": 1},
        "target": {"train_loss": 0.7},
        "problem": {"iris": {"kind": "mlp", "dataset": "iris", "subset": 24, "hidden": [3]}},
        "rule": {"sgd": {"lr": [0.05, 1e30]}, "momentum": {"lr": 1.0}},
    }
    simulator = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SIMULATED, json.dumps(suite)],
        cwd=tmp_path,
        env={**os.environ, **simulator},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    gpu, cpu = ({name: list(column.values()) for name, column in run.items()} for run in json.loads(done.stdout))
    assert gpu["error"] == [None] * 3 and gpu["backend"] == ["cuda", "cpu", "cuda"] and cpu["backend"] == ["cpu"] * 3
    for name in ("digest", "status", "steps", "steps_to_target"):
        assert gpu[name] == cpu[name]
    assert cpu["status"] == ["exhausted", "diverged", "reached"] and cpu["steps"][1] < 4
    assert np.isfinite(gpu["seconds"]).all()
