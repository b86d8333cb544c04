"""What the machine can do at best: fused multiply-adds in registers, and a triad over memory.

    multiply_add(1000, factors, sums)  # 1000 times REPEATS multiply-adds of every lane of every sum
    triad(1000, scale, a, b)           # a = a + s b, 1000 times

Both are written in vectors as the tiles of the products are (tiles.py), at the width that Numba compiles for.
Without the instruction the first is what the tiles do in its place, but for their doubt (arithmetic/unfused.py).
The triad of McCalpin's STREAM (1995) is a = b + s c; here a is also b, as in an update. Memory then moves just the
bytes that are counted, two arrays read and one written; a write to an array that is not read fetches it too, unseen.
"""

import numpy as np
from numba.core import types

from gdbench.kernels.arithmetic.memory import address, view
from gdbench.kernels.arithmetic.unfused import Exact, Quick
from gdbench.kernels.arithmetic.vectors import I64, TALLEST, VECTOR_BYTES, Vectors, instruction
from gdbench.kernels.compile.jit import kernel
from gdbench.kernels.compile.processor import fused

SUMS = max(8, 2 * TALLEST)  # vectors that are added to in turn: as many as a tile has, so that none waits for itself
REPEATS = 256  # multiply-adds of each of them a step
UNROLLED = 4  # vectors a turn of the triad's loop


def lanes(dtype: str) -> int:
    """Numbers that all the sums of `multiply_add` hold together."""
    return SUMS * VECTOR_BYTES // np.dtype(dtype).itemsize


def _chains_twin(zero, factors, sums, count):
    x, y = view(zero, factors, (2,), (zero.itemsize,))
    total = view(zero, sums, (SUMS * VECTOR_BYTES // zero.itemsize,), (zero.itemsize,))
    for _ in range(count):
        total[:] = total * x + y


@instruction(_chains_twin)
def _chains(context, zero, factors, sums, count):
    """`count` times sums = x sums + y, by addresses: x and y are the factors; the sums stay in registers meanwhile."""

    def lower(context, builder, signature, arguments):
        v = Vectors(context, builder, zero)
        _, factors, sums, count = arguments
        how = Exact(builder) if fused() else Quick(builder, v.type)  # of which nothing is done again here
        x = how.factor(v.broadcast(factors))
        (y,), doubt = how.start([v.broadcast(builder.add(factors, I64(v.size)))])
        places = [builder.add(sums, I64(i * VECTOR_BYTES)) for i in range(SUMS)]
        begins, _ = how.start([v.load(place, None) for place in places])
        before, loop, after = builder.block, builder.append_basic_block("turn"), builder.append_basic_block("end")
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
        before, loop, after = builder.block, builder.append_basic_block("turn"), builder.append_basic_block("end")
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
            else:  # two instructions, since it is memory that is measured
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

    factors: the two numbers x and y. sums: `lanes(dtype)` numbers. float32 or float64 both.
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
    """The bytes of an array of about `size` bytes that `triad` can run over: at least one turn of its loop."""
    turn = UNROLLED * VECTOR_BYTES
    return max(turn, size // turn * turn)
