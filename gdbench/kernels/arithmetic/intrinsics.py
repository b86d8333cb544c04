"""Instructions that Python cannot express, each with a twin in plain Python.

The twins are used where Numba's compiler is disabled. They agree up to rounding, not to the bit: Python 3.11 has no
fused multiply-add.
"""

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from gdbench.kernels.arithmetic.fused import multiply_add
from gdbench.kernels.compile.jit import DISABLED
from gdbench.kernels.compile.numba_internals import CPUContext, populate_array


def _fma(context, x, y, z):
    """x * y + z, rounded once. All three float32 or all three float64."""
    if not (isinstance(x, types.Float) and x == y == z):
        return None

    def lower(context, builder, signature, arguments):
        if isinstance(context, CPUContext):
            return multiply_add(builder, *arguments)
        return builder.fma(*arguments)  # on GPUs

    return x(x, x, x), lower


def _bitcast(source, target, llvm):
    def typing(context, x):
        if x != source:
            return None

        def lower(context, builder, signature, arguments):
            return builder.bitcast(arguments[0], llvm)

        return target(source), lower

    return typing


def _matrix(context, buffer, start, rows, columns):
    """A row-major rows x columns view of a vector from `start` on, valid as long as the vector lives.

    A slice and a reshape would count references and check strides, which is half a step of a small network.
    """
    result = buffer.copy(ndim=2, layout="C")

    def lower(context, builder, signature, arguments):
        flat = context.make_array(buffer)(context, builder, arguments[0])
        start, rows, columns = (
            context.cast(builder, value, kind, types.intp)
            for value, kind in zip(arguments[1:], signature.args[1:], strict=True)
        )
        view, size = context.make_array(result)(context, builder), flat.itemsize
        populate_array(
            view,
            data=builder.gep(flat.data, [start]),
            shape=[rows, columns],
            strides=[builder.mul(columns, size), size],
            itemsize=size,
            meminfo=None,
        )
        return view._getvalue()

    return result(buffer, start, rows, columns), lower


def _vector(context, buffer, start, size):
    """A view of `size` elements of a row-major array from element `start` on, otherwise as `_matrix`."""
    result = buffer.copy(ndim=1, layout="C")

    def lower(context, builder, signature, arguments):
        flat = context.make_array(buffer)(context, builder, arguments[0])
        start, size = (
            context.cast(builder, value, kind, types.intp)
            for value, kind in zip(arguments[1:], signature.args[1:], strict=True)
        )
        view = context.make_array(result)(context, builder)
        populate_array(
            view,
            data=builder.gep(flat.data, [start]),
            shape=[size],
            strides=[flat.itemsize],
            itemsize=flat.itemsize,
            meminfo=None,
        )
        return view._getvalue()

    return result(buffer, start, size), lower


def _fixed_tuple(context, row, size):
    """The first `size` elements (a constant) of a contiguous vector as a tuple."""
    if not isinstance(size, types.IntegerLiteral):
        return None
    result = types.UniTuple(row.dtype, size.literal_value)

    def lower(context, builder, signature, arguments):
        data = context.make_array(row)(context, builder, arguments[0]).data
        places = [cgutils.gep_inbounds(builder, data, i) for i in range(size.literal_value)]
        return context.make_tuple(builder, result, [builder.load(place) for place in places])

    return result(row, size), lower


if DISABLED:

    def fma(x, y, z):
        """x * y + z by float64: products of float32 numbers are exact, those of float64 numbers are rounded."""
        return type(x)(np.float64(x) * np.float64(y) + np.float64(z))

    def float32_bits(x):
        """The bits of a float32 as an int32."""
        return np.float32(x).view(np.int32)

    def bits_float32(x):
        """The float32 with the bits of an int32."""
        return np.int32(x).view(np.float32)

    def float64_bits(x):
        """The bits of a float64 as an int64."""
        return np.float64(x).view(np.int64)

    def bits_float64(x):
        """The float64 with the bits of an int64."""
        return np.int64(x).view(np.float64)

    def matrix(buffer, start, rows, columns):
        """A row-major rows x columns view of a vector from `start` on."""
        return buffer[start : start + rows * columns].reshape(rows, columns)

    def vector(buffer, start, size):
        """A view of `size` elements of a row-major array from element `start` on."""
        return buffer.reshape(-1)[start : start + size]

    def fixed_tuple(row, size):
        """The first `size` elements of a vector as a tuple; `size` is a constant."""
        return tuple(row[:size])

else:
    fixed_tuple = intrinsic(prefer_literal=True)(_fixed_tuple)  # type: ignore[assignment]
    matrix = intrinsic(_matrix)  # type: ignore[assignment]
    vector = intrinsic(_vector)  # type: ignore[assignment]
    fma = intrinsic(_fma)  # type: ignore[assignment]
    float32_bits = intrinsic(_bitcast(types.float32, types.int32, ir.IntType(32)))
    bits_float32 = intrinsic(_bitcast(types.int32, types.float32, ir.FloatType()))
    float64_bits = intrinsic(_bitcast(types.float64, types.int64, ir.IntType(64)))
    bits_float64 = intrinsic(_bitcast(types.int64, types.float64, ir.DoubleType()))
