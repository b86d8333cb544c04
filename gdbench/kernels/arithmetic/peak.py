"""The machine's peaks: fused multiply-adds in registers, and a triad over memory.

    multiply_add(1000, factors, sums)  # 1000 times REPEATS multiply-adds of every lane of every sum
    triad(1000, scale, a, b)           # a = a + s b, 1000 times

Both use vectors like the tiles of the products (tiles.py), of the width that Numba compiles for. Without FMA the first
measures what the tiles do instead, except for their checks (arithmetic/unfused.py). The triad of McCalpin's STREAM
(1995) is a = b + s c; here b is a, as in an update. Memory then moves just the bytes that are counted: two arrays read
and one written. A write to an array that is not read would fetch it as well, uncounted.
"""

import numpy as np
from numba.core import types

from gdbench.kernels.arithmetic.memory import address, view
from gdbench.kernels.arithmetic.unfused import Exact, Quick
from gdbench.kernels.arithmetic.vectors import I64, TALLEST, VECTOR_BYTES, Vectors, instruction
from gdbench.kernels.compile.jit import kernel
from gdbench.kernels.compile.processor import fused

SUMS = max(8, 2 * TALLEST)  # vectors of sums, as many as a tile has: none waits for its own last multiply-add
REPEATS = 256  # multiply-adds of each sum per count
UNROLLED = 4  # vectors per iteration of the triad's loop


def lanes(dtype: str) -> int:
    """How many numbers `multiply_add` takes as its sums."""
    return SUMS * VECTOR_BYTES // np.dtype(dtype).itemsize


def _chains_twin(zero, factors, sums, count):
    x, y = view(zero, factors, (2,), (zero.itemsize,))
    total = view(zero, sums, (SUMS * VECTOR_BYTES // zero.itemsize,), (zero.itemsize,))
    for _ in range(count):
        total[:] = total * x + y


@instruction(_chains_twin)
def _chains(context, zero, factors, sums, count):
    """`count` times sums = x sums + y, by addresses: factors are x and y. The sums stay in registers in between."""

    def lower(context, builder, signature, arguments):
        v = Vectors(context, builder, zero)
        _, factors, sums, count = arguments
        how = Exact(builder) if fused() else Quick(builder, v.type)  # results in doubt are not computed again here
        x = how.factor(v.broadcast(factors))
        (y,), doubt = how.start([v.broadcast(builder.add(factors, I64(v.size)))])
        places = [builder.add(sums, I64(i * VECTOR_BYTES)) for i in range(SUMS)]
        begins, _ = how.start([v.load(place, None) for place in places])
        before, loop, after = builder.block, builder.append_basic_block("loop"), builder.append_basic_block("end")
        builder.branch(loop)
        builder.position_at_end(loop)
        i, chains = builder.phi(I64), [builder.phi(begin.type) for begin in begins]
        ends = [how.step(how.factor(chain), x, y, doubt)[0] for chain in chains]
        for phi, begin, end in zip([i, *chains], [I64(0), *begins], [builder.add(i, I64(1)), *ends], strict=True):
            phi.add_incoming(begin, before)
            phi.add_incoming(end, loop)
        builder.cbranch(builder.icmp_signed("<", builder.add(i, I64(1)), count), loop, after)
        builder.position_at_end(after)
        for end, place in zip(ends, places, strict=True):
            v.store(how.finish(end), place, None)
        return context.get_dummy_value()

    return types.void(zero, *(types.intp,) * 3), lower


def _pass_twin(scale, a, b, size):
    numbers = (size // scale.itemsize,), (scale.itemsize,)
    view(scale, a, *numbers)[:] += scale * view(scale, b, *numbers)


@instruction(_pass_twin)
def _pass(context, scale, a, b, size):
    """a = a + scale b over two arrays of `size` bytes, a multiple of UNROLLED vectors, by addresses."""

    def lower(context, builder, signature, arguments):
        v = Vectors(context, builder, scale)
        number, a, b, size = arguments
        spread = v.everywhere(number)
        before, loop, after = builder.block, builder.append_basic_block("loop"), builder.append_basic_block("end")
        builder.branch(loop)
        builder.position_at_end(loop)
        offset = builder.phi(I64)
        for i in range(UNROLLED):
            here = builder.add(offset, I64(i * VECTOR_BYTES))
            place = builder.add(a, here)
            other = v.load(builder.add(b, here), None)
            mine = v.load(place, None)
            if fused():
                total = v.multiply_add(other, spread, mine)
            else:  # rounded twice: only memory is measured
                total = builder.fadd(builder.fmul(other, spread), mine)
            v.store(total, place, None)
        following = builder.add(offset, I64(UNROLLED * VECTOR_BYTES))
        offset.add_incoming(I64(0), before)
        offset.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", following, size), loop, after)
        builder.position_at_end(after)
        return context.get_dummy_value()

    return types.void(scale, *(types.intp,) * 3), lower


@kernel
def multiply_add(count, factors, sums):
    """REPEATS times `count` times sums = x sums + y, elementwise.

    factors: the two numbers x and y. sums: `lanes(dtype)` numbers. Both are float32 or float64 vectors.
    """
    _chains(sums.dtype.type(0), address(factors), address(sums), count * REPEATS)


@kernel
def triad(count, scale, a, b):
    """`count` times a = a + scale b.

    a, b: vectors of one size, a multiple of UNROLLED vectors of the machine (`whole`).
    """
    for _ in range(count):
        _pass(a.dtype.type(scale), address(a), address(b), a.size * a.itemsize)


def whole(size: int) -> int:
    """`size` in bytes, rounded down to what `triad` can run over: at least one iteration of its loop."""
    iteration = UNROLLED * VECTOR_BYTES
    return max(iteration, size // iteration * iteration)
