"""What a loss is: four functions over a block of samples, on either device.

    MSE = Loss("mse", "(z - y)^2, mean over samples and outputs", values, gradient, hessian, scaled)

All of them take the outputs z of a network (rows x outputs, float32 or float64). Sample i of the block is row
order[first + i] of `labels` (int64) and `targets` (samples x outputs).
"""

from collections.abc import Callable
from typing import NamedTuple

from gdbench.kernels.compile.jit import inlined


class Loss(NamedTuple):
    """A loss; a field without a default cannot be forgotten, so none of the four is ever another loss's.

    values(z, labels, targets, order, first, scratch, out): each sample's loss into out[first], out[first + 1], ...
        `scratch` is a matrix of z's shape.
    gradient(z, labels, targets, order, first, scale, d): d = scale times the derivative of each sample's loss by z.
    hessian(z, targets, order, first, scale, h): h = what `hvp` needs of the second derivatives, in z's shape.
    hvp(h, rz, scale, rd): rd = the change of `gradient`'s d when z moves along rz.
    """

    name: str
    formula: str
    values: Callable[..., None]
    gradient: Callable[..., None]
    hessian: Callable[..., None]
    hvp: Callable[..., None]
    classes: bool = False  # it compares classes; the others take numbers, and classes as one-hot rows
    by_label: bool = False  # it takes labels; the others take targets
    logit: bool = False  # two classes have one output, the logit of class 1


@inlined
def scaled(h, rz, scale, rd):
    """The `hvp` of a loss whose outputs do not mix: its Hessian is diagonal, and h is that diagonal, scaled."""
    rows, outputs = rz.shape
    for i in range(rows):
        for j in range(outputs):
            rd[i, j] = h[i, j] * rz[i, j]
