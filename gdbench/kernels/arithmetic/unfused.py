"""The multiply-adds of a tile on an x86 processor without the instruction: quick ones that tell when to doubt them.

    quick = Quick(builder, kind)
    quick.begin()
    sums, doubt = quick.start(firsts)
    total, doubt = quick.step(quick.factor(x), quick.factor(y), total, doubt)  # for every sum, any number of times
    wrong = builder.or_(quick.troubled(), any lane of doubt)  # then all is done again with Exact
    quick.finish(total)

Two roundings to nearest, first to more bits, give what one gives, unless the first ends midway between two neighbours
of the second: that is the doubt. Whether anything overflowed or underflowed, the processor remembers by itself, in
flags that are cleared before and read after.

float   A sum is kept in doubles, which hold every product exactly.
double  A product is split into two exact parts (Dekker 1971), which are added to z as `fused` does, but for the last
        sum: it is computed twice, with what is added made larger and made smaller by more than its error. Where these
        differ, there is doubt (Ziv, ACM Transactions on Mathematical Software 17 (1991)).
"""

from collections.abc import Sequence

from llvmlite import ir
from numba.core import cgutils

from gdbench.kernels.arithmetic.fused import DOUBLE, I64, every, halves, like, multiply_add, three_parts

I32 = ir.IntType(32)
_TROUBLE = 0b11001  # of the processor's register MXCSR: invalid, overflow, underflow
_MORE, _LESS = 1 + 2.0**-52, 1 - 2.0**-52


class Exact:
    """The same by `fused.multiply_add`, which leaves no doubt."""

    def __init__(self, builder: ir.IRBuilder) -> None:
        self.builder = builder

    def start(self, firsts: Sequence[ir.Value]) -> tuple[Sequence[ir.Value], ir.Value]:
        return firsts, ir.IntType(1)(0)

    def factor(self, x: ir.Value) -> tuple[ir.Value, ...]:
        return (x,)

    def step(
        self, x: Sequence[ir.Value], y: Sequence[ir.Value], total: ir.Value, doubt: ir.Value
    ) -> tuple[ir.Value, ir.Value]:
        return multiply_add(self.builder, x[0], y[0], total), doubt

    def finish(self, total: ir.Value) -> ir.Value:
        return total


class Quick:
    """Sums of vectors of floats or doubles."""

    def __init__(self, builder: ir.IRBuilder, kind: ir.VectorType) -> None:
        self.builder, self.kind, self.wide = builder, kind, like(kind, DOUBLE)
        self.single = kind != self.wide
        self.doubts = like(kind, I32 if self.single else I64)  # 0 or -1 a lane
        self._flags = cgutils.alloca_once(builder, I32)

    def begin(self) -> None:
        """Forget what has overflowed or underflowed so far."""
        self._flag("stmxcsr")
        self.builder.store(self.builder.and_(self.builder.load(self._flags), I32(~_TROUBLE)), self._flags)
        self._flag("ldmxcsr")

    def troubled(self) -> ir.Value:
        """Whether anything has since."""
        self._flag("stmxcsr")
        seen = self.builder.and_(self.builder.load(self._flags), I32(_TROUBLE))
        return self.builder.icmp_unsigned("!=", seen, I32(0))

    def start(self, firsts: Sequence[ir.Value]) -> tuple[Sequence[ir.Value], ir.Value]:
        """Sums that begin with these, and the doubt in them: a product's parts do not tell +0 from -0."""
        doubt = self.doubts(None)
        if self.single:
            return [self._widened(first) for first in firsts], doubt
        for first in firsts:
            bits = self.builder.bitcast(first, self.doubts)
            negative = self.builder.icmp_signed("==", bits, every(self.doubts, -(2**63)))
            doubt = self.builder.or_(doubt, self.builder.sext(negative, self.doubts))
        return firsts, doubt

    def factor(self, x: ir.Value) -> tuple[ir.Value, ...]:
        """What `step` needs of a factor: a scalar, a vector or a sum."""
        return (self._widened(x),) if self.single else halves(self.builder, x)

    def step(
        self, x: Sequence[ir.Value], y: Sequence[ir.Value], total: ir.Value, doubt: ir.Value
    ) -> tuple[ir.Value, ir.Value]:
        """total + x y, and all doubt so far."""
        builder = self.builder
        if self.single:
            exact = builder.fadd(builder.fmul(x[0], y[0]), total)
            beyond = builder.trunc(builder.bitcast(exact, like(self.kind, I64)), self.doubts)
            beyond = builder.and_(beyond, every(self.doubts, 2**29 - 1))  # the bits that a float lacks
            midway = builder.icmp_signed("==", beyond, every(self.doubts, 2**28))
            result = self._widened(builder.fptrunc(exact, self.kind))
        else:
            _, high, *low = three_parts(builder, x, y, total)
            least = builder.fadd(*low)
            result, other = (builder.fadd(high, builder.fmul(least, every(self.kind, by))) for by in (_MORE, _LESS))
            midway = builder.fcmp_unordered("!=", result, other)
        return result, builder.or_(doubt, builder.sext(midway, self.doubts))

    def finish(self, total: ir.Value) -> ir.Value:
        return self.builder.fptrunc(total, self.kind) if self.single else total

    def _widened(self, x: ir.Value) -> ir.Value:
        wide = like(x.type, DOUBLE)
        return x if x.type == wide else self.builder.fpext(x, wide)

    def _flag(self, how: str) -> None:
        place = self.builder.bitcast(self._flags, ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [place.type])
        self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, f"llvm.x86.sse.{how}"), [place])
