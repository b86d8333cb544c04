"""exp, log, tanh and integer powers of our own, because libm's last bits differ from machine to machine.

Every operation here is one IEEE operation or one explicit fused multiply-add, without branches, so that LLVM
vectorises the loops around it and no processor gives other bits. tests/test_elementary.py holds the bounds:
exp 1 ULP, log 1 ULP, tanh 2 ULP in float32 and float64 (subnormal results of exp: 1 ULP of the smallest normal's
spacing), against mpmath.

exp   Cody and Waite's reduction x = n ln 2 + r, |r| <= ln 2 / 2, and Taylor's series of exp(r).
log   x = 2^k (1 + f), then log(1 + f) = f - f^2/2 + s (f^2/2 + R(s^2)) with s = f / (2 + f): FreeBSD's e_log.c and
      e_logf.c, whose minimax coefficients R has.
tanh  Cephes' minimax approximation below 0.625, 1 - 2 / (exp(2x) + 1) above.
"""

import math

import numpy as np

from gdbench.kernels.intrinsics import bits_float32, bits_float64, float32_bits, float64_bits, fma
from gdbench.kernels.jit import by_dtype, inlined

_f = np.float32
_d = np.float64
_i = np.int32
_l = np.int64

# ---------------------------------------------------------------------------------------------------------- float32

_ROUND32 = _f(1.5 * 2**23)  # added and taken away again, rounds to the nearest integer
_LOG2E32 = _f(1 / math.log(2))
_LN2_HI32, _LN2_LO32 = _f(0.693359375), _f(-2.12194440e-4)  # the high part has 9 bits: its products are exact
_EXP32 = tuple(_f(1 / math.factorial(k)) for k in range(8))
_LOG32 = (_f(0.66666662693), _f(0.40000972152), _f(0.28498786688), _f(0.24279078841))
_LOG32_LN2_HI, _LOG32_LN2_LO = _f(6.9313812256e-01), _f(9.0580006145e-06)
_TANH32 = (
    _f(-5.70498872745e-3),
    _f(2.06390887954e-2),
    _f(-5.37397155531e-2),
    _f(1.33314422036e-1),
    _f(-3.33332819422e-1),
)


@inlined
def exp32(x):
    """exp(x)."""
    y = _f(-104) if x < _f(-104) else x  # a NaN fails both comparisons and passes through
    y = _f(89) if y > _f(89) else y
    shifted = fma(y, _LOG2E32, _ROUND32)
    n = shifted - _ROUND32
    r = fma(n, -_LN2_LO32, fma(n, -_LN2_HI32, y))
    p = _EXP32[7]
    p = fma(p, r, _EXP32[6])
    p = fma(p, r, _EXP32[5])
    p = fma(p, r, _EXP32[4])
    p = fma(p, r, _EXP32[3])
    p = fma(p, r, _EXP32[2])
    p = fma(p, r, _EXP32[1])
    p = fma(p, r, _EXP32[0])
    # 2^n in two factors, since n reaches beyond the exponents of normal numbers on either side.
    k = _i(float32_bits(shifted) - float32_bits(_ROUND32))
    half = _i(k >> _i(1))
    low = bits_float32(_i((half + _i(127)) << _i(23)))
    high = bits_float32(_i((k - half + _i(127)) << _i(23)))
    return p * low * high


@inlined
def log32(x):
    """log(x): NaN below 0, -inf at 0."""
    tiny = x < _f(1.1754944e-38)
    y = x * _f(33554432.0) if tiny else x  # 2^25 lifts subnormal numbers
    bits = _i(float32_bits(y) - _i(0x3F3504F3))  # the bits of sqrt(1/2): f then lies in [sqrt(1/2) - 1, sqrt 2 - 1)
    k = _f(_i(bits >> _i(23))) - (_f(25) if tiny else _f(0))
    f = bits_float32(_i((bits & _i(0x007FFFFF)) + _i(0x3F3504F3))) - _f(1)
    s = f / (_f(2) + f)
    z = s * s
    w = z * z
    r = fma(z, fma(w, _LOG32[2], _LOG32[0]), w * fma(w, _LOG32[3], _LOG32[1]))
    half = _f(0.5) * f * f
    result = k * _LOG32_LN2_HI - ((half - fma(s, half + r, k * _LOG32_LN2_LO)) - f)
    result = _f(-np.inf) if x == _f(0) else result
    result = _f(np.nan) if x < _f(0) else result
    return result if x < _f(np.inf) else x


@inlined
def tanh32(x):
    """tanh(x)."""
    size = abs(x)
    z = x * x
    p = _TANH32[0]
    p = fma(p, z, _TANH32[1])
    p = fma(p, z, _TANH32[2])
    p = fma(p, z, _TANH32[3])
    p = fma(p, z, _TANH32[4])
    small = fma(p * z, x, x)
    large = _f(1) - _f(2) / (exp32(size + size) + _f(1))
    large = -large if x < _f(0) else large
    return small if size < _f(0.625) else large


# ---------------------------------------------------------------------------------------------------------- float64

_ROUND64 = _d(1.5 * 2**52)
_LOG2E64 = _d(1 / math.log(2))
_LN2_HI64, _LN2_LO64 = _d(6.93147180369123816490e-01), _d(1.90821492927058770002e-10)
_EXP64 = tuple(_d(1 / math.factorial(k)) for k in range(14))
_LOG64 = (
    _d(6.666666666666735130e-01),
    _d(3.999999999940941908e-01),
    _d(2.857142874366239149e-01),
    _d(2.222219843214978396e-01),
    _d(1.818357216161805012e-01),
    _d(1.531383769920937332e-01),
    _d(1.479819860511658591e-01),
)
_TANH64_P = (_d(-9.64399179425052238628e-1), _d(-9.92877231001918586564e1), _d(-1.61468768441708447952e3))
_TANH64_Q = (_d(1.12811678491632931402e2), _d(2.23548839060100448583e3), _d(4.84406305325125486048e3))


@inlined
def exp64(x):
    """exp(x)."""
    y = _d(-746) if x < _d(-746) else x
    y = _d(710) if y > _d(710) else y
    shifted = fma(y, _LOG2E64, _ROUND64)
    n = shifted - _ROUND64
    r = fma(n, -_LN2_LO64, fma(n, -_LN2_HI64, y))
    p = _EXP64[13]
    p = fma(p, r, _EXP64[12])
    p = fma(p, r, _EXP64[11])
    p = fma(p, r, _EXP64[10])
    p = fma(p, r, _EXP64[9])
    p = fma(p, r, _EXP64[8])
    p = fma(p, r, _EXP64[7])
    p = fma(p, r, _EXP64[6])
    p = fma(p, r, _EXP64[5])
    p = fma(p, r, _EXP64[4])
    p = fma(p, r, _EXP64[3])
    p = fma(p, r, _EXP64[2])
    p = fma(p, r, _EXP64[1])
    p = fma(p, r, _EXP64[0])
    k = _l(float64_bits(shifted) - float64_bits(_ROUND64))
    half = k >> _l(1)
    low = bits_float64((half + _l(1023)) << _l(52))
    high = bits_float64((k - half + _l(1023)) << _l(52))
    return p * low * high


@inlined
def log64(x):
    """log(x): NaN below 0, -inf at 0."""
    tiny = x < _d(2.2250738585072014e-308)
    y = x * _d(2.0**54) if tiny else x
    bits = float64_bits(y) - _l(0x3FE6A09E667F3BCD)
    k = _d(bits >> _l(52)) - (_d(54) if tiny else _d(0))
    f = bits_float64((bits & _l(0x000FFFFFFFFFFFFF)) + _l(0x3FE6A09E667F3BCD)) - _d(1)
    s = f / (_d(2) + f)
    z = s * s
    w = z * z
    odd = fma(w, fma(w, fma(w, _LOG64[6], _LOG64[4]), _LOG64[2]), _LOG64[0])
    even = fma(w, fma(w, _LOG64[5], _LOG64[3]), _LOG64[1])
    r = fma(z, odd, w * even)
    half = _d(0.5) * f * f
    result = k * _LN2_HI64 - ((half - fma(s, half + r, k * _LN2_LO64)) - f)
    result = _d(-np.inf) if x == _d(0) else result
    result = _d(np.nan) if x < _d(0) else result
    return result if x < _d(np.inf) else x


@inlined
def tanh64(x):
    """tanh(x)."""
    size = abs(x)
    z = x * x
    p = fma(fma(_TANH64_P[0], z, _TANH64_P[1]), z, _TANH64_P[2])
    q = fma(fma(z + _TANH64_Q[0], z, _TANH64_Q[1]), z, _TANH64_Q[2])
    small = fma(x * z, p / q, x)
    large = _d(1) - _d(2) / (exp64(size + size) + _d(1))
    large = -large if x < _d(0) else large
    return small if size < _d(0.625) else large


exp = by_dtype(exp32, exp64)
log = by_dtype(log32, log64)
tanh = by_dtype(tanh32, tanh64)


@inlined
def power(x, n):
    """x to the integer power n >= 0 by repeated squaring, in float64; the relative error stays below n 2^-53."""
    result = 1.0
    while n > 0:
        if n & 1:
            result *= x
        x *= x
        n >>= 1
    return result
