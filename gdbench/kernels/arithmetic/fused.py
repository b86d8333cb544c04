"""x y + z with one rounding, in LLVM IR: one instruction if the processor has it, else several with the same bits.

    multiply_add(builder, x, y, z)  # all of one type: float, double or a vector of either

Without the instruction LLVM would call a library function for every number. Rounding to odd replaces it (Boldo and
Melquiond, IEEE Transactions on Computers 57 (2008)): an inexact result gets a last bit of 1. A second rounding, to at
least two bits fewer, is then correct.

float   The product of two floats is exact in double. Its sum with z is rounded to odd, then to float. There are no
        branches, so LLVM vectorises loops over it. Overflow and subnormal results need no special case.
double  The product is split into two doubles (Dekker, Numerische Mathematik 18 (1971)). These and z are added to two
        doubles, the smaller one rounded to odd. If a part could overflow or underflow, the C library is called.
"""

from collections.abc import Sequence

from llvmlite import ir
from numba.core import cgutils

from gdbench.kernels.compile.processor import fused

I64, DOUBLE = ir.IntType(64), ir.DoubleType()
_SPLITTER = 2.0**27 + 1  # Dekker's constant: it gives halves of 26 bits, whose products are exact
_LARGEST, _LEAST = 2.0**960, 2.0**-960  # bounds of x, y, z and x y within which every part is exact


def multiply_add(builder: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
    """x y + z of floats, doubles or vectors of them, in the fastest way on this processor."""
    if fused():
        name = f"llvm.fma.{_suffix(x.type)}"
        return builder.call(cgutils.get_or_insert_function(builder.module, _ternary(x.type), name), [x, y, z])
    return emulated(builder, x, y, z)


def emulated(builder: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
    """`multiply_add` without the instruction."""
    if like(x.type, DOUBLE) == x.type:
        return builder.call(_double_function(builder.module, x.type), [x, y, z])
    wide = like(x.type, DOUBLE)
    product = builder.fmul(builder.fpext(x, wide), builder.fpext(y, wide))
    return builder.fptrunc(_odd_sum(builder, product, builder.fpext(z, wide)), x.type)


def exact_sum(builder: ir.IRBuilder, x: ir.Value, y: ir.Value) -> tuple[ir.Value, ir.Value]:
    """x + y, and its rounding error: Knuth's TwoSum."""
    total = builder.fadd(x, y)
    added = builder.fsub(total, x)
    lost = builder.fadd(builder.fsub(x, builder.fsub(total, added)), builder.fsub(y, added))
    return total, lost


def _odd_sum(builder: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """x + y, rounded to odd."""
    total, lost = exact_sum(builder, x, y)
    integers = like(x.type, I64)
    bits, loss = builder.bitcast(total, integers), builder.bitcast(lost, integers)
    # The rounding error of an infinite sum is NaN, which is not above 0: the sum's bits stay.
    inexact = builder.zext(builder.fcmp_ordered(">", _size(builder, lost), every(x.type, 0.0)), integers)
    beyond = builder.lshr(builder.xor(bits, loss), every(integers, 63))  # 1 if the exact sum is nearer to 0
    cut = builder.sub(bits, builder.and_(beyond, inexact))
    return builder.bitcast(builder.or_(cut, inexact), x.type)


def _double_function(module: ir.Module, kind: ir.Type) -> ir.Function:
    """An LLVM function for doubles or vectors of them: too long to be inlined at every use."""
    name = f"gdbench.fma.{_suffix(kind)}"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, _ternary(kind), name)
    function.linkage = "linkonce_odr"
    builder = ir.IRBuilder(function.append_basic_block())
    result, exact = _double(builder, *function.args)
    with builder.if_then(builder.not_(_all(builder, exact)), likely=False):
        builder.ret(_by_library(builder, *function.args))
    builder.ret(result)
    return function


def _double(builder: ir.IRBuilder, x: ir.Value, y: ir.Value, z: ir.Value) -> tuple[ir.Value, ir.Value]:
    """x y + z in doubles, and whether each part was exact."""
    kind = x.type
    product, high, *low = three_parts(builder, halves(builder, x), halves(builder, y), z)
    total = builder.fadd(high, _odd_sum(builder, *low))
    # A total of 0 may have the wrong sign. Then x y = -z is exact, so that product + z is right.
    zero = every(kind, 0.0)
    total = builder.select(builder.fcmp_ordered("==", total, zero), builder.fadd(product, z), total)
    size = _size(builder, product)
    nothing = builder.or_(builder.fcmp_ordered("==", x, zero), builder.fcmp_ordered("==", y, zero))
    exact = builder.or_(builder.fcmp_ordered(">", size, every(kind, _LEAST)), nothing)
    for each in (size, *(_size(builder, value) for value in (x, y, z))):
        exact = builder.and_(exact, builder.fcmp_ordered("<", each, every(kind, _LARGEST)))
    return total, exact


def halves(builder: ir.IRBuilder, x: ir.Value) -> tuple[ir.Value, ...]:
    """x, and its two halves: doubles of 26 bits whose sum is x."""
    far = builder.fmul(x, every(x.type, _SPLITTER))
    high = builder.fsub(far, builder.fsub(far, x))
    return x, high, builder.fsub(x, high)


def three_parts(
    builder: ir.IRBuilder, x: Sequence[ir.Value], y: Sequence[ir.Value], z: ir.Value
) -> tuple[ir.Value, ...]:
    """x y, rounded, then three doubles whose sum is x y + z, the largest first; x and y as `halves` returns them."""
    product = builder.fmul(x[0], y[0])
    rest = builder.fsub(builder.fmul(x[1], y[1]), product)
    for i, j in ((1, 2), (2, 1), (2, 2)):
        rest = builder.fadd(rest, builder.fmul(x[i], y[j]))
    low, lost = exact_sum(builder, z, rest)
    high, carried = exact_sum(builder, product, low)
    return product, high, lost, carried


def _by_library(builder: ir.IRBuilder, *values: ir.Value) -> ir.Value:
    """The C library's fma, lane by lane. LLVM's own intrinsic would be evaluated whether or not it is needed."""
    library = cgutils.get_or_insert_function(builder.module, _ternary(DOUBLE), "fma")
    kind = values[0].type
    if kind == DOUBLE:
        return builder.call(library, values)
    result = kind(ir.Undefined)
    for i in map(ir.IntType(32), range(kind.count)):
        lane = builder.call(library, [builder.extract_element(value, i) for value in values])
        result = builder.insert_element(result, lane, i)
    return result


def _size(builder: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """|x| of doubles."""
    integers = like(x.type, I64)
    return builder.bitcast(builder.and_(builder.bitcast(x, integers), every(integers, 2**63 - 1)), x.type)


def _all(builder: ir.IRBuilder, condition: ir.Value) -> ir.Value:
    """Whether a condition holds in every lane."""
    if not isinstance(condition.type, ir.VectorType):
        return condition
    lanes = ir.IntType(condition.type.count)
    return builder.icmp_signed("==", builder.bitcast(condition, lanes), lanes(-1))


def like(kind: ir.Type, scalar: ir.Type) -> ir.Type:
    """The type `scalar`, or vectors of it with as many lanes as `kind`."""
    return ir.VectorType(scalar, kind.count) if isinstance(kind, ir.VectorType) else scalar


def every(kind: ir.Type, number: float) -> ir.Constant:
    """A constant of type `kind`: the number, in every lane of a vector."""
    return kind([kind.element(number)] * kind.count) if isinstance(kind, ir.VectorType) else kind(number)


def _ternary(kind: ir.Type) -> ir.FunctionType:
    return ir.FunctionType(kind, [kind] * 3)


def _suffix(kind: ir.Type) -> str:
    """How LLVM names a type, as "v4f32"."""
    return f"v{kind.count}{kind.element.intrinsic_name}" if isinstance(kind, ir.VectorType) else kind.intrinsic_name
