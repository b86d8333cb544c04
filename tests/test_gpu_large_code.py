"""The machine code of the engine for one large network, compiled without a GPU."""

import re
from importlib.util import find_spec

import pytest

from gdbench.kernels import RULES, cuda
from gdbench.kernels.gpu import large_kernels as kernels
from gdbench.kernels.gpu.large_products import FORWARD, INPUTS, TILES, WEIGHTS, product

pytestmark = pytest.mark.skipif(
    find_spec("numba_cuda") is None, reason=f"numba-cuda is not installed: `{cuda.INSTALL}`"
)


def code_of(kernel, capability):
    """The PTX of a kernel, the declarations of its parameters left out."""
    text = kernel.image(capability, fresh=True).ptx
    return text[text.index("\n{") :]


def complaints(code, dtype):
    """What machine code must not hold: contractions left to choose, local memory, float64 among float32."""
    bare = re.findall(r"\b(?:mul|add|sub)\.f(?:32|64)", code)
    local = re.findall(r"\.local|[ls][dt]\.local", code)
    double = re.findall(r"\.f64", code) if dtype == "float32" else []
    return bare + local + double


@pytest.mark.parametrize(
    ("capability", "dtype", "kind"),
    [((7, 5), "float32", INPUTS), ((8, 0), "float64", WEIGHTS), ((9, 0), "float32", FORWARD)],
)
def test_kernels_keep_to_their_dtype_to_registers_and_to_what_is_written(capability, dtype, kind):
    made = [product(kind, dtype, tile) for tile in TILES]
    made += [make(dtype) for make in (kernels.gather, kernels.activations, kernels.slopes, kernels.charges)]
    made += [make(dtype) for make in (kernels.penalties, kernels.partial_sums, kernels.whole_sum, kernels.clipped)]
    found = {kernel.name: complaints(code_of(kernel, capability), dtype) for kernel in made}
    assert not any(found.values()), found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_update_moves_sixteen_bytes_at_a_time_and_contracts_nothing(dtype):
    rule = RULES["momentum"]
    code = code_of(kernels.update(rule, dtype), (9, 0))
    times = 1 if dtype == "float32" else 2
    assert not complaints(code, dtype) and "fma" not in code
    assert len(re.findall(r"ld\.global\.v[24]", code)) == times * (2 + len(rule.slots))
    assert len(re.findall(r"st\.global\.v[24]", code)) == times * (1 + len(rule.slots))
