"""Fast multiply-adds for tiles on x86 processors without FMA, which also report when a result is in doubt.

    quick = Quick(builder, kind)
    quick.begin()
    sums, doubt = quick.start(firsts)
    total, doubt = quick.step(quick.factor(x), quick.factor(y), total, doubt)  # for every sum, any number of times
    wrong = builder.or_(quick.troubled(), any lane of doubt)  # then everything is computed again with Exact
    quick.finish(total)

Rounding twice to nearest, first to more bits, gives the same as rounding once. The exception is a first result midway
between two neighbours of the second format: it is in doubt. The processor sets flags on overflow and underflow; they
are cleared before a tile and read after it.

float   A sum is kept in doubles, which hold every product exactly.
double  A product is split into two exact parts (Dekker 1971), which are added to z as in `fused`, except for the last
        sum. That one is computed twice: its smaller term is scaled up, then down, by more than its error. If the
        results differ, they are in doubt (Ziv, ACM Transactions on Mathematical Software 17 (1991)).
"""

from collections.abc import Sequence

from llvmlite import ir
from numba.core import cgutils

from gdbench.kernels.arithmetic.fused import DOUBLE, I64, every, halves, like, multiply_add, three_parts

I32 = ir.IntType(32)
_TROUBLE = 0b11001  # flags of the register MXCSR: invalid operation, overflow, underflow
_MORE, _LESS = 1 + 2.0**-52, 1 - 2.0**-52  # scale the last term by more than its error


class Exact:
    """The interface of `Quick` over `fused.multiply_add`, which is never in doubt."""

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
        """Clear the processor's flags of overflow, underflow and invalid operations."""
        self._flag("stmxcsr")
        self.builder.store(self.builder.and_(self.builder.load(self._flags), I32(~_TROUBLE)), self._flags)
        self._flag("ldmxcsr")

    def troubled(self) -> ir.Value:
        """Whether one of these flags was set since `begin`."""
        self._flag("stmxcsr")
        seen = self.builder.and_(self.builder.load(self._flags), I32(_TROUBLE))
        return self.builder.icmp_unsigned("!=", seen, I32(0))

    def start(self, firsts: Sequence[ir.Value]) -> tuple[Sequence[ir.Value], ir.Value]:
        """The initial sums and the doubt in them: in double, a split product loses the sign of 0, so -0 is in doubt."""
        doubt = self.doubts(None)
        if self.single:
            return [self._widened(first) for first in firsts], doubt
        for first in firsts:
            bits = self.builder.bitcast(first, self.doubts)
            negative = self.builder.icmp_signed("==", bits, every(self.doubts, -(2**63)))
            doubt = self.builder.or_(doubt, self.builder.sext(negative, self.doubts))
        return firsts, doubt

    def factor(self, x: ir.Value) -> tuple[ir.Value, ...]:
        """A factor (scalar, vector or sum) in the form that `step` takes."""
        return (self._widened(x),) if self.single else halves(self.builder, x)

    def step(
        self, x: Sequence[ir.Value], y: Sequence[ir.Value], total: ir.Value, doubt: ir.Value
    ) -> tuple[ir.Value, ir.Value]:
        """total + x y, and the doubt so far, this step's included."""
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
