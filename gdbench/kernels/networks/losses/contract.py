"""The contract of a loss: four functions over a block of samples, for both devices, and a bound.

    MSE = Loss("mse", "(z - y)^2, mean over samples and outputs", values, gradient, hessian, scaled, within)

z are the outputs of a network (rows x outputs, float32 or float64). Sample i of the block is row order[first + i] of
`labels` (int64) and `targets` (samples x outputs).
"""

from collections.abc import Callable
from typing import NamedTuple

from gdbench.kernels.compile.jit import inlined


class Loss(NamedTuple):
    """A loss. Its functions have no defaults, so that none can be forgotten. No loss is below 0.

    values(z, labels, targets, order, first, scratch, out): write each sample's loss to out[first], out[first + 1], ...
        `scratch` is a matrix of z's shape.
    gradient(z, labels, targets, order, first, scale, d): d = scale times the derivative of each sample's loss by z.
    hessian(z, targets, order, first, scale, h): h = what `hvp` needs of the second derivatives, of z's shape.
    hvp(h, rz, scale, rd): rd = the change of `gradient`'s d when z changes by rz.
    within(loss, target): outputs between minus and plus this number have at most that loss (1000 or more), whatever the
        rounding, if no target exceeds `target` in size. So a step need not compute its loss to know that it is small.
    """

    name: str
    formula: str
    values: Callable[..., None]
    gradient: Callable[..., None]
    hessian: Callable[..., None]
    hvp: Callable[..., None]
    within: Callable[[float, float], float]
    classes: bool = False  # it is for classes; the others are for numbers, and take classes as one-hot rows
    by_label: bool = False  # it takes labels; the others take targets
    logit: bool = False  # two classes have one output, the logit of class 1


@inlined
def scaled(h, rz, scale, rd):
    """The `hvp` of a loss with a diagonal Hessian: h is that diagonal, scaled."""
    rows, outputs = rz.shape
    for i in range(rows):
        for j in range(outputs):
            rd[i, j] = h[i, j] * rz[i, j]
