"""Our own exp, log, log1p, tanh, erf and integer powers, because libm's last bits differ from machine to machine.

Each operation is one IEEE operation or one explicit fused multiply-add, so every processor gives the same bits. There
are no branches, so LLVM vectorises the loops around these functions. tests/kernels/test_elementary.py holds the bounds:
exp 1 ULP, log 1 ULP, log1p 1 ULP, tanh 2 ULP, erf 2 ULP in float32 and float64 (subnormal results of exp: 1 ULP of the
smallest normal's spacing), against mpmath. sin and cos are in kernels/arithmetic/trigonometry.py.

exp   Cody and Waite's reduction x = n ln 2 + r, |r| <= ln 2 / 2, then the Taylor series of exp(r).
log   x = 2^k (1 + f), then log(1 + f) = f - f^2/2 + s (f^2/2 + R(s^2)) with s = f / (2 + f): FreeBSD's e_log.c and
      e_logf.c, whose minimax coefficients R has.
log1p as log with 1 + x for x, plus c / (1 + x), where c is the rounding error of 1 + x: FreeBSD's s_log1p.c.
tanh  Cephes' minimax approximation below 0.625, 1 - 2 / (exp(2x) + 1) above.
erf   x + x P(x^2) below 0.93, 1 - exp(-t - t Q(t)) for t = |x| above, where the effect of an error in Q shrinks with
      1 - erf. P and Q are minimax: Juffa's in float32 (stackoverflow.com/a/35148199), in float64 fitted by the Remez
      exchange in 60 digits, to relative errors of erf below 6e-18.
"""

import math

import numpy as np

from gdbench.kernels.arithmetic.intrinsics import bits_float32, bits_float64, float32_bits, float64_bits, fma
from gdbench.kernels.compile.jit import by_dtype, inlined

_f = np.float32
_d = np.float64
_i = np.int32
_l = np.int64

# ---------------------------------------------------------------------------------------------------------- float32

_ROUND32 = _f(1.5 * 2**23)  # adding and subtracting it rounds to the nearest integer
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
_ERF32_NEAR = (
    _f(-5.96761703e-4),
    _f(4.99119423e-3),
    _f(-2.67681349e-2),
    _f(1.12819925e-1),
    _f(-3.76125336e-1),
    _f(1.28379166e-1),
)
_ERF32_FAR = (
    _f(1.72853470e-5),
    _f(-3.83197126e-4),
    _f(3.88396438e-3),
    _f(-2.42546219e-2),
    _f(1.06777877e-1),
    _f(6.34846687e-1),
    _f(1.28717512e-1),
)


@inlined
def exp32(x):
    """exp(x)."""
    # exp rounds to 0 below -104 and to infinity above 89. A NaN fails both comparisons and passes through.
    y = _f(-104) if x < _f(-104) else x
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
    # 2^n in two factors, since n may lie beyond the exponents of normal numbers on either side.
    k = _i(float32_bits(shifted) - float32_bits(_ROUND32))
    half = _i(k >> _i(1))
    low = bits_float32(_i((half + _i(127)) << _i(23)))
    high = bits_float32(_i((k - half + _i(127)) << _i(23)))
    return p * low * high


@inlined
def log32(x):
    """log(x): NaN below 0, -inf at 0."""
    tiny = x < _f(1.1754944e-38)
    y = x * _f(33554432.0) if tiny else x  # 2^25 makes subnormal numbers normal
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
def log1p32(x):
    """log(1 + x): NaN below -1, -inf at -1."""
    u = _f(1) + x
    lost = (x - (u - _f(1)) if x < _f(1) else _f(1) - (u - x)) / u
    bits = _i(float32_bits(u) - _i(0x3F3504F3))
    near = (x > _f(-0.29289317)) & (x < _f(0.41421357))  # 1 + x needs no power of 2: f = x, and nothing is lost
    k = _f(0) if near else _f(_i(bits >> _i(23)))
    f = x if near else bits_float32(_i((bits & _i(0x007FFFFF)) + _i(0x3F3504F3))) - _f(1)
    c = _f(0) if near else lost
    s = f / (_f(2) + f)
    z = s * s
    w = z * z
    r = fma(z, fma(w, _LOG32[2], _LOG32[0]), w * fma(w, _LOG32[3], _LOG32[1]))
    half = _f(0.5) * f * f
    result = k * _LOG32_LN2_HI - ((half - fma(s, half + r, fma(k, _LOG32_LN2_LO, c))) - f)
    result = _f(-np.inf) if x == _f(-1) else result
    result = _f(np.nan) if x < _f(-1) else result
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


@inlined
def erf32(x):
    """erf(x)."""
    t = abs(x)
    z = x * x
    p = _ERF32_NEAR[0]
    p = fma(p, z, _ERF32_NEAR[1])
    p = fma(p, z, _ERF32_NEAR[2])
    p = fma(p, z, _ERF32_NEAR[3])
    p = fma(p, z, _ERF32_NEAR[4])
    p = fma(p, z, _ERF32_NEAR[5])
    near = fma(p, x, x)
    q = fma(fma(_ERF32_FAR[0], t, _ERF32_FAR[1]), z, fma(_ERF32_FAR[2], t, _ERF32_FAR[3]))
    q = fma(q, t, _ERF32_FAR[4])
    q = fma(q, t, _ERF32_FAR[5])
    q = fma(q, t, _ERF32_FAR[6])
    far = _f(1) - exp32(-fma(q, t, t))
    far = -far if x < _f(0) else far
    return near if t < _f(0.927734375) else far


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
_NEAR_ONE = 2.0**-14  # from this 1 - x on, 1 - power loses at most 2^-53 / 2^-14 = 2e-12
_TANH64_P = (_d(-9.64399179425052238628e-1), _d(-9.92877231001918586564e1), _d(-1.61468768441708447952e3))
_TANH64_Q = (_d(1.12811678491632931402e2), _d(2.23548839060100448583e3), _d(4.84406305325125486048e3))

_ERF64_NEAR = (
    _d(-8.2378702589916e-10),
    _d(1.3938048706932294e-08),
    _d(-1.6254872608945287e-07),
    _d(1.6452997641647508e-06),
    _d(-1.492515208551314e-05),
    _d(0.0001205531474171147),
    _d(-0.0008548326582854695),
    _d(0.005223977618685372),
    _d(-0.02686617064451932),
    _d(0.11283791670952262),
    _d(-0.376126389031837),
    _d(0.12837916709551256),
)
_ERF64_FAR = (
    _d(-1.6843116212725085e-12),
    _d(7.399153623032758e-11),
    _d(-1.5224230242165249e-09),
    _d(1.9485712101843742e-08),
    _d(-1.735739655793768e-07),
    _d(1.1382370307582358e-06),
    _d(-5.644730579172826e-06),
    _d(2.121830979539777e-05),
    _d(-5.8307979202591986e-05),
    _d(0.00010016809475070604),
    _d(-8.585403856923448e-06),
    _d(-0.0005649634605432222),
    _d(0.001683046943400075),
    _d(-0.00020489001302184212),
    _d(-0.019128875108947466),
    _d(0.10277230338641462),
    _d(0.6366199092724638),
    _d(0.12837914792391336),
)


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
def log1p64(x):
    """log(1 + x): NaN below -1, -inf at -1."""
    u = _d(1) + x
    lost = (x - (u - _d(1)) if x < _d(1) else _d(1) - (u - x)) / u
    bits = float64_bits(u) - _l(0x3FE6A09E667F3BCD)
    near = (x > _d(-0.29289321881345248)) & (x < _d(0.41421356237309505))
    k = _d(0) if near else _d(bits >> _l(52))
    f = x if near else bits_float64((bits & _l(0x000FFFFFFFFFFFFF)) + _l(0x3FE6A09E667F3BCD)) - _d(1)
    c = _d(0) if near else lost
    s = f / (_d(2) + f)
    z = s * s
    w = z * z
    odd = fma(w, fma(w, fma(w, _LOG64[6], _LOG64[4]), _LOG64[2]), _LOG64[0])
    even = fma(w, fma(w, _LOG64[5], _LOG64[3]), _LOG64[1])
    r = fma(z, odd, w * even)
    half = _d(0.5) * f * f
    result = k * _LN2_HI64 - ((half - fma(s, half + r, fma(k, _LN2_LO64, c))) - f)
    result = _d(-np.inf) if x == _d(-1) else result
    result = _d(np.nan) if x < _d(-1) else result
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


@inlined(always=True)
def erf64(x):
    """erf(x)."""
    size = abs(x)
    z = x * x
    p = _ERF64_NEAR[0]
    p = fma(p, z, _ERF64_NEAR[1])
    p = fma(p, z, _ERF64_NEAR[2])
    p = fma(p, z, _ERF64_NEAR[3])
    p = fma(p, z, _ERF64_NEAR[4])
    p = fma(p, z, _ERF64_NEAR[5])
    p = fma(p, z, _ERF64_NEAR[6])
    p = fma(p, z, _ERF64_NEAR[7])
    p = fma(p, z, _ERF64_NEAR[8])
    p = fma(p, z, _ERF64_NEAR[9])
    p = fma(p, z, _ERF64_NEAR[10])
    p = fma(p, z, _ERF64_NEAR[11])
    near = fma(p, x, x)
    t = _d(6) if size > _d(6) else size  # erf(6) rounds to 1
    q = _ERF64_FAR[0]
    q = fma(q, t, _ERF64_FAR[1])
    q = fma(q, t, _ERF64_FAR[2])
    q = fma(q, t, _ERF64_FAR[3])
    q = fma(q, t, _ERF64_FAR[4])
    q = fma(q, t, _ERF64_FAR[5])
    q = fma(q, t, _ERF64_FAR[6])
    q = fma(q, t, _ERF64_FAR[7])
    q = fma(q, t, _ERF64_FAR[8])
    q = fma(q, t, _ERF64_FAR[9])
    q = fma(q, t, _ERF64_FAR[10])
    q = fma(q, t, _ERF64_FAR[11])
    q = fma(q, t, _ERF64_FAR[12])
    q = fma(q, t, _ERF64_FAR[13])
    q = fma(q, t, _ERF64_FAR[14])
    q = fma(q, t, _ERF64_FAR[15])
    q = fma(q, t, _ERF64_FAR[16])
    q = fma(q, t, _ERF64_FAR[17])
    far = _d(1) - exp64(-fma(q, t, t))
    far = -far if x < _d(0) else far
    return near if size < _d(0.9375) else far


exp = by_dtype(exp32, exp64)
log = by_dtype(log32, log64)
log1p = by_dtype(log1p32, log1p64)
tanh = by_dtype(tanh32, tanh64)
erf = by_dtype(erf32, erf64)


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


@inlined
def one_minus_power(x, n):
    """1 - x^n for 0 <= x < 1 and an integer n >= 1, in float64; the relative error stays below 2e-12.

    Near x = 1 the power's error may exceed the difference. There the result is 1 - e^-y = 2 T / (1 + T), to a few ULP,
    with T = tanh(y / 2) and y = -n log x.
    """
    if 1.0 - x >= _NEAR_ONE:
        return 1.0 - power(x, n)
    half = tanh64(-0.5 * n * log1p64(x - 1.0))
    return 2.0 * half / (1.0 + half)
