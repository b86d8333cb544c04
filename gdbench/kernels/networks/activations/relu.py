"""relu: max(z, 0), with derivative 0 at 0 as in PyTorch."""

from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.networks.activations.contract import Activation, zero


@inlined
def _apply(z, sums):
    nought = z.dtype.type(0)
    for i in range(z.size):
        z[i] = nought if z[i] < nought else z[i]  # a NaN is not below zero, so it stays


@inlined
def _backpropagate(a, z, d):
    nought = a.dtype.type(0)
    for i in range(a.size):
        d[i] = d[i] if a[i] > nought else nought


RELU = Activation("relu", "max(z, 0), derivative 0 at 0", _apply, _backpropagate, zero)
