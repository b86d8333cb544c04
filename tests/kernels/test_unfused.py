"""x y + z without the processor's instruction, and products built of it: the same bits."""

import hashlib
import json
import math
import os
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba.extending import intrinsic

from gdbench.kernels.arithmetic import elementary, fused
from gdbench.kernels.arithmetic.intrinsics import fma
from gdbench.kernels.arithmetic.products import add_product, product
from gdbench.kernels.compile.jit import DISABLED, kernel

pytestmark = pytest.mark.skipif(DISABLED, reason="nothing is compiled in this lane")

BITS = {np.float32: np.uint32, np.float64: np.uint64}
DTYPES = [*BITS]
SPECIAL = (0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan)
LANES = {  # x86 processors without the instruction, by what Numba is told
    "SSE2": {"NUMBA_CPU_NAME": "generic"},
    "AVX2": {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "-fma"},
}


@intrinsic
def _emulated(typing_context, x, y, z):
    def lower(context, builder, signature, arguments):
        return fused.emulated(builder, *arguments)

    return x(x, x, x), lower


@kernel(source=None)
def _both(x, y, z, software, native):
    for i in range(x.size):
        software[i] = _emulated(x[i], y[i], z[i])
    for i in range(x.size):
        native[i] = fma(x[i], y[i], z[i])


def _computed(dtype, x, y, z):
    given = [np.ascontiguousarray(each, dtype) for each in (x, y, z)]
    results = np.empty((2, given[0].size), dtype)
    _both(*given, *results)
    return results


def _same(a, b):
    return np.array_equal(np.where(np.isnan(a), 0, a), np.where(np.isnan(b), 0, b)) and (
        np.array_equal(np.isnan(a), np.isnan(b))
        and np.array_equal(np.signbit(a)[~np.isnan(a)], np.signbit(b)[~np.isnan(b)])
    )


def _rounded(dtype, exact):
    """A fraction other than 0, rounded to nearest, halves to even."""
    info = np.finfo(dtype)
    size = abs(exact)
    exponent = max(size.numerator.bit_length() - size.denominator.bit_length() - 1, info.minexp)
    while size >= Fraction(2) ** (exponent + 1):
        exponent += 1
    unit = Fraction(2) ** (exponent - info.nmant)
    steps = round(size / unit)  # to even
    sign = -1 if exact < 0 else 1
    if steps * unit >= Fraction(2) ** info.maxexp:
        return dtype(sign * math.inf)
    return dtype(sign) * dtype(float(steps * unit))


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_it_is_the_exact_number_rounded_once(dtype, data):
    top = np.iinfo(BITS[dtype]).max
    drawn = data.draw(
        st.lists(st.tuples(*[st.integers(0, top)] * 2, st.integers(0, 5), st.integers(0, top)), max_size=9)
    )
    x, y, z = (np.array([each[i] for each in drawn], BITS[dtype]).view(dtype) for i in (0, 1, 3))
    near = np.array([each[2] for each in drawn])
    with np.errstate(all="ignore"):  # z near -x y, where most is cancelled
        close = np.nextafter(-(x * y), np.where(near == 1, np.inf, -np.inf).astype(dtype)).astype(dtype)
        z = np.where(near > 3, z, np.where(near == 0, -(x * y), close)).astype(dtype)
    finite = np.isfinite(x) & np.isfinite(y) & np.isfinite(z)
    software, _ = _computed(dtype, x, y, z)
    for got, *numbers in zip(software[finite], x[finite], y[finite], z[finite], strict=True):
        a, b, c = (Fraction(float(each)) for each in numbers)
        if a * b + c:
            right = _rounded(dtype, a * b + c)
            assert got == right and np.signbit(got) == np.signbit(right), numbers


@pytest.mark.skipif(not fused.fused(), reason="no instruction to compare with")
@pytest.mark.parametrize("dtype", DTYPES)
def test_it_has_the_bits_of_the_instruction(dtype):
    info, rng, n = np.finfo(dtype), np.random.default_rng(0), 200_000

    def numbers(low, high):
        """Exponents from `low` to `high`, and significands of few bits and of many."""
        kept = -(1 << rng.integers(0, info.nmant + 1, n))
        significand = 1 + np.ldexp((rng.integers(0, 1 << info.nmant, n) & kept).astype(float), -info.nmant)
        with np.errstate(all="ignore"):
            return (np.ldexp(significand, rng.integers(low, high, n)) * rng.choice([-1, 1], n)).astype(dtype)

    half = info.minexp // 2, info.maxexp // 2
    special = [*SPECIAL, info.tiny, -info.smallest_subnormal, info.max, -info.max, 1 + info.eps, 1 - info.epsneg]
    cases = {
        "any bits": [rng.integers(0, np.iinfo(BITS[dtype]).max, n, BITS[dtype]).view(dtype) for _ in range(3)],
        "special": np.array(np.meshgrid(special, special, special)).reshape(3, -1),
        "ordinary": (numbers(-30, 30), numbers(-30, 30), numbers(-90, 90)),
        "subnormal": (
            *(numbers(half[0] - 14, half[0] + 10) for _ in "xy"),
            numbers(info.minexp - info.nmant, info.minexp + 4),
        ),
        "subnormal factor": (
            numbers(info.minexp - info.nmant, info.minexp),
            numbers(-3, 30),
            numbers(info.minexp - 20, info.minexp + 8),
        ),
        "overflow": (*(numbers(half[1] - 5, half[1] + 3) for _ in "xy"), numbers(info.maxexp - 8, info.maxexp)),
        "underflow to 0": (numbers(half[0] - info.nmant, half[0]), numbers(half[0] - info.nmant, half[0]), np.zeros(n)),
    }
    for name, (x, y, z) in cases.items():
        x, y, z = (np.asarray(each, dtype) for each in (x, y, z))
        with np.errstate(all="ignore"):
            cancelled = -(x * y)
            others = (z, cancelled, np.nextafter(cancelled, dtype(0)), cancelled * dtype(1.5), np.copysign(dtype(0), z))
        for other in others:
            assert _same(*_computed(dtype, x, y, other)), name


@kernel(source=None)
def _multiply(a, b, out):
    product(a, b, out)


@kernel(source=None)
def _add(a, b, out):
    add_product(a, b, out)


@kernel(source=None)
def _functions(x, out):
    for i in range(x.size):
        out[0, i], out[1, i] = elementary.exp(x[i]), elementary.erf(x[i])


def kinds(dtype):
    """What makes numbers that try the arithmetic of normal ones."""
    info, rng = np.finfo(dtype), np.random.default_rng(1)
    return {
        "normal": lambda x: x,
        "few bits": lambda x: np.round(4 * x) / 16,  # sums often lie midway between two floats
        "subnormal": lambda x: np.ldexp(x, info.minexp // 2 - info.nmant // 2),
        "overflow": lambda x: np.ldexp(x, info.maxexp // 2),
        "any exponent": lambda x: np.ldexp(x, rng.integers(info.minexp // 2, info.maxexp // 2, x.shape)),
        "special": lambda x: np.where(rng.random(x.shape) < 0.02, rng.choice(SPECIAL, x.shape), x),
    }


def digests():
    """A hash for each dtype and kind of numbers, of products of several shapes and of functions."""
    found = {}
    for dtype in DTYPES:
        rng = np.random.default_rng(2)
        for kind, made in kinds(dtype).items():
            code = hashlib.sha256()
            for rows, depth, columns in ((1, 70, 150), (7, 300, 19), (5, 3, 37), (34, 20, 9)):
                with np.errstate(all="ignore"):
                    shapes = (rows, depth), (depth, columns), (rows, columns)
                    a, b, start = (made(rng.standard_normal(shape)).astype(dtype) for shape in shapes)
                start[:, ::3] = -0.0
                out = np.empty_like(start)
                _multiply(a, b, out)
                a[:, ::2] = 0
                _add(a, b, start)
                _multiply(a, b.T.copy().T, out)
                for array in (out, start):
                    code.update(np.where(np.isnan(array), dtype(0.5), array).tobytes())
            x = np.linspace(-20, 20, 1001).astype(dtype)
            out = np.empty((2, x.size), dtype)
            _functions(x, out)
            code.update(out.tobytes())
            found[f"{dtype.__name__} {kind}"] = code.hexdigest()
    return found


@pytest.mark.skipif(not fused.fused(), reason="no instruction to compare with")
@pytest.mark.parametrize("lane", ["SSE2", pytest.param("AVX2", marks=pytest.mark.slow)])
def test_products_have_the_bits_of_processors_with_the_instruction(lane):
    code = f"import json, sys; sys.path.insert(0, {os.path.dirname(__file__)!r}); import test_unfused as t\n"
    code += "from gdbench.kernels.compile.processor import fused; print(json.dumps([fused(), t.digests()]))"
    environment = {**os.environ, **LANES[lane]}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert json.loads(done.stdout) == [False, digests()]
