"""What a hidden layer applies to its sums, and the derivative of that, written in terms of its result.

A run-time switch outside the inner loops: one compiled network serves all. A NaN passes through every activation, so
that divergence is seen.
"""

from gdbench.kernels.elementary import tanh
from gdbench.kernels.jit import inlined

IDENTITY, RELU, TANH = 0, 1, 2
ACTIVATIONS = {"identity": IDENTITY, "relu": RELU, "tanh": TANH}
FORMULAS = {"identity": "z", "relu": "max(z, 0), derivative 0 at 0", "tanh": "tanh z"}


@inlined
def activate(activation, z):
    """Replace the vector z by the activation of each element."""
    zero = z.dtype.type(0)
    if activation == RELU:
        for i in range(z.size):
            z[i] = zero if z[i] < zero else z[i]
    elif activation == TANH:
        for i in range(z.size):
            z[i] = tanh(z[i])


@inlined
def backpropagate(activation, a, d):
    """Multiply the vector d by the activation's derivative where its result was a."""
    zero, one = a.dtype.type(0), a.dtype.type(1)
    if activation == RELU:
        for i in range(a.size):
            d[i] = d[i] if a[i] > zero else zero
    elif activation == TANH:
        for i in range(a.size):
            d[i] = d[i] * (one - a[i] * a[i])
