"""gelu: z Phi(z) with Phi the normal distribution function, by erf.

Hendrycks, Gimpel, "Gaussian error linear units", arXiv:1606.08415. It is not monotonic: its result does not determine
z, so z is kept for its derivatives.
"""

import math

from gdbench.kernels.arithmetic.elementary import erf, exp
from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.networks.activations.contract import Activation

_ROOT_HALF = math.sqrt(0.5)
_DENSITY = 1.0 / math.sqrt(2.0 * math.pi)  # of the normal distribution at 0


@inlined
def _apply(z, sums):
    number = z.dtype.type
    one, half, root_half = number(1), number(0.5), number(_ROOT_HALF)
    for i in range(z.size):
        sums[i] = z[i]
        z[i] = z[i] * (half * (one + erf(root_half * z[i])))


@inlined
def _backpropagate(a, z, d):
    number = a.dtype.type
    one, half = number(1), number(0.5)
    root_half, density = number(_ROOT_HALF), number(_DENSITY)
    for i in range(a.size):
        below = half * (one + erf(root_half * z[i]))
        d[i] = d[i] * (below + z[i] * (density * exp(-half * (z[i] * z[i]))))


@inlined
def _second_derivative(a, z, out):
    number = a.dtype.type
    two, half, density = number(2), number(0.5), number(_DENSITY)
    for i in range(a.size):
        square = z[i] * z[i]
        out[i] = density * exp(-half * square) * (two - square)


GELU = Activation("gelu", "z (1 + erf(z / sqrt 2)) / 2", _apply, _backpropagate, _second_derivative, keeps_sums=True)
