"""What a hidden layer applies to its sums z, and the first two derivatives of that.

A run-time switch outside the inner loops: one compiled network serves all. Derivatives are written in terms of the
result a; only gelu's needs z, which is kept for it alone. A NaN passes through every activation, so that divergence is
seen.

gelu  z Phi(z) with Phi the normal distribution function, by erf: Hendrycks, Gimpel, arXiv:1606.08415.
"""

import math

from gdbench.kernels.elementary import erf, exp, tanh
from gdbench.kernels.jit import inlined

IDENTITY, RELU, TANH, LEAKY_RELU, SIGMOID, GELU = range(6)
ACTIVATIONS = {
    "identity": IDENTITY,
    "relu": RELU,
    "leaky-relu": LEAKY_RELU,
    "tanh": TANH,
    "sigmoid": SIGMOID,
    "gelu": GELU,
}
FORMULAS = {
    "identity": "z",
    "relu": "max(z, 0), derivative 0 at 0",
    "leaky-relu": "z, or 0.01 z where z < 0; derivative 0.01 at 0",
    "tanh": "tanh z",
    "sigmoid": "1 / (1 + exp(-z))",
    "gelu": "z (1 + erf(z / sqrt 2)) / 2",
}
_LEAK = 0.01  # PyTorch's
_ROOT_HALF = math.sqrt(0.5)
_DENSITY = 1.0 / math.sqrt(2.0 * math.pi)  # of the normal distribution at 0


@inlined
def activate(activation, z, sums):
    """Replace the vector z by the activation of each element; gelu leaves z in sums."""
    number = z.dtype.type
    zero, one, half = number(0), number(1), number(0.5)
    if activation == RELU:
        for i in range(z.size):
            z[i] = zero if z[i] < zero else z[i]
    elif activation == TANH:
        for i in range(z.size):
            z[i] = tanh(z[i])
    elif activation == LEAKY_RELU:
        leak = number(_LEAK)
        for i in range(z.size):
            z[i] = leak * z[i] if z[i] < zero else z[i]
    elif activation == SIGMOID:
        for i in range(z.size):
            z[i] = one / (one + exp(-z[i]))
    elif activation == GELU:
        root_half = number(_ROOT_HALF)
        for i in range(z.size):
            sums[i] = z[i]
            z[i] = z[i] * (half * (one + erf(root_half * z[i])))


@inlined
def backpropagate(activation, a, z, d):
    """Multiply the vector d by the activation's derivative where its result was a, of the sums z (gelu alone)."""
    number = a.dtype.type
    zero, one, half = number(0), number(1), number(0.5)
    if activation == RELU:
        for i in range(a.size):
            d[i] = d[i] if a[i] > zero else zero
    elif activation == TANH:
        for i in range(a.size):
            d[i] = d[i] * (one - a[i] * a[i])
    elif activation == LEAKY_RELU:
        leak = number(_LEAK)
        for i in range(a.size):
            d[i] = d[i] if a[i] > zero else leak * d[i]
    elif activation == SIGMOID:
        for i in range(a.size):
            d[i] = d[i] * (a[i] * (one - a[i]))
    elif activation == GELU:
        root_half, density = number(_ROOT_HALF), number(_DENSITY)
        for i in range(a.size):
            below = half * (one + erf(root_half * z[i]))
            d[i] = d[i] * (below + z[i] * (density * exp(-half * (z[i] * z[i]))))


@inlined
def bend(activation, a, z, out):
    """The activation's second derivative into out, arguments as in `backpropagate`; 0 at the kinks of relus."""
    number = a.dtype.type
    one, two, half = number(1), number(2), number(0.5)
    out[:] = number(0)
    if activation == TANH:
        for i in range(a.size):
            out[i] = -two * a[i] * (one - a[i] * a[i])
    elif activation == SIGMOID:
        for i in range(a.size):
            out[i] = a[i] * (one - a[i]) * (one - two * a[i])
    elif activation == GELU:
        density = number(_DENSITY)
        for i in range(a.size):
            square = z[i] * z[i]
            out[i] = density * exp(-half * square) * (two - square)
