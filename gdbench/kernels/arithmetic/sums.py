"""Sums in an order that depends on the number of terms alone: chunks of 256 in order, then their sums in order.

A GPU's threads can sum one chunk each and still add in the order of the CPU. A square and a sum are rounded one by one:
the compilers of neither device may contract them.
"""

import math

from gdbench.kernels.compile.jit import inlined

CHUNK = 256


@inlined
def chunk_sum(x, start, size):
    """The sum of the chunk of x[:size] that begins at `start`."""
    part = x.dtype.type(0)
    for i in range(start, min(start + CHUNK, size)):
        part += x[i]
    return part


@inlined
def chunk_squares(x, start, size):
    """The sum of the squares of the chunk of x[:size] that begins at `start`."""
    part = x.dtype.type(0)
    for i in range(start, min(start + CHUNK, size)):
        part += x[i] * x[i]
    return part


@inlined
def ordered_sum(x, size):
    """The sum of x[:size], in x's dtype."""
    total = x.dtype.type(0)
    for start in range(0, size, CHUNK):
        total += chunk_sum(x, start, size)
    return total


@inlined
def norm(x):
    """The Euclidean norm of a vector, in its dtype."""
    total = x.dtype.type(0)
    for start in range(0, x.size, CHUNK):
        total += chunk_squares(x, start, x.size)
    return math.sqrt(total)
