"""leaky-relu: z, or 0.01 z where z < 0 (PyTorch's negative_slope); derivative 0.01 at 0.

Maas, Hannun, Ng, "Rectifier nonlinearities improve neural network acoustic models", ICML 2013.
"""

from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.networks.activations.contract import Activation, zero

_SLOPE = 0.01


@inlined
def _apply(z, sums):
    slope, nought = z.dtype.type(_SLOPE), z.dtype.type(0)
    for i in range(z.size):
        z[i] = slope * z[i] if z[i] < nought else z[i]


@inlined
def _backpropagate(a, z, d):
    slope, nought = a.dtype.type(_SLOPE), a.dtype.type(0)
    for i in range(a.size):
        d[i] = d[i] if a[i] > nought else slope * d[i]


LEAKY_RELU = Activation("leaky-relu", "z, or 0.01 z where z < 0; derivative 0.01 at 0", _apply, _backpropagate, zero)
