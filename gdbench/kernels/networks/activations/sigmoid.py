"""sigmoid: the logistic function a = 1 / (1 + exp(-z)), whose derivative is a (1 - a)."""

from gdbench.kernels.arithmetic.elementary import exp
from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.networks.activations.contract import Activation


@inlined
def _apply(z, sums):
    one = z.dtype.type(1)
    for i in range(z.size):
        z[i] = one / (one + exp(-z[i]))


@inlined
def _backpropagate(a, z, d):
    one = a.dtype.type(1)
    for i in range(a.size):
        d[i] = d[i] * (a[i] * (one - a[i]))


@inlined
def _second_derivative(a, z, out):
    one, two = a.dtype.type(1), a.dtype.type(2)
    for i in range(a.size):
        out[i] = a[i] * (one - a[i]) * (one - two * a[i])


SIGMOID = Activation("sigmoid", "1 / (1 + exp(-z))", _apply, _backpropagate, _second_derivative)
