"""sin and cos in float64: our own for the reason in arithmetic/elementary.py, and written by the same principles.

They are within 1 ULP for |x| <= 2^30, also beside the zeros (tests/kernels/test_elementary.py, against mpmath). For
larger x, whose angle has few bits left, and for infinities they are NaN.

Cody and Waite's reduction is x = n pi/2 + r, |r| <= pi/4, with pi/2 in three float64 parts. x - n A is exact with a
fused multiply-add; the rounding errors after it are carried in a second word. The polynomials and their minimax
coefficients are those of FreeBSD's k_sin.c and k_cos.c.
"""

import numpy as np

from gdbench.kernels.arithmetic.intrinsics import float64_bits, fma
from gdbench.kernels.compile.jit import inlined

_d = np.float64
_l = np.int64

_ROUND = _d(1.5 * 2**52)  # adding and subtracting it rounds to the nearest integer
_LIMIT = _d(2.0**30)
_TWO_OVER_PI = _d(0.6366197723675814)
_A, _B, _C = _d(1.5707963267948966), _d(6.123233995736766e-17), _d(-1.4973849048591698e-33)  # their sum is pi / 2
_SIN = (
    _d(-1.66666666666666324348e-01),
    _d(8.33333333332248946124e-03),
    _d(-1.98412698298579493134e-04),
    _d(2.75573137070700676789e-06),
    _d(-2.50507602534068634195e-08),
    _d(1.58969099521155010221e-10),
)
_COS = (
    _d(4.16666666666666019037e-02),
    _d(-1.38888888888741095749e-03),
    _d(2.48015872894767294178e-05),
    _d(-2.75573143513906633035e-07),
    _d(2.08757232129817482790e-09),
    _d(-1.13596475577881948265e-11),
)


@inlined
def _quarter(x):
    """n modulo 4, sin r and cos r for x = n pi/2 + r, |r| <= pi/4."""
    y = x if abs(x) <= _LIMIT else _d(np.nan)
    shifted = fma(y, _TWO_OVER_PI, _ROUND)
    n = shifted - _ROUND
    first = fma(-n, _A, y)  # exact: a multiple of y's last place or of 2^-52, and below 1
    b = n * _B
    r = first - b
    back = first - r
    rest = (first - (r + back)) + (back - b)  # the rounding error of r (Knuth's TwoSum)
    low = fma(-n, _C, rest - fma(n, _B, -b))
    z = r * r
    w = z * z
    v = z * r
    p = fma(z, fma(z, _SIN[3], _SIN[2]), _SIN[1]) + z * w * fma(z, _SIN[5], _SIN[4])
    sine = r - ((z * (_d(0.5) * low - v * p) - low) - v * _SIN[0])
    q = z * fma(z, fma(z, _COS[2], _COS[1]), _COS[0]) + w * w * fma(z, fma(z, _COS[5], _COS[4]), _COS[3])
    half = _d(0.5) * z
    top = _d(1) - half
    cosine = top + (((_d(1) - top) - half) + (z * q - r * low))
    return (float64_bits(shifted) - float64_bits(_ROUND)) & _l(3), sine, cosine


@inlined
def sin(x):
    """sin(x) of a float64 in radians."""
    n, sine, cosine = _quarter(x)
    result = cosine if n & _l(1) else sine  # the quadrant chooses the function and the sign
    return -result if n & _l(2) else result


@inlined
def cos(x):
    """cos(x) of a float64 in radians."""
    n, sine, cosine = _quarter(x)
    result = sine if n & _l(1) else cosine
    return -result if (n + _l(1)) & _l(2) else result
