"""A layer's three products on a stream: by our tiles, with the CPU's bits, or by NVIDIA's cuBLAS, with its own."""

import ctypes
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from gdbench.errors import UsageError
from gdbench.kernels.compile import cuda
from gdbench.kernels.compile.cuda import Gpu
from gdbench.kernels.gpu.costs import best_tile
from gdbench.kernels.gpu.large.products import BIAS, FORWARD, INPUTS, ONWARD, TILES, WEIGHTS, ZERO, Tile, product
from gdbench.kernels.gpu.quads import QUAD


class Matrix(NamedTuple):
    """A row-major matrix in a flat array on the device."""

    array: Any
    start: int
    apart: int  # numbers from one row to the next

    @property
    def wide(self) -> bool:
        """Whether every row begins at a multiple of 16 bytes, or 32 of float64."""
        return self.start % QUAD == 0 and self.apart % QUAD == 0


class Tiled:
    """Products in order of k. Rows of x and d must have room for whole quads."""

    biased = True  # forward products begin from the biases

    def __init__(self, gpu: Gpu, dtype: str, tiles: Sequence[Tile] = TILES) -> None:
        self.gpu, self.dtype, self.tiles = gpu, dtype, tiles
        self.number = np.dtype(dtype).type

    def forward(self, x: Matrix, w: Matrix, bias: int, out: Matrix, shape: tuple[int, int, int], stream: Any) -> None:
        """out = b + x W; shape: rows, inputs, outputs. bias: where b begins in the array of W."""
        self._launch(FORWARD, x, w, (BIAS, w.array, bias), out, shape, stream)

    def inputs(self, d: Matrix, w: Matrix, out: Matrix, shape: tuple[int, int, int], stream: Any) -> None:
        """out = d W^T; shape: rows, outputs, inputs."""
        self._launch(INPUTS, d, w, (ZERO, w.array, 0), out, shape, stream)

    def weights(self, x: Matrix, d: Matrix, more: bool, out: Matrix, shape: tuple[int, int, int], stream: Any) -> None:
        """out = x^T d, += if `more`; shape: inputs, rows, outputs."""
        self._launch(WEIGHTS, x, d, (ONWARD if more else ZERO, out.array, 0), out, shape, stream)

    def _launch(
        self,
        kind: tuple[bool, bool],
        a: Matrix,
        b: Matrix,
        begin: tuple[int, Any, int],
        out: Matrix,
        shape: tuple[int, int, int],
        stream: Any,
    ) -> None:
        rows, deep, columns = shape
        tile = best_tile(*shape, self.gpu, self.number().itemsize, self.tiles)
        product(kind, self.dtype, tile).launch(
            tile.number(rows, columns), 0, *a, *b, b.wide, *begin, *out, out.wide, rows, deep, columns, stream=stream
        )


class Cublas:
    """Products by cuBLAS, in the precision of the parameters and in an order of its own."""

    biased = False

    def __init__(self, dtype: str) -> None:
        self._blas, self._handle = _cublas()
        self._gemm = self._blas.cublasSgemm_v2 if dtype == "float32" else self._blas.cublasDgemm_v2
        self._number = ctypes.c_float if dtype == "float32" else ctypes.c_double

    def forward(self, x: Matrix, w: Matrix, bias: int, out: Matrix, shape: tuple[int, int, int], stream: Any) -> None:
        """out = x W, to which the biases are still to be added."""
        rows, inputs, outputs = shape
        self._multiply(stream, (0, 0), (outputs, rows, inputs), w, x, 0.0, out)

    def inputs(self, d: Matrix, w: Matrix, out: Matrix, shape: tuple[int, int, int], stream: Any) -> None:
        """out = d W^T."""
        rows, outputs, inputs = shape
        self._multiply(stream, (1, 0), (inputs, rows, outputs), w, d, 0.0, out)

    def weights(self, x: Matrix, d: Matrix, more: bool, out: Matrix, shape: tuple[int, int, int], stream: Any) -> None:
        """out = x^T d, += if `more`."""
        inputs, rows, outputs = shape
        self._multiply(stream, (0, 1), (outputs, inputs, rows), d, x, 1.0 if more else 0.0, out)

    def _multiply(
        self,
        stream: Any,
        turned: tuple[int, int],
        shape: tuple[int, int, int],
        a: Matrix,
        b: Matrix,
        beta: float,
        out: Matrix,
    ) -> None:
        """out = a b + beta out, of column-major matrices: cuBLAS sees the transposes of our row-major ones."""
        _succeed(self._blas.cublasSetStream_v2(self._handle, ctypes.c_void_p(int(stream.handle))))
        _give_room(self._blas, self._handle)  # a change of stream takes it away
        one, factor = self._number(1.0), self._number(beta)
        _succeed(
            self._gemm(
                self._handle,
                *turned,
                *shape,
                ctypes.byref(one),
                _address(a),
                a.apart,
                _address(b),
                b.apart,
                ctypes.byref(factor),
                _address(out),
                out.apart,
            )
        )


def _address(matrix: Matrix) -> Any:
    start = matrix.array.__cuda_array_interface__["data"][0]
    return ctypes.c_void_p(start + matrix.start * matrix.array.dtype.itemsize)


def _give_room(blas: Any, handle: Any) -> None:
    """Give cuBLAS a workspace of ours, so that it allocates nothing while a graph is recorded."""
    room = _address(Matrix(blas.room, 0, 1))
    _succeed(blas.cublasSetWorkspace_v2(handle, room, ctypes.c_size_t(_WORKSPACE)))


def _succeed(status: int) -> None:
    if status == _NO_ROOM:
        raise RuntimeError("cuBLAS is out of memory")
    if status != 0:
        raise RuntimeError(f"cuBLAS failed with status {status}")


@lru_cache(maxsize=1)
def _cublas() -> tuple[Any, Any]:
    """The library and a handle with its own workspace, since nothing may be allocated while a graph is recorded.

    CuPy cannot be used: it refuses every call of cuBLAS while a stream is captured. Raises UsageError if cuBLAS is not
    installed.
    """
    try:
        blas = cuda.library("cublas")
    except ImportError as error:
        raise UsageError(
            f'products = "cublas": {error}; `pip install nvidia-cublas` installs it, or choose products = "ordered"'
        ) from None
    handle = ctypes.c_void_p()
    _succeed(blas.cublasCreate_v2(ctypes.byref(handle)))
    blas.room = cuda.empty(_WORKSPACE, np.uint8)  # lives as long as the handle
    _give_room(blas, handle)
    return blas, handle


_WORKSPACE = 2**25  # bytes, as NVIDIA advises for Hopper
_NO_ROOM = 3  # CUBLAS_STATUS_ALLOC_FAILED
