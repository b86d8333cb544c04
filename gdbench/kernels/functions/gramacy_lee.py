"""Gramacy and Lee's wave on a rising curve: local minima in one dimension.

descent = gdbench.minimize("gramacy-lee", [0.9], "sgd", lr=1e-3, steps=200)
"""

import math

from gdbench.kernels.arithmetic.trigonometry import cos, sin
from gdbench.kernels.functions.contract import function

_WAVE = 10.0 * math.pi


@function(dimension=1, domain=(0.5, 2.5), start=(0.9,), minimisers=((0.5485634445,),))
def gramacy_lee(x):
    """f(x) = sin(10 pi x) / (2 x) + (x - 1)^4.

    Gramacy and Lee, "Cases for the nugget in modeling computer experiments", Statistics and Computing 22 (2012).
    """
    rise = (x[0] - 1.0) * (x[0] - 1.0)
    return sin(_WAVE * x[0]) / (2.0 * x[0]) + rise * rise


@gramacy_lee.gradient
def _(x, out):
    wave = _WAVE * x[0]
    rise = x[0] - 1.0
    out[0] = (wave * cos(wave) - sin(wave)) / (2.0 * x[0] * x[0]) + 4.0 * rise * rise * rise


@gramacy_lee.hessian
def _(x, out):
    wave = _WAVE * x[0]
    rise = x[0] - 1.0
    second = sin(wave) * (2.0 - wave * wave) - 2.0 * wave * cos(wave)
    out[0, 0] = second / (2.0 * x[0] * x[0] * x[0]) + 12.0 * rise * rise
