"""tanh: the hyperbolic tangent a = tanh z, whose derivative is 1 - a^2."""

from gdbench.kernels.arithmetic.elementary import tanh
from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.networks.activations.contract import Activation


@inlined
def _apply(z, sums):
    for i in range(z.size):
        z[i] = tanh(z[i])


@inlined
def _backpropagate(a, z, d):
    one = a.dtype.type(1)
    for i in range(a.size):
        d[i] = d[i] * (one - a[i] * a[i])


@inlined
def _second_derivative(a, z, out):
    one, two = a.dtype.type(1), a.dtype.type(2)
    for i in range(a.size):
        out[i] = -two * a[i] * (one - a[i] * a[i])


TANH = Activation("tanh", "tanh z", _apply, _backpropagate, _second_derivative)
