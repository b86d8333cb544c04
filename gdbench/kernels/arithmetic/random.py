"""Counter-based random numbers: any number of any stream can be computed anywhere, in any order, on any device.

Philox4x32-10 of Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). The key is the
seed; the counter is (index, step, stream). Each block gives four 32-bit words.

    words = philox(seed, Stream.SHUFFLE, step, index)
    z = normal(seed, Stream.INITIAL, 0, index)
"""

import math
from enum import IntEnum

import numpy as np

from gdbench.kernels.arithmetic.elementary import log
from gdbench.kernels.compile.jit import inlined, kernel


class Stream(IntEnum):
    """What random numbers are used for; the streams of one seed are independent."""

    INITIAL = 0
    SHUFFLE = 1
    NOISE = 2
    DATA = 3
    SPLIT = 4
    GRID = 5
    TEACHER = 6
    EVALUATION = 7  # which training samples are evaluated


_u = np.uint64
_MASK = _u(0xFFFFFFFF)
_32 = _u(32)
_M0, _M1 = _u(0xD2511F53), _u(0xCD9E8D57)
_W0, _W1 = _u(0x9E3779B9), _u(0xBB67AE85)


@inlined
def philox(seed, stream, step, index):
    """Four words of 32 bits, as uint64, from four non-negative integers (seed, step and index up to 2^63 - 1)."""
    k0, k1 = _u(seed) & _MASK, _u(seed) >> _32
    # The stream takes the top byte of the index's upper word, which an index below 2^56 leaves free.
    c0, c1 = _u(index) & _MASK, (_u(index) >> _32) ^ (_u(stream) << _u(24))
    c2, c3 = _u(step) & _MASK, _u(step) >> _32
    for _ in range(10):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ k0, p1 & _MASK, (p0 >> _32) ^ c3 ^ k1, p0 & _MASK
        k0, k1 = (k0 + _W0) & _MASK, (k1 + _W1) & _MASK
    return c0, c1, c2, c3


@inlined
def uniform(seed, stream, step, index):
    """A float64 strictly between 0 and 1: one of 2^52 equally spaced values of equal probability."""
    # A block of four words makes two numbers: 26 bits of each of two words. The 0.5 excludes 0.
    a, b, c, d = philox(seed, stream, step, index >> 1)
    high, low = (c, d) if index & 1 else (a, b)
    bits = ((high >> _u(6)) << _u(26)) | (low >> _u(6))
    return (np.float64(bits) + 0.5) * 2.0**-52


_CENTRE_P = (
    2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
    1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.387132872796366608e0,
)  # fmt: skip
_CENTRE_Q = (
    5.226495278852854561e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
    5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0,
)  # fmt: skip
_TAIL_P = (
    7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e0,
    3.64784832476320460504e0, 5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0,
)  # fmt: skip
_TAIL_Q = (
    1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
    6.89767334985100004550e-1, 1.67638483018380384940e0, 2.05319162663775882187e0, 1.0,
)  # fmt: skip
_FAR_P = (
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
    2.96560571828504891230e-1, 1.78482653991729133580e0, 5.46378491116411436990e0, 6.65790464350110377720e0,
)  # fmt: skip
_FAR_Q = (
    2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
    1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0,
)  # fmt: skip


@inlined
def _ratio(p, q, x):
    """The polynomial p over the polynomial q, highest coefficient first."""
    above, below = p[0], q[0]
    for i in range(1, 8):
        above = above * x + p[i]
        below = below * x + q[i]
    return above / below


@inlined
def normal_quantile(u):
    """The u-quantile of the standard normal distribution, 0 < u < 1, to about 1e-15.

    Algorithm AS 241 (PPND16) of Wichura, Applied Statistics 37 (1988), 477-484.
    """
    q = u - 0.5
    if abs(q) <= 0.425:
        return q * _ratio(_CENTRE_P, _CENTRE_Q, 0.180625 - q * q)
    r = math.sqrt(-log(u if q < 0 else 1.0 - u))
    x = _ratio(_TAIL_P, _TAIL_Q, r - 1.6) if r <= 5.0 else _ratio(_FAR_P, _FAR_Q, r - 5.0)
    return -x if q < 0 else x


@inlined
def normal(seed, stream, step, index):
    """A standard normal float64."""
    return normal_quantile(uniform(seed, stream, step, index))


@kernel
def fill_uniform(seed, stream, step, out):
    """out[i] = the i-th uniform number of (seed, stream, step); out is a float64 vector."""
    for i in range(out.size):
        out[i] = uniform(seed, stream, step, i)


@kernel
def fill_normal(seed, stream, step, out):
    """out[i] = the i-th normal number of (seed, stream, step); out is a float64 vector."""
    for i in range(out.size):
        out[i] = normal(seed, stream, step, i)


@inlined
def permute(seed, stream, step, out):
    """Fill the integer vector `out` with the permutation of 0 ... n - 1 that belongs to (seed, stream, step).

    It is the Fisher-Yates shuffle. A word w picks j = floor(w (i + 1) / 2^32), whose bias is below n / 2^32.
    """
    for i in range(out.size):
        out[i] = i
    a = b = c = d = _u(0)
    for draw in range(out.size - 1):
        if draw & 3 == 0:
            a, b, c, d = philox(seed, stream, step, draw >> 2)
        i = out.size - 1 - draw
        j = np.int64((a * _u(i + 1)) >> _32)
        out[i], out[j] = out[j], out[i]
        a, b, c = b, c, d


@kernel
def fill_permutation(seed, stream, step, out):
    """`permute` for callers outside the kernels."""
    permute(seed, stream, step, out)


def uniforms(seed: int, stream: Stream, size: int, step: int = 0) -> np.ndarray:
    """The first `size` uniform numbers of (seed, stream, step)."""
    out = np.empty(size)
    fill_uniform(seed, int(stream), step, out)
    return out


def normals(seed: int, stream: Stream, size: int, step: int = 0) -> np.ndarray:
    """The first `size` standard normal numbers of (seed, stream, step)."""
    out = np.empty(size)
    fill_normal(seed, int(stream), step, out)
    return out


def permutation(seed: int, stream: Stream, size: int, step: int = 0) -> np.ndarray:
    """The permutation of 0 ... size - 1 that belongs to (seed, stream, step), as int64."""
    out = np.empty(size, np.int64)
    fill_permutation(seed, int(stream), step, out)
    return out
