"""`gdbench gpu-check` and what it is made of, with stand-ins for GPU, clocks and events, and in the simulator."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gdbench.cli import main
from gdbench.kernels.compile import cuda
from gdbench.peers import BACKENDS, pytorch_graphs
from gdbench.peers.agreement import losses
from gdbench.peers.ours import Gdbench
from gdbench.peers.tasks import of_case
from gdbench.timing import Sample, Subject
from gdbench.timing.cases import of_shape
from gdbench.timing.gpu import clocks, samples
from gdbench.timing.gpu.clocks import Clocks
from gdbench.timing.gpu.samples import steady
from gdbench.verification.gpu.check import run_check
from gdbench.verification.gpu.contract import WRONG, Part
from gdbench.verification.gpu.ulp import ulps

ROOT = Path(__file__).parents[2]
NO_CARD = cuda.missing() is not None
FINITE = {
    "float32": st.floats(allow_nan=False, width=32),
    "float64": st.floats(allow_nan=False),
}

# ------------------------------------------------------------------------------------------------------------- ULP


@pytest.mark.parametrize(
    ("dtype", "a", "b", "apart"),
    [
        ("float32", 1.0, 1.0 + 2.0**-23, 1),
        ("float32", 1.0, 1.0 - 2.0**-24, 1),  # below a power of two, numbers lie twice as close
        ("float32", 0.0, -0.0, 0),
        ("float32", 2.0**-149, -(2.0**-149), 2),  # the smallest numbers on either side of 0
        ("float32", 1.0, 2.0, 2**23),
        ("float64", 1.0, 1.0 + 3 * 2.0**-52, 3),
        ("float64", math.nan, math.nan, 0),
        ("float64", math.nan, 1.0, math.inf),
        ("float64", -math.inf, math.inf, 2 * 0x7FF0000000000000),
    ],
)
def test_units_in_the_last_place_are_those_counted_by_hand(dtype, a, b, apart):
    assert ulps(np.array([a], dtype), np.array([b], dtype)) == apart
    assert ulps(np.array([b], dtype), np.array([a], dtype)) == apart


@pytest.mark.parametrize("dtype", FINITE)
def test_a_number_is_as_far_from_another_as_steps_lead_there(dtype):
    @given(FINITE[dtype], st.integers(0, 5), st.booleans())
    def check(start, steps, up):
        begin = here = np.array([start], dtype)
        toward = np.array(math.inf if up else -math.inf, dtype)
        with np.errstate(all="ignore"):  # the step beyond the largest number is said to overflow
            for _ in range(steps):
                here = np.nextafter(here, toward)
        moved = 0 if begin[0] == toward else steps
        walked = ulps(begin, here)
        assert walked == moved or (np.isinf(here[0]) and walked <= moved)

    check()


def test_the_farthest_element_counts_and_shapes_must_agree():
    assert ulps(np.float32([1, 2, 3]), np.float32([1, 2.0000002, 3.0000007])) == 3
    assert ulps(np.zeros(0, np.float32), np.zeros(0, np.float32)) == 0
    with pytest.raises(ValueError, match="cannot be compared"):
        ulps(np.zeros(2, np.float32), np.zeros(2))


# ----------------------------------------------------------------------------------------------------------- timing


def seen(*speeds):
    return [(Clocks(speed, 100), Clocks(speed, 100)) for speed in speeds]


def taken(*names):
    return [Sample(name, 0, place, 1.0 + place, 1) for place, name in enumerate(names)]


def test_samples_from_while_the_gpu_ran_slower_are_discarded():
    found = steady(taken(*"aaaa"), seen(1000, 949, 951, 1000))
    assert [sample.sample for sample in found.samples] == [0, 2, 3]
    assert (found.discarded, found.throttled, len(found.clocks)) == (1, (), 3)
    assert found.words == "1 of 4 samples were discarded, since the GPU ran slower."


def test_the_slower_of_the_clocks_before_and_after_counts():
    found = steady(taken("a", "a"), [(Clocks(1000, 1), Clocks(900, 1)), *seen(1000)])
    assert [sample.sample for sample in found.samples] == [1]


def test_at_most_half_of_a_subject_is_discarded_and_it_is_called_throttled():
    found = steady(taken(*"aaaab"), seen(500, 700, 600, 800, 1000))
    assert [(s.subject, s.sample) for s in found.samples] == [("a", 1), ("a", 3), ("b", 4)]
    assert found.throttled == ("a",)
    assert "Throttled nevertheless: a" in found.words


def test_nothing_is_discarded_where_clocks_are_not_known():
    found = steady(taken("a", "a"), [(None, None), *seen(1)])
    assert len(found.samples) == 2
    assert "not known" in found.words
    assert clocks.unknown() is None


class Management:
    """NVIDIA's library, as nvidia-ml-py calls it: a GPU whose clocks can be read until it is lost."""

    lost = False

    def nvmlInitWithFlags(self, flags):  # noqa: N802
        return 0

    def nvmlSystemGetDriverVersion(self, text, size):  # noqa: N802
        text.value = b"580.65.06"
        return 0

    def nvmlDeviceGetHandleByPciBusId_v2(self, bus, handle):  # noqa: N802
        return 0 if bus.value == b"00000000:1b:00.0" else 6  # NVML_ERROR_NOT_FOUND

    def nvmlDeviceGetClockInfo(self, handle, kind, clock):  # noqa: N802
        clock._obj.value = {1: 1980, 2: 2619}[kind.value]
        return 15 if self.lost else 0  # NVML_ERROR_GPU_IS_LOST


@pytest.fixture
def management(monkeypatch):
    import pynvml

    library = Management()
    monkeypatch.setattr(pynvml, "nvmlLib", library)
    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
    monkeypatch.setattr(pynvml, "_nvmlLib_refcount", 0)
    return library


@pytest.mark.needs("nvidia-ml-py")
def test_clocks_are_those_of_the_gpu_at_a_place_of_the_bus(management):
    assert clocks.driver() == "580.65.06"
    read = clocks.reader("00000000:1b:00.0")
    assert read() == Clocks(sm=1980, memory=2619)
    management.lost = True
    assert read() is None
    assert clocks.reader("00000000:9b:00.0")() is None


@pytest.mark.needs("nvidia-ml-py")
def test_without_a_driver_no_clocks_are_known(monkeypatch):
    import pynvml

    monkeypatch.setattr(pynvml, "nvmlLib", None)
    monkeypatch.setattr(pynvml, "CDLL", lambda name: (_ for _ in ()).throw(OSError(f"{name}: cannot open")))
    assert clocks.driver() is None and clocks.reader("00000000:1b:00.0") is clocks.unknown


def test_without_nvidia_ml_py_no_clocks_are_known(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert clocks.driver() is None and clocks.reader("00000000:1b:00.0") is clocks.unknown


class Beats:
    """Events of a GPU on which each thing asked for takes a second."""

    now = 0.0

    def record(self):
        self.at = Beats.now

    def wait(self):
        pass


def test_a_cold_sample_times_the_launches_and_not_what_flushes_before_them(monkeypatch):
    def work(seconds):
        Beats.now += seconds

    monkeypatch.setattr(cuda, "elapsed", lambda begin, end: end.at - begin.at)
    watch = samples.Stopwatch(lambda: Clocks(1, 2), lambda: work(100.0), Beats(), Beats())
    run = lambda count: work(count)  # noqa: E731
    assert watch(samples.OnGpu("cold", run, part="copy", cold=True), 3) == 3.0
    assert watch(Subject("hot", run), 3) == 3.0
    assert Beats.now == 306.0
    assert watch.seen == [(Clocks(1, 2), Clocks(1, 2))] * 2


# ------------------------------------------------------------------------------------------------------------ parts


def ticking(step=1.0):
    """A clock that goes on by a step whenever it is looked at."""
    now = SimpleNamespace(time=0.0)

    def clock():
        now.time += step
        return now.time

    return clock


def rows(*values):
    return lambda budget: (value for value in values)


def test_a_failing_part_says_why_and_loses_neither_its_rows_nor_the_others(tmp_path):
    def breaks(budget):
        yield {"x": 1}
        raise RuntimeError("no\nroom")

    parts = [Part("a", "A", 9, breaks), Part("b", "B", 9, rows({"y": 2.5}, "And so on."))]
    found = run_check(tmp_path, parts, facts={"card": "none"})
    assert [(p.state, p.rows) for p in found.parts] == [("failed", [{"x": 1}]), ("done", [{"y": 2.5}])]
    assert found.parts[0].notes == ["RuntimeError: no room"]
    assert not found.ok
    assert json.loads((tmp_path / "gpu-check.json").read_text())["parts"][1]["rows"] == [{"y": 2.5}]


def test_a_part_is_cut_at_its_time_and_the_whole_at_its_own(tmp_path):
    def endless(budget):
        while True:
            yield {"left": budget.left}

    parts = [Part(name, name, seconds, endless) for name, seconds in (("a", 10), ("b", 1000), ("c", 1000))]
    found = run_check(tmp_path, parts, facts={}, seconds=50, clock=ticking())
    assert [part.state for part in found.parts] == ["cut"] * 3
    assert 0 < len(found.parts[0].rows) <= 10
    assert sum(part.seconds for part in found.parts) < 60
    assert found.parts[2].rows == []
    assert "Cut: its 10 s" in found.parts[0].notes[0]


def test_a_killed_check_leaves_what_it_had_found(tmp_path):
    def killed(budget):
        yield {"x": 1}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_check(tmp_path, [Part("a", "A", 9, killed), Part("b", "B", 9, rows())], facts={})
    left = json.loads((tmp_path / "gpu-check.json").read_text())["parts"]
    assert [(part["state"], part["rows"]) for part in left] == [("running", [{"x": 1}]), ("waiting", [])]


def test_the_page_and_the_json_hold_all_that_was_found(tmp_path):
    given = {"rule": "a|b", "ulps": math.inf, "speed": np.float64(12.34567), "none": None, "verdict": WRONG}
    found = run_check(tmp_path, [Part("a", "Title", 9, rows(given, {"more": 1}))], facts={"card": "C", "driver": None})
    page = (tmp_path / "gpu-check.md").read_text()
    assert "| rule | ulps | speed | none | verdict | more |" in page
    assert "| a\\|b | inf | 12.35 |  | wrong |  |" in page
    assert page.startswith("# C,")
    assert "## Title" in page
    row = json.loads((tmp_path / "gpu-check.json").read_text())["parts"][0]["rows"][0]
    assert row == {"rule": "a|b", "ulps": "inf", "speed": 12.34567, "none": None, "verdict": "wrong"}
    assert not found.ok  # a row is wrong


# --------------------------------------------------------------------------------------------------- other programs

IMPORTS = ", ".join(
    f"gdbench.{name}"
    for name in ("cli.app", "cli.on_gpu", "verification.gpu.parts", "verification.gpu.record", "peers.worker")
)
BLOCKED = f"""
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("pydantic", "pydantic_core", "sqlalchemy", "platformdirs"):
            raise ImportError(name)
sys.meta_path.insert(0, Block())
import {IMPORTS}, gdbench.peers.ours, gdbench.peers.ours_cuda, gdbench.verification.gpu.races
from gdbench.cli import main
"""


def program(text, **environment):
    """What a fresh process prints; its last line as JSON."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", text],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_it_needs_is_there_without_pydantic_sqlalchemy_and_platformdirs(tmp_path):
    called = f"""
from gdbench.cli.on_gpu import check_gpu
import pathlib
assert check_gpu(pathlib.Path({str(tmp_path)!r}), False) == 3
main(['--help'])
"""
    assert "Usage" in program(BLOCKED + called, CUDA_VISIBLE_DEVICES="", NUMBA_CACHE_DIR=str(tmp_path / "cache"))


PARITY = """
import functools, json
from gdbench.kernels.gpu.large.engine import LargeEngine
from gdbench.kernels.gpu.large.products import Tile
from gdbench.kernels.gpu.sweep import planning
planning.THREADS.clear()
planning.THREADS.update({4: {8: 4}, 8: {8: 4}})
from gdbench.kernels.rules.contract import scalar_rules
from gdbench.verification.gpu import parity
parity.SPLITS = (7, 2, 0)
chosen = [rule for rule in scalar_rules() if rule.name in ("adam", "sgd")]
given = parity.Case((4, 3), batch_size=4), "float32", chosen, (1, 3)
clean = list(parity.compared(*given))
honest = parity.on_gpu

def faulty(problem, asked, case):
    trained = honest(problem, asked, case)
    for each, found in zip(asked, trained):
        if each.rule.name == "adam" and each.steps >= 3:
            found.theta[0] *= 1.01
    return trained

parity.on_gpu = faulty
broken = list(parity.compared(*given))
parity.on_gpu, whole = honest, parity.Case((4, 3), batch_size=4, engine="large")
parity.LargeEngine = functools.partial(LargeEngine, tiles=[Tile(8, 8, 4, 1)], threads=4)
clean += parity.compared(whole, "float32", chosen, (1, 3))
print(json.dumps([[[one.rule, one.ulps, one.equal, one.ok, one.where] for one in found] for found in (clean, broken)]))
"""


@pytest.mark.needs("numba-cuda")
def test_the_simulator_agrees_to_the_bit_and_a_planted_fault_is_found_at_its_step():
    said = program(PARITY, NUMBA_ENABLE_CUDASIM="1", NUMBA_DISABLE_JIT="1")
    clean, broken = json.loads(said.splitlines()[-1])
    assert [one[1] for one in clean] == [{"1": 0, "3": 0}] * 4  # of either engine
    assert all(equal and ok and not where for _, _, equal, ok, where in clean)
    (adam,) = (one for one in broken if one[0] == "adam")
    assert (adam[1]["1"], adam[3]) == (0, False)
    assert adam[1]["3"] > 0
    assert adam[4] == "adam from step 3 on: update: its gradient is the same"


@pytest.mark.skipif(not NO_CARD, reason="there is a GPU")
@pytest.mark.parametrize("command", ["time sgd", "verify", "peers"])
def test_without_a_gpu_cuda_is_refused_in_one_sentence(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--backend", "cuda"])
    said = capsys.readouterr()
    assert (ended.value.code, said.out, said.err.count("\n")) == (3, "", 1)
    assert cuda.missing() in said.err


@pytest.mark.skipif(not NO_CARD, reason="there is a GPU")
def test_without_a_gpu_a_check_of_one_says_so_and_writes_nothing(tmp_path, capsys):
    from gdbench.cli.on_gpu import check_gpu

    assert check_gpu(tmp_path / "out", as_json=False) == 3
    assert cuda.missing() in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------------------------------- other libraries


class Uncaptured:
    """Takes the steps that would have been captured, one by one."""

    def __init__(self, torch, rows, step, restore):
        self.rows, self.step, self.torch = rows, step, torch
        step(torch.from_numpy(rows[0][0]))  # the warm-up, which `restore` must undo
        restore()

    def replay(self, call):
        for batch in self.rows[call % len(self.rows)]:
            self.step(self.torch.from_numpy(np.ascontiguousarray(batch)))


@pytest.mark.needs("torch")
@pytest.mark.parametrize("rule", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize("kind", ["Graphs", "Stacked"])
def test_pytorch_on_a_gpu_takes_the_steps_that_we_take(kind, rule, monkeypatch):
    monkeypatch.setattr(pytorch_graphs, "DEVICE", "cpu")
    monkeypatch.setattr(pytorch_graphs, "CAPTURABLE", {})
    monkeypatch.setattr(pytorch_graphs, "_Captured", Uncaptured)
    task = of_case(of_shape("6-5-3", 8, "float32"), rule, trials=3, chunk=10, seeds=2)
    assert task.seeds == (0, 1, 0)
    ours, theirs = Gdbench().prepare(task, 1), getattr(pytorch_graphs, kind)().prepare(task, 1)
    ours.run()
    for _ in range(task.trials // theirs.at_once):
        theirs.run()
    assert losses(task, theirs.thetas()) == pytest.approx(losses(task, ours.thetas()), rel=1e-4)


def test_every_peer_of_a_gpu_has_an_adapter():
    from gdbench.peers import load

    assert {peer.device for peer in BACKENDS["cuda"].values()} == {"cpu", "cuda"}
    for peer in BACKENDS["cuda"].values():
        assert hasattr(load(peer), "prepare")
