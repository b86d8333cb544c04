"""Gradient clipping, in place: by norm (Pascanu, Mikolov, Bengio, ICML 2013), and by value."""

from gdbench.kernels.arithmetic.sums import norm
from gdbench.kernels.compile.jit import inlined


@inlined
def clip(gradient, limits):
    """Scale the gradient down to the norm limits.clip_norm, then bound elements by limits.clip_value; 0: no limit."""
    length = norm(gradient) if limits.clip_norm > 0 else gradient.dtype.type(0)
    clip_from(length, gradient, limits.clip_norm, limits.clip_value)


@inlined
def clip_from(length, gradient, limit, bound):
    """Clip some elements of a gradient whose norm is `length`: scale them to `limit`, then bound each; 0: no limit."""
    if limit > 0 and length > limit:
        factor = limit / length
        for i in range(gradient.size):
            gradient[i] *= factor
    if bound > 0:
        for i in range(gradient.size):  # comparisons, not min and max: a NaN stays NaN
            g = -bound if gradient[i] < -bound else gradient[i]
            gradient[i] = bound if g > bound else g
