"""Loads and stores of one number, or of four at a time, without Python's negative indices.

A GPU moves 16 bytes at the cost of 4. The index of four numbers is a multiple of four, in an array aligned to 16 bytes.
"""

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types

from gdbench.kernels.arithmetic.vectors import instruction
from gdbench.kernels.compile.numba_internals import populate_array

QUAD = 4


def _load_quad(buffer, index, out):
    out[:QUAD] = buffer[index : index + QUAD]


def _store_quad(values, buffer, index):
    buffer[index : index + QUAD] = values[:QUAD]


def _store(value, buffer, index):
    buffer[index] = value


def _place(context, builder, kind, array, index, width=1):
    """A pointer to element `index` of an array, or to `width` contiguous numbers from there on."""
    flat = context.make_array(kind)(context, builder, array)
    place = builder.gep(flat.data, [index])
    if width == 1:
        return place
    return builder.bitcast(place, ir.VectorType(place.type.pointee, width).as_pointer())


@instruction(lambda zero, count: np.zeros(count, type(zero)), prefer_literal=True)
def registers(context, zero, count):
    """A vector of `count` numbers (a constant) of zero's dtype, the calling thread's until its function returns.

    It lies in registers if every index is a constant once loops are unrolled.
    """
    result = types.Array(zero, 1, "C")

    def lower(context, builder, signature, arguments):
        number, size = context.get_value_type(zero), count.literal_value
        space = cgutils.alloca_once(builder, ir.ArrayType(number, size))
        space.align = 16
        view = context.make_array(result)(context, builder)
        itemsize = context.get_constant(types.intp, zero.bitwidth // 8)
        populate_array(
            view,
            data=builder.bitcast(space, number.as_pointer()),
            shape=[context.get_constant(types.intp, size)],
            strides=[itemsize],
            itemsize=itemsize,
            meminfo=None,
        )
        return view._getvalue()

    return result(zero, count), lower


@instruction(lambda x, y: x // y)
def ratio(context, x, y):
    """x // y for 0 <= x < 2^32 and 0 < y < 2^32: a GPU needs some hundred instructions to divide 64-bit numbers."""

    def lower(context, builder, signature, arguments):
        narrow = [builder.trunc(argument, ir.IntType(32)) for argument in arguments]
        return builder.zext(builder.udiv(*narrow), ir.IntType(64))

    return types.int64(types.int64, types.int64), lower


@instruction(lambda buffer, index: buffer[index])
def load(context, buffer, index):
    """buffer[index]"""

    def lower(context, builder, signature, arguments):
        index = context.cast(builder, arguments[1], signature.args[1], types.intp)
        return builder.load(_place(context, builder, buffer, arguments[0], index))

    return buffer.dtype(buffer, index), lower


@instruction(_store)
def store(context, value, buffer, index):
    """buffer[index] = value"""

    def lower(context, builder, signature, arguments):
        index = context.cast(builder, arguments[2], signature.args[2], types.intp)
        number = context.cast(builder, arguments[0], signature.args[0], buffer.dtype)
        builder.store(number, _place(context, builder, buffer, arguments[1], index))
        return context.get_dummy_value()

    return types.void(value, buffer, index), lower


@instruction(_load_quad)
def load_quad(context, buffer, index, out):
    """out[:4] = buffer[index : index + 4]"""

    def lower(context, builder, signature, arguments):
        index = context.cast(builder, arguments[1], signature.args[1], types.intp)
        values = builder.load(_place(context, builder, buffer, arguments[0], index, QUAD))
        values.align = 16
        target = context.make_array(out)(context, builder, arguments[2]).data
        for i in range(QUAD):
            one = builder.extract_element(values, ir.IntType(32)(i))
            builder.store(one, builder.gep(target, [ir.IntType(64)(i)]))
        return context.get_dummy_value()

    return types.void(buffer, index, out), lower


@instruction(_store_quad)
def store_quad(context, values, buffer, index):
    """buffer[index : index + 4] = values[:4]"""

    def lower(context, builder, signature, arguments):
        index = context.cast(builder, arguments[2], signature.args[2], types.intp)
        source = context.make_array(values)(context, builder, arguments[0]).data
        place = _place(context, builder, buffer, arguments[1], index, QUAD)
        quad = place.type.pointee(ir.Undefined)
        for i in range(QUAD):
            one = builder.load(builder.gep(source, [ir.IntType(64)(i)]))
            quad = builder.insert_element(quad, one, ir.IntType(32)(i))
        builder.store(quad, place).align = 16
        return context.get_dummy_value()

    return types.void(values, buffer, index), lower
