"""What an activation is: three functions over a vector, on either device.

    TANH = Activation("tanh", "tanh z", apply, backpropagate, second_derivative)

Derivatives are written in terms of the result a, so that the sums z need not be kept; an activation whose derivative
needs z says so by `keeps_sums`. A NaN passes through every activation, so that divergence is seen.
"""

from collections.abc import Callable
from typing import NamedTuple

from gdbench.kernels.compile.jit import inlined


class Activation(NamedTuple):
    """An activation; a field without a default cannot be forgotten, so none of the three is ever another one's.

    apply(z, sums): replace each element of the vector z (float32 or float64) by its activation.
    backpropagate(a, z, d): multiply each element of d by the derivative, where the result was a.
    second_derivative(a, z, out): the second derivative into out, where the result was a; 0 at a kink.
    """

    name: str
    formula: str
    apply: Callable[..., None]
    backpropagate: Callable[..., None]
    second_derivative: Callable[..., None]
    keeps_sums: bool = False  # `apply` writes z into `sums`, and the other two get it as z; else both are left alone


@inlined
def zero(a, z, out):
    """The `second_derivative` of an activation of straight pieces."""
    out[:] = a.dtype.type(0)
