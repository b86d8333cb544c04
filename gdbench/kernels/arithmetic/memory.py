"""Loads and stores by address, for packing the panels of a product (kernels/arithmetic/products.py)."""

import ctypes

import numpy as np
from llvmlite import ir
from numba.core import types

from gdbench.kernels.arithmetic.vectors import I64, VECTOR_BYTES, Vectors, instruction


def view(zero, address, shape, strides):
    """An array over the memory at an address, in plain Python; its dtype is that of `zero`, strides are in bytes."""
    last = sum((count - 1) * stride for count, stride in zip(shape, strides, strict=True))
    return np.ndarray(shape, type(zero), (ctypes.c_char * (last + zero.itemsize)).from_address(address), 0, strides)


class _Room(int):
    """An address whose memory lives as long as this number."""

    memory: np.ndarray

    def __new__(cls, size):
        memory = np.empty(size, np.uint8)
        room = super().__new__(cls, memory.ctypes.data)
        room.memory = memory
        return room


def _put_zeros(zero, destination, vectors):
    view(zero, destination, (vectors * VECTOR_BYTES // zero.itemsize,), (zero.itemsize,))[:] = zero


def _put_number(number, destination):
    view(number, destination, (1,), (number.itemsize,))[0] = number


def _copy_row(zero, source, destination):
    ctypes.memmove(destination, source, 2 * VECTOR_BYTES)


def _copy_number(zero, source, destination):
    ctypes.memmove(destination, source, zero.itemsize)


def _copy_turned(zero, source, source_row, destination, destination_row, count):
    size, width = zero.itemsize, VECTOR_BYTES // zero.itemsize
    turned = view(zero, destination, (count, width), (destination_row, size)).T
    turned[:] = view(zero, source, (width, count), (source_row, size))


@instruction(lambda array: array.ctypes.data)
def address(context, array):
    """The address of an array's first number."""

    def lower(context, builder, signature, arguments):
        return builder.ptrtoint(context.make_array(array)(context, builder, arguments[0]).data, I64)

    return types.intp(array), lower


@instruction(_Room, prefer_literal=True)
def room(context, size):
    """The address of `size` bytes (a constant) on the stack: they belong to the calling function until it returns."""

    def lower(context, builder, signature, arguments):
        with builder.goto_entry_block():
            space = builder.alloca(ir.IntType(8), size=I64(size.literal_value))
            space.align = VECTOR_BYTES
        return builder.ptrtoint(space, I64)

    return types.intp(size), lower


@instruction(_put_zeros, prefer_literal=True)
def put_zeros(context, zero, destination, vectors):
    """Write `vectors` (a constant) vectors of zeros to an address."""

    def lower(context, builder, signature, arguments):
        v = Vectors(context, builder, zero)
        for i in range(vectors.literal_value):
            v.store(v.type(None), builder.add(arguments[1], I64(i * VECTOR_BYTES)), None)
        return context.get_dummy_value()

    return types.void(zero, types.intp, vectors), lower


@instruction(_put_number)
def put_number(context, number, destination):
    """Write a number to an address."""

    def lower(context, builder, signature, arguments):
        builder.store(arguments[0], builder.inttoptr(arguments[1], arguments[0].type.as_pointer()))
        return context.get_dummy_value()

    return types.void(number, types.intp), lower


@instruction(_copy_row)
def copy_row(context, zero, source, destination):
    """Copy the two vectors of a panel's row from one address to another."""

    def lower(context, builder, signature, arguments):
        v = Vectors(context, builder, zero)
        for offset in (I64(0), I64(VECTOR_BYTES)):
            value = v.load(builder.add(arguments[1], offset), None)
            v.store(value, builder.add(arguments[2], offset), None)
        return context.get_dummy_value()

    return types.void(zero, types.intp, types.intp), lower


@instruction(_copy_turned)
def copy_turned(context, zero, source, source_row, destination, destination_row, count):
    """Copy as many rows as a vector has lanes, of `count` numbers each, transposed; strides in bytes.

    The destination must have room for a square: its rows from `count` on are overwritten too. A square of 2^b rows is
    transposed by b perfect shuffles of its rows.
    """

    def lower(context, builder, signature, arguments):
        v = Vectors(context, builder, zero)
        _, source, source_row, destination, destination_row, count = arguments

        def copy(mask: ir.Value | None) -> None:
            rows = [v.load(builder.add(source, builder.mul(source_row, I64(i))), mask) for i in range(v.width)]
            half = v.width // 2
            for _ in range(half.bit_length()):
                rows = [v.zipped(rows[i // 2], rows[i // 2 + half], i % 2 * half) for i in range(v.width)]
            for i, row in enumerate(rows):
                v.store(row, builder.add(destination, builder.mul(destination_row, I64(i))), None)

        with builder.if_else(builder.icmp_signed(">=", count, I64(v.width))) as (whole, part):
            with whole:
                copy(None)
            with part:
                copy(v.lanes_below(count))
        return context.get_dummy_value()

    return types.void(zero, *(types.intp,) * 5), lower


@instruction(lambda address: int(view(np.int64(0), address, (1,), (8,))[0]))
def integer(context, address):
    """The int64 at an address."""

    def lower(context, builder, signature, arguments):
        return builder.load(builder.inttoptr(arguments[0], I64.as_pointer()))

    return types.intp(types.intp), lower


@instruction(_copy_number)
def copy_number(context, zero, source, destination):
    """Copy one number."""

    def lower(context, builder, signature, arguments):
        places = [builder.inttoptr(place, context.get_value_type(zero).as_pointer()) for place in arguments[1:]]
        builder.store(builder.load(places[0]), places[1])
        return context.get_dummy_value()

    return types.void(zero, types.intp, types.intp), lower
