"""Gradient clipping, in place: by norm (Pascanu, Mikolov, Bengio, ICML 2013), and by value."""

from gdbench.kernels.jit import inlined
from gdbench.kernels.sums import norm


@inlined
def clip(gradient, limits):
    """Scale the gradient down to limits.clip_norm, then bound each element by limits.clip_value; 0 does nothing."""
    limit = limits.clip_norm
    if limit > 0:
        length = norm(gradient)
        if length > limit:
            factor = limit / length
            for i in range(gradient.size):
                gradient[i] *= factor
    bound = limits.clip_value
    if bound > 0:
        for i in range(gradient.size):
            g = -bound if gradient[i] < -bound else gradient[i]
            gradient[i] = bound if g > bound else g
