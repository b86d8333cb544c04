"""A monotonic clock for compiled code: it tells a trial's looks at its target from its steps."""

import sys
import time

from llvmlite import ir
from numba.core import cgutils, types

from gdbench.kernels.arithmetic.vectors import I32, I64, instruction

_MONOTONIC = getattr(time, "CLOCK_MONOTONIC", 0)  # its number on this system; Windows has none


@instruction(lambda: time.perf_counter_ns())
def now(context):
    """Nanoseconds since some moment, int64. On Windows the clock has ticks of about 100."""

    def lower(context, builder, signature, arguments):
        pair = cgutils.alloca_once(builder, ir.ArrayType(I64, 2))
        place = builder.bitcast(pair, I64.as_pointer())
        if sys.platform == "win32":  # kernel32 has no clock_gettime; both functions are always loaded
            read = ir.FunctionType(I32, [I64.as_pointer()])
            for name, at in (("QueryPerformanceCounter", 0), ("QueryPerformanceFrequency", 1)):
                builder.call(cgutils.get_or_insert_function(builder.module, read, name), [_number(builder, place, at)])
            ticks, a_second = (builder.load(_number(builder, place, at)) for at in (0, 1))
            whole, rest = builder.sdiv(ticks, a_second), builder.srem(ticks, a_second)
            part = builder.sdiv(builder.mul(rest, I64(10**9)), a_second)
        else:
            read = ir.FunctionType(I32, [I32, I64.as_pointer()])
            callee = cgutils.get_or_insert_function(builder.module, read, "clock_gettime")
            builder.call(callee, [I32(_MONOTONIC), place])
            whole, part = (builder.load(_number(builder, place, at)) for at in (0, 1))
        return builder.add(builder.mul(whole, I64(10**9)), part)

    return types.int64(), lower


def _number(builder: ir.IRBuilder, place: ir.Value, at: int) -> ir.Value:
    return builder.gep(place, [I64(at)])
