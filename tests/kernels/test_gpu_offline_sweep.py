"""The kernel that trains whole trials, compiled for GPUs that are not here; plans for GPUs of every size."""

import numpy as np
import pytest

from gdbench.kernels.compile.cuda import Gpu
from gdbench.kernels.gpu.offline import SWEEPS, examine, sweeps
from gdbench.kernels.gpu.sweep.planning import RESERVED, declared, sweep_plan
from gdbench.kernels.networks.activations import NUMBERS

# Shared memory of a block and of a multiprocessor: CUDA C++ Programming Guide, table of technical specifications.
GPUS = {
    name: Gpu(name, capability, 1, block * 1024, together * 1024, 2**30, 1e9)
    for name, capability, block, together in [
        ("T4", (7, 5), 64, 64),
        ("A100", (8, 0), 163, 164),
        ("RTX 3090", (8, 6), 99, 100),
        ("H200", (9, 0), 227, 228),
    ]
}
NETS = ([1, 1], [64, 32, 10], [64, 10], [784, 128, 10], [30, 500, 500, 1], [5000, 3], [8, 4096])


# The first; the others are slow, and `gdbench gpu-check --offline` compiles and judges them all.
KERNELS = [
    pytest.param(number, id="-".join(map(str, line[:4])), marks=[pytest.mark.slow] * (number > 0))
    for number, line in enumerate(SWEEPS)
]


@pytest.mark.needs("cuda-compiler")
@pytest.mark.parametrize("number", KERNELS)
def test_the_training_kernel_compiles_to_what_we_wrote(number):
    subject = list(sweeps())[number]
    row = examine(subject)
    assert row.wrong == (), row
    assert row.needs.shared == declared(row.threads, 8 if subject.dtype == "float64" else 4)
    assert all(row.instructions[kind] for kind in ("fma", "barriers", "16-byte loads", "16-byte stores"))


@pytest.mark.parametrize("gpu", GPUS.values(), ids=GPUS)
@pytest.mark.parametrize("itemsize", [4, 8])
def test_every_plan_fits_its_gpu(gpu, itemsize):
    for sizes in NETS:
        for activation, slots, batch in (
            (NUMBERS["relu"], 0, 1),
            (NUMBERS["gelu"], 4, 32),
            (NUMBERS["relu"], 2, 10_000),
        ):
            plan = sweep_plan(np.array(sizes), activation, slots, itemsize, batch, gpu)
            asked = plan.shared + declared(plan.threads, itemsize)
            assert asked <= gpu.shared and plan.resident * (asked + RESERVED) <= max(
                gpu.shared_together, asked + RESERVED
            )
            assert 1 <= plan.resident <= plan.blocks


def test_small_networks_lie_in_the_shared_memory_of_every_gpu():
    for gpu in GPUS.values():
        assert sweep_plan(np.array([64, 32, 10]), NUMBERS["relu"], 2, 4, 8, gpu).near == (True, True), gpu.name
    assert sweep_plan(np.array([784, 128, 10]), NUMBERS["relu"], 2, 4, 32, GPUS["H200"]).near == (False, True)
