"""Vectors of numbers in LLVM IR, and their size on the processor that Numba compiles for."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numba.extending
from llvmlite import ir
from numba.core import cgutils, types

from gdbench.kernels.arithmetic.fused import multiply_add
from gdbench.kernels.compile.jit import DISABLED
from gdbench.kernels.compile.processor import fused, target

I32, I64 = ir.IntType(32), ir.IntType(64)


def shape(features: Collection[str], fused: bool) -> tuple[int, int]:
    """Bytes of a vector, and rows of the tallest tile: two vectors wide, with registers left for the factors.

    AVX-512 and ARM64 have 32 registers, other x86 processors 16. Without FMA, a sum of floats is kept in doubles and
    takes two registers.
    """
    if "avx512f" in features:
        return 64, 8
    if not fused:
        return (32, 2) if "avx2" in features else (16, 2)
    return (32, 6) if "avx" in features else (16, 8)


VECTOR_BYTES, TALLEST = shape(target()[1], fused())


def instruction(twin: Callable[..., Any], *, prefer_literal: bool = False) -> Any:
    """Make a Numba intrinsic of a typing function; with the compiler disabled, use its twin in plain Python instead."""
    return (lambda _: twin) if DISABLED else numba.extending.intrinsic(prefer_literal=prefer_literal)


class Vectors:
    """Emits loads, stores and multiply-adds of one vector type by a builder."""

    def __init__(self, context: Any, builder: ir.IRBuilder, number: types.Float) -> None:
        self.builder, self.scalar, self.size = builder, context.get_value_type(number), number.bitwidth // 8
        self.width = VECTOR_BYTES // self.size
        self.type = ir.VectorType(self.scalar, self.width)
        self.name = f"v{self.width}f{number.bitwidth}"

    def lanes_below(self, count: ir.Value) -> ir.Value:
        """A mask of the lanes 0, 1, ... that are less than `count`."""
        lanes = ir.VectorType(I32, self.width)
        every = self._everywhere(self.builder.trunc(count, I32), lanes)
        return self.builder.icmp_signed("<", lanes([I32(i) for i in range(self.width)]), every)

    def load(self, address: ir.Value, mask: ir.Value | None) -> ir.Value:
        pointer = self.builder.inttoptr(address, self.type.as_pointer())
        if mask is not None:
            arguments = [pointer, I32(self.size), mask, self.type(None)]
            return self._call(f"llvm.masked.load.{self.name}.p0{self.name}", self.type, arguments)
        loaded = self.builder.load(pointer)
        loaded.align = self.size
        return loaded

    def store(self, value: ir.Value, address: ir.Value, mask: ir.Value | None) -> None:
        pointer = self.builder.inttoptr(address, self.type.as_pointer())
        if mask is not None:
            arguments = [value, pointer, I32(self.size), mask]
            self._call(f"llvm.masked.store.{self.name}.p0{self.name}", ir.VoidType(), arguments)
        else:
            self.builder.store(value, pointer).align = self.size

    def prefetch(self, address: ir.Value) -> None:
        """Prefetch the cache line at an address into the second-level cache, without waiting for it."""
        place = ir.IntType(8).as_pointer()
        how = [I32(0), I32(2), I32(1)]  # for reading, second level, data
        arguments = [self.builder.inttoptr(address, place), *how]
        self._call("llvm.prefetch.p0i8", ir.VoidType(), arguments)

    def number(self, address: ir.Value) -> ir.Value:
        """The number at an address."""
        loaded = self.builder.load(self.builder.inttoptr(address, self.scalar.as_pointer()))
        loaded.align = self.size
        return loaded

    def broadcast(self, address: ir.Value) -> ir.Value:
        """The number at an address in every lane."""
        return self.everywhere(self.number(address))

    def everywhere(self, number: ir.Value) -> ir.Value:
        """A number in every lane."""
        return self._everywhere(number, ir.VectorType(number.type, self.width))

    def any(self, lanes: ir.Value) -> ir.Value:
        """Whether any lane of integers is not 0."""
        together = ir.IntType(lanes.type.count * lanes.type.element.width)
        return self.builder.icmp_unsigned("!=", self.builder.bitcast(lanes, together), together(0))

    def opaque(self, value: ir.Value) -> ir.Value:
        """The same number, hidden from LLVM, which then keeps it in a register instead of recomputing it."""
        return self.builder.asm(ir.FunctionType(I64, [I64]), "", "=r,0", [value], False)

    def keep_order(self) -> None:
        """Keep LLVM from moving loads past this point: all loads at once would need more registers than there are."""
        self.builder.asm(ir.FunctionType(ir.VoidType(), []), "", "~{memory}", [], True)

    def multiply_add(self, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
        return multiply_add(self.builder, x, y, z)

    def zipped(self, x: ir.Value, y: ir.Value, first: int) -> ir.Value:
        """x and y interleaved from lane `first` on: x[first], y[first], x[first + 1], ..."""
        lanes = [lane for i in range(self.width // 2) for lane in (first + i, self.width + first + i)]
        return self.builder.shuffle_vector(x, y, ir.VectorType(I32, self.width)([I32(lane) for lane in lanes]))

    def _everywhere(self, value: ir.Value, vector: ir.VectorType) -> ir.Value:
        undefined = vector(ir.Undefined)
        first = self.builder.insert_element(undefined, value, I32(0))
        return self.builder.shuffle_vector(first, undefined, ir.VectorType(I32, vector.count)(None))

    def _call(self, name: str, result: ir.Type, arguments: Sequence[ir.Value]) -> ir.Value:
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), arguments)
