"""The engine for one large network: its numbers in the simulator, its graph, and when it is chosen."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from gdbench.errors import UsageError
from gdbench.kernels import MLP, RULES, Samples
from gdbench.kernels.compile import cuda
from gdbench.kernels.compile.cuda import Gpu
from gdbench.kernels.gpu import engines
from gdbench.kernels.gpu.costs import best_tile, choose, peak
from gdbench.kernels.gpu.large.engine import LargeEngine, launches
from gdbench.kernels.gpu.large.multiply import Cublas
from gdbench.kernels.gpu.large.products import TILES
from gdbench.kernels.gpu.trials import GpuTrial, coefficient_tables, epoch_orders
from gdbench.kernels.problem import WHOLE

H200 = Gpu("H200", (9, 0), 132, 232_448, 233_472, 150 * 10**9, 1.98e9)
T4 = Gpu("T4", (7, 5), 40, 65_536, 65_536, 16 * 10**9, 1.59e9)


# --------------------------------------------------------------------------------------------------------- the numbers


@pytest.fixture(scope="module")
def simulated():
    """What tests/large_simulated.py prints."""
    command = [sys.executable, str(Path(__file__).parents[1] / "large_simulated.py")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.needs("numba-cuda")
@pytest.mark.parametrize(
    "name",
    [
        "no hidden layer",
        "short last batch",
        "blocks, clipping, one step a launch",
        "float64",
        "one output, one order",
        "rows at multiples of 16 bytes",
        "evaluated over a part",
        "not finite",
    ],
)
def test_a_trial_has_the_numbers_of_the_cpu_to_the_bit(simulated, name):
    found = simulated["trials"][name]
    for got, want in zip(found["got"], found["want"], strict=True):
        assert np.array_equal(got, want, equal_nan=True)
    assert found["made"] and set(found["made"]) == {found["told"]}  # launches of a step


@pytest.mark.needs("numba-cuda")
def test_products_add_in_order_of_k_and_nothing_that_is_not_there(simulated):
    assert len(simulated["products"]) == 6
    assert all(all(equal) for equal in simulated["products"].values()), simulated["products"]


@pytest.mark.needs("numba-cuda")
def test_by_cublas_a_trial_has_numbers_near_those_of_the_cpu(simulated):
    for got, want in zip(simulated["cublas"]["got"], simulated["cublas"]["want"], strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)


# ----------------------------------------------------------------------------------------------------------- the graph


def test_launches_are_made_once_as_they_stand_then_recorded_then_replayed(monkeypatch):
    done = []

    def call(name, *found):
        def called(*arguments):
            done.append((name, *arguments))
            return (SimpleNamespace(value=0, name="CUDA_SUCCESS"), *found)

        return called

    driver = ModuleType("cuda.bindings.driver")
    driver.CUstreamCaptureMode = SimpleNamespace(CU_STREAM_CAPTURE_MODE_RELAXED="relaxed")
    driver.cuStreamBeginCapture = call("begin")
    driver.cuStreamEndCapture = call("end", "graph")
    driver.cuGraphInstantiate = call("instantiate", "run")
    driver.cuGraphLaunch = call("launch")
    driver.cuGraphExecDestroy, driver.cuGraphDestroy = call("destroy run"), call("destroy graph")
    bindings = ModuleType("cuda.bindings")
    bindings.driver = driver
    for name, module in (("cuda", ModuleType("cuda")), ("cuda.bindings", bindings), ("cuda.bindings.driver", driver)):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(cuda, "SIMULATED", False)
    stream = SimpleNamespace(handle=7)
    replay = cuda.Replay(lambda given: done.append(given), stream)
    for _ in range(3):
        replay()
    replay.close()
    assert done == [
        stream,
        ("begin", 7, "relaxed"), stream, ("end", 7), ("instantiate", "graph", 0), ("launch", "run", 7),
        ("launch", "run", 7),
        ("destroy run", "run"), ("destroy graph", "graph"),
    ]  # fmt: skip
    driver.cuGraphLaunch = lambda *_: (SimpleNamespace(value=700, name="CUDA_ERROR_ILLEGAL_ADDRESS"),)
    replay._run = "run"
    with pytest.raises(RuntimeError, match="CUDA_ERROR_ILLEGAL_ADDRESS"):
        replay()


@pytest.mark.needs("numba-cuda")
def test_the_driver_has_what_a_graph_takes():
    from cuda.bindings import driver

    for name in ("cuStreamBeginCapture", "cuStreamEndCapture", "cuGraphInstantiate", "cuGraphLaunch"):
        assert callable(getattr(driver, name))


# ---------------------------------------------------------------------------------------------------------- the choice


def network(sizes, n=100, **options):
    samples = Samples(np.zeros((n, sizes[0]), np.float32), np.zeros(n, np.int64), np.zeros((0, sizes[-1]), np.float32))
    options = {"activation": "relu", "loss": "cross-entropy", "l2": 0.0, "init": "he-normal", **options}
    return MLP([samples, samples, samples], sizes[-1], hidden=sizes[1:-1], **options)


def gpu_trial(batch_size=32, seed=0, steps=20, rule="adam", lr=0.1):
    chosen = RULES[rule]
    rates = lambda first, count: lr / np.arange(first, first + count)  # noqa: E731
    return GpuTrial(chosen, chosen.with_defaults({}), rates, (rule, lr), seed, batch_size, steps, [0, steps])


@pytest.mark.parametrize("gpu", [H200, T4])
def test_many_small_networks_go_to_the_sweep_and_one_large_network_to_the_whole_gpu(gpu):
    small = choose(network([64, 32, 10]), [gpu_trial()] * 4096, gpu)
    large = choose(network([784, 4096, 4096, 10], n=4096), [gpu_trial(4096)], gpu)
    assert (small.engine, large.engine) == ("sweep", "large")
    assert small.reason.startswith("sweep: a step of all trials: ") and "128 threads" in small.reason
    assert "by the whole GPU" in large.reason


def test_more_trials_favour_the_sweep_and_larger_batches_the_whole_gpu():
    def ratio(batch_size, trials):
        found = choose(network([784, 128, 10], n=4096), [gpu_trial(batch_size)] * trials, H200)
        return found.sweep_seconds / found.large_seconds

    assert ratio(64, 1) > ratio(64, 16) > ratio(64, 132)
    assert ratio(32, 8) < ratio(256, 8) < ratio(2048, 8)


@pytest.mark.parametrize(
    ("sizes", "batch_size", "options", "count"),
    [
        ([64, 10], 32, {}, 6),  # gather, product, loss, product for the gradient; update; cursor
        ([64, 8, 10], 32, {}, 11),  # two more products, one back, an activation and its derivative
        ([64, 8, 8, 10], 32, {}, 16),
        ([64, 8, 8, 10], 32, {"l2": 0.1}, 19),  # a layer each
        ([64, 8, 8, 10], 32, {"clip_norm": 1.0}, 19),  # squares, their sum, what is clipped
        ([64, 8, 8, 10], 32, {"clip_value": 1.0}, 17),
        ([64, 8, 8, 10], 20_000, {}, 3 * 14 + 2),  # all but update and cursor for every 8192 samples
        ([64, 8, 8, 10], 90_000, {}, 3 * 14 + 2),  # of the 20,000 that there are
    ],
)
def test_the_launches_of_a_step_are_counted_where_there_is_no_gpu(sizes, batch_size, options, count):
    clipping = {name: value for name, value in options.items() if name.startswith("clip")}
    problem = network(sizes, n=20_000, l2=options.get("l2", 0.0))
    launched = launches(problem, dataclasses.replace(gpu_trial(batch_size), **clipping), H200)
    assert len(launched) == count
    assert launched[0] == "large_kernels.gather-float32" and launched[-2].startswith("large_kernels.update-adam")


def test_a_large_output_is_cut_into_large_tiles_and_a_small_one_into_small_ones():
    assert best_tile(4096, 4096, 4096, H200, 4) == TILES[0]
    assert best_tile(4096, 4096, 10, H200, 4) == TILES[-1]


def test_peaks_are_those_of_the_data_sheets():
    assert 132 * peak(H200, 4) == pytest.approx(66.9e12, rel=0.01)
    assert 132 * peak(H200, 8) == pytest.approx(33.5e12, rel=0.01)
    assert 40 * peak(T4, 4) == pytest.approx(8.1e12, rel=0.01)


# --------------------------------------------------------------------------------------------- what both engines share


def test_members_of_one_recipe_share_a_table_that_holds_their_coefficients():
    gpu_trials = [gpu_trial(), gpu_trial(seed=1), gpu_trial(lr=0.2), gpu_trial(steps=2)]
    tables = coefficient_tables(gpu_trials, np.arange(4), 1, 3, "float32")
    assert tables.starts.tolist() == [0, 0, 3, 0] and tables.rows.shape[0] == 6
    for start, each in ((0, gpu_trials[0]), (3, gpu_trials[2])):
        want = each.rule.table(each.hyperparameters, 2, each.rates(2, 3), "float32")
        assert np.array_equal(tables.rows[start : start + 3, : want.shape[1]], want)


def test_orders_are_those_of_the_epochs_that_the_steps_touch_and_take_no_more_room_than_there_is():
    problem, gpu_trials = network([4, 3], n=10), [gpu_trial(4, seed=5), gpu_trial(10)]
    found = epoch_orders(problem, gpu_trials, np.arange(2), 2, 4, 10**6)  # three steps an epoch: epochs 0 and 1
    assert (found.steps, found.starts.tolist(), found.epochs.tolist()) == (4, [0, -1], [0, 0])
    for step in range(2, 6):
        begin, row = step % 3 * 4, step // 3
        assert np.array_equal(found.rows[row, begin : begin + 4], problem.batch(5, step + 1, 4))
    assert epoch_orders(problem, gpu_trials, np.arange(2), 2, 4, 40).steps == 1


def test_trials_go_to_one_sweep_or_to_the_whole_gpu_one_after_another(monkeypatch):
    done = []

    class Engine:
        def __init__(self, problem, given, **options):
            done.append((given, options))

        def close(self):
            done.append("closed")

    monkeypatch.setattr(engines, "SweepEngine", Engine)
    monkeypatch.setattr(engines, "LargeEngine", Engine)
    monkeypatch.setattr(cuda, "gpu", lambda: H200)
    few, many = [gpu_trial(4096), gpu_trial(4096, seed=1)], [gpu_trial()] * 40
    places = [at for _, at in engines.engines(network([784, 4096, 10], n=4096), few, products="cublas")]
    assert places == [[0], [1]]
    options = {"products": "cublas", "scope": WHOLE}
    assert done == [(few[0], options), "closed", (few[1], options), "closed"]
    done.clear()
    assert [at for _, at in engines.engines(network([64, 32, 10]), many)] == [list(range(40))]
    assert done == [(many, {"rules": (), "largest": 0, "scope": WHOLE})]


def test_cublas_that_is_not_there_and_products_that_do_not_exist_are_told_in_a_sentence(monkeypatch):
    def absent(name):
        raise ImportError(f"CUDA's library {name} was not found")

    monkeypatch.setattr(cuda, "library", absent)
    with pytest.raises(UsageError, match=r'products = "cublas": .*cublas was not found.*pip install nvidia-cublas'):
        Cublas("float32")
    with pytest.raises(UsageError, match="products = 'blas' must be one of ordered, cublas"):
        LargeEngine(network([4, 3]), gpu_trial(), products="blas")
