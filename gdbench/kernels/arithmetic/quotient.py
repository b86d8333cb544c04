"""Division by a number that a whole loop shares, by multiplications.

    root = quotient(math.sqrt(v), c.root)  # math.sqrt(v) / c.root, the same bits

A processor divides vectors some ten times more slowly than it multiplies them. The reciprocal of d, in two parts, is
the same for the whole loop, so LLVM computes it once, before the loop. Its product with x misses the quotient by less
than a unit in the last place. A fused multiply-add finds the remainder exactly, and one correction by it rounds the
quotient correctly: Markstein, IBM Journal of Research and Development 34 (1990), theorem 7; Brisebarre, Muller and
Raina, IEEE Transactions on Computers 53 (2004). Without the FMA instruction a division is faster.
"""

from gdbench.kernels.arithmetic.intrinsics import fma
from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.compile.processor import fused

_FUSED = fused()


@inlined
def quotient(x, d):
    """x / d, correctly rounded, for d > 0 and x >= 0 or NaN, both float32 or both float64.

    The remainder must not underflow: x is 0 or at least 1e-30 in float32 and 1e-290 in float64, as all square roots
    are. Nor may x times the reciprocal of d overflow, unless x is infinite.
    """
    if not _FUSED:
        return x / d
    one = d / d  # 1 in the dtype of d
    high = one / d
    low = fma(-d, high, one) * high
    near = fma(x, high, x * low)
    result = fma(fma(-near, d, x), high, near)
    return result if x - x == d - d else x  # an infinite x has no remainder: inf - inf is NaN
