"""The sweep's kernel: whole trials in numba-cuda's simulator, and its parts compiled for the CPU."""

import json
import os
import subprocess
import sys

import numba
import numpy as np
import pytest
from simulated import APART, CASES, FAR, MIXED, NEAR

from gdbench.kernels.arithmetic.arrays import zeros
from gdbench.kernels.arithmetic.products import add_column_sums, add_product, biased_product, column_sums, product
from gdbench.kernels.compile.jit import DISABLED
from gdbench.kernels.gpu import products as ours
from gdbench.kernels.gpu.quads import QUAD, load, load_quad, registers, store, store_quad
from gdbench.kernels.networks.activations import ACTIVATIONS
from gdbench.kernels.networks.losses import LOSSES

compiled = pytest.mark.skipif(DISABLED, reason="nothing is compiled in this lane")


@pytest.fixture(scope="module")
def found():
    """What every case gave, in a process of its own."""
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    script = os.path.join(os.path.dirname(os.path.dirname(__file__)), "simulated.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.needs("numba-cuda")
@pytest.mark.parametrize("name", CASES)
def test_a_block_of_threads_trains_to_the_bits_of_the_cpu(name, found):
    assert found[name]["wrong"] == []


def test_the_cases_have_every_rule_activation_loss_and_depth():
    def kinds(key, otherwise):
        return {case.problem.get(key, otherwise) for case in CASES.values()}

    assert kinds("activation", "relu") == set(ACTIVATIONS) and kinds("loss", "cross-entropy") == set(LOSSES)
    assert {len(hidden) for hidden in kinds("hidden", (4,))} == {0, 1, 2, 3}


@pytest.mark.needs("numba-cuda")
def test_the_cases_have_arrays_near_and_far_as_their_gpus_are_large(found):
    for name, case in CASES.items():
        if case.shared in (NEAR, APART):
            assert found[name]["near"] == [case.shared == NEAR, True], name
        else:
            assert case.shared >= FAR and found[name]["near"] == [False, False], name
    assert found["pieces of a batch"]["rows"] < max(CASES["pieces of a batch"].batches)


@pytest.mark.needs("numba-cuda")
def test_members_of_one_recipe_share_a_table(found):
    for launch in found["several sizes and seeds"]["launches"]:
        assert launch["tables"] == launch["count"]
    for launch in found["all rules"]["launches"]:
        assert launch["tables"] == launch["count"] * len(MIXED)


@pytest.mark.needs("numba-cuda")
def test_launches_are_shorter_where_permutations_take_too_much_room(found):
    case, launches = CASES["few permutations a launch"], found["few permutations a launch"]["launches"]
    n, number = 13, 4
    assert all(launch["orders"] * n * number <= case.orders for launch in launches)
    assert len(launches) > 1 and sum(launch["count"] for launch in launches) == case.steps


@pytest.mark.needs("numba-cuda")
def test_full_batches_need_no_permutation_and_ended_members_no_block(found):
    launches = found["ended"]["launches"]
    assert [launch["orders"] for launch in launches] == [1] * len(launches)
    assert [launch["blocks"] for launch in launches] == [2] + [1] * (len(launches) - 1)


@pytest.mark.needs("numba-cuda")
def test_a_step_that_may_have_diverged_ends_its_trial(found):
    assert {name for name, case in found.items() if any(case["suspects"])} == {"suspect", "not finite"}
    assert found["suspect"]["evaluations"] < len(CASES["suspect"].points)


# ------------------------------------------------------------------------- parts, compiled for the CPU


def _rows_apart(rng, rows, width, dtype):
    """A layer's matrix as it lies among the activations: NaN stands where nothing is that may count."""
    apart = ours.leading(width)
    wide = zeros(-(-rows // QUAD) * QUAD * apart, dtype).reshape(-1, apart)
    wide[:] = np.nan
    wide[:rows, :width] = rng.standard_normal((rows, width))
    return wide.reshape(-1), np.ascontiguousarray(wide[:rows, :width]), apart


def _lanes(function, count):
    """One thread after another: none waits for another within a product."""

    @numba.njit(error_model="numpy")
    def every(given):
        for lane in range(count):
            function(*given, lane, count)

    return every


@numba.njit
def _expected(x, w, bias, d, z, back, slope, sums):
    biased_product(x, w, bias, z)
    product(d, w.T, back)
    product(x[:2].T, d[:2], slope)
    add_product(x[2:].T, d[2:], slope)
    column_sums(d[:2], sums)
    add_column_sums(d[2:], sums)


@compiled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_by_threads_have_the_bits_of_the_cpus(dtype):
    forward, back = _lanes(ours.forward_product, 3), _lanes(ours.input_product, 3)
    weights, sums = _lanes(ours.weight_product, 3), _lanes(ours.bias_sums, 3)
    rng, zero = np.random.default_rng(1), np.dtype(dtype).type(0)
    for rows, inputs, outputs in [
        (3, 1, 1),
        (4, 4, 4),
        (9, 5, 3),
        (16, 13, 18),
        *rng.integers(3, 30, (12, 3)).tolist(),
    ]:
        x, plain_x, wide = _rows_apart(rng, rows, inputs, dtype)
        d, plain_d, narrow = _rows_apart(rng, rows, outputs, dtype)
        theta = rng.standard_normal((inputs + 1) * outputs + QUAD * outputs).astype(dtype)
        bias = inputs * outputs
        shapes = (rows, outputs), (rows, inputs), (inputs, outputs), (1, outputs)
        results = [np.zeros(shape, dtype) for shape in shapes]
        plain_w = theta[:bias].reshape(inputs, outputs)
        _expected(plain_x, plain_w, theta[bias : bias + outputs], plain_d, *results)
        z, below = (np.full(rows * apart, 7.0, dtype) for apart in (narrow, wide))
        forward((zero, x, 0, wide, theta, 0, outputs, True, bias, z, 0, narrow, rows, inputs, outputs))
        back((zero, d, 0, narrow, theta, 0, outputs, False, 0, below, 0, wide, rows, outputs, inputs))
        slope, total = np.full(1 + bias + QUAD * outputs, 7.0, dtype), np.full(1 + outputs, 7.0, dtype)
        for first, last in ((0, 2), (2, rows)):
            given = (d, first * narrow, narrow, first > 0)
            weights((x, first * wide, wide, *given, slope, 1, last - first, inputs, outputs))
            sums((*given, total, 1, last - first, outputs))
        padded = [z.reshape(rows, -1), below.reshape(rows, -1), slope[None], total[None]]
        inside = [padded[0][:, :outputs], padded[1][:, :inputs], padded[2][0, 1 : 1 + bias], padded[3][:, 1:]]
        for mine, expected in zip(inside, results, strict=True):
            assert mine.tobytes() == expected.tobytes(), (rows, inputs, outputs)
        beyond = [
            padded[0][:, outputs:],
            padded[1][:, inputs:],
            padded[2][:, :1],
            padded[2][:, 1 + bias :],
            padded[3][:, :1],
        ]
        assert all((rest == 7.0).all() for rest in beyond), "wrote where it should not"


@compiled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_four_numbers_move_at_a_time_and_nothing_beside_them(dtype):
    @numba.njit
    def move(source, target, seen):
        quad = registers(source.dtype.type(0), QUAD)
        load_quad(source, 4, quad)
        store_quad(quad, target, 8)
        store(load(source, 1), target, 1)
        seen[:] = quad

    source, target, seen = zeros(16, dtype), zeros(16, dtype), zeros(QUAD, dtype)
    source[:], target[:] = np.arange(16), -1
    move(source, target, seen)
    assert target.tolist() == [-1, 1, *[-1] * 6, 4, 5, 6, 7, *[-1] * 4] and seen.tolist() == [4, 5, 6, 7]
