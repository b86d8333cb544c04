"""The contract of an activation: three functions over a vector, for both devices.

    TANH = Activation("tanh", "tanh z", apply, backpropagate, second_derivative)

Derivatives are functions of the result a, so that the sums z need not be kept. An activation whose derivative needs z
sets `keeps_sums`. A NaN passes through every activation, so that divergence is noticed.
"""

from collections.abc import Callable
from typing import NamedTuple

from gdbench.kernels.compile.jit import inlined


class Activation(NamedTuple):
    """An activation. Its three functions have no defaults, so that none can be forgotten.

    apply(z, sums): replace each element of the vector z (float32 or float64) by its activation.
    backpropagate(a, z, d): multiply each element of d by the derivative, where the result was a.
    second_derivative(a, z, out): write the second derivative, where the result was a, to out; 0 at a kink.
    """

    name: str
    formula: str
    apply: Callable[..., None]
    backpropagate: Callable[..., None]
    second_derivative: Callable[..., None]
    keeps_sums: bool = False  # `apply` writes z to `sums`, and the other two get it as z; else neither is used


@inlined
def zero(a, z, out):
    """The `second_derivative` of a piecewise linear activation."""
    out[:] = a.dtype.type(0)
