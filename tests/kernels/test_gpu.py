"""What needs a GPU: the same trials as in the simulator, and longer ones, have the bits of the CPU."""

import pytest
from simulated import CASES, MIXED, Case, run

from gdbench.kernels.compile import cuda

problem = "the simulator is no GPU" if cuda.SIMULATED else cuda.missing()
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(problem is not None, reason=str(problem))]


@pytest.mark.parametrize("name", CASES)
def test_a_gpu_trains_to_the_bits_of_the_cpu(name):
    assert run(CASES[name])["wrong"] == []


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_rule_has_the_bits_of_the_cpu_after_a_thousand_steps(dtype):
    net = {"hidden": (9, 7), "n": 50, "others": (10, 10), "dtype": dtype}
    points = (0, 1, 10, 100, 1000)
    assert run(Case(net, MIXED, batches=(16,), steps=1000, points=points, lr=0.01))["wrong"] == []


def test_memory_that_is_not_there_is_told_from_other_faults():
    with pytest.raises(Exception) as told:
        cuda.empty(2**42, "float64")
    assert cuda.is_out_of_memory(told.value)
