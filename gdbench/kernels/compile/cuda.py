"""Compile functions for NVIDIA GPUs, keep the machine code on disk, and launch it.

Only this module imports `numba.cuda`; names that are not public come from numba_internals.py. Everything else that runs
on a GPU is in kernels/gpu/.

    double = Kernel(function, (types.float32[::1],), threads=128)
    double.image((9, 0))                          # compiled for that compute capability; no GPU is needed
    double.launch(blocks, shared_bytes, array)    # on the present GPU

numba-cuda compiles with NVVM, without link-time optimisation: that would contract products and sums into fused
multiply-adds, whatever the flags say (they are in kernels/compile/jit.py).

Under `NUMBA_ENABLE_CUDASIM=1` with `NUMBA_DISABLE_JIT=1`, launches run in numba-cuda's simulator, in plain Python. This
is for tests of the logic with a few threads.
"""

import ctypes
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numba.core import types

from gdbench.errors import GdbenchError
from gdbench.kernels.compile.cache import cache_folder, keep, read
from gdbench.kernels.compile.driver import SIMULATED, driver_found, numba_cuda_found
from gdbench.kernels.compile.jit import CUDA_FLAGS, inlined
from gdbench.kernels.compile.numba_internals import compile_for, nvvm_version, of_numba_cuda, simulated_thread

WHEELS = (
    '"numba-cuda>=0.30.4,<0.31" "cuda-toolkit[nvvm,nvrtc,cudart,cccl]==13.0.*" "nvidia-ml-py>=12.535" '
    '"nvidia-nvjitlink==13.0.*" "pyelftools>=0.29"'
)
INSTALL = f"pip install {WHEELS}"
OLDEST = (7, 5)  # the lowest compute capability that CUDA 13 compiles for


def _sentence(error: Exception) -> str:
    """The first line of an error's message, or its type if there is none."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".:") if lines else type(error).__name__


def _load() -> tuple[Any, str]:
    """numba-cuda's module numba.cuda and ""; if it cannot be loaded, an empty namespace and why."""
    if not numba_cuda_found():
        if find_spec("numba_cuda"):
            return SimpleNamespace(), "numba-cuda is not installed in this Python's own site-packages"
        return SimpleNamespace(), "numba-cuda is not installed"
    try:
        return import_module("numba.cuda"), ""
    except Exception as error:  # it imports other packages, which may fail in any way
        return SimpleNamespace(), f"numba-cuda cannot be loaded ({_sentence(error)[:120]})"


cuda, ABSENT = _load()

# Alignment in bytes of shared memory that is read 16 bytes at a time; the simulator has no alignment.
ALIGNED = None if SIMULATED else 16


def missing_compiler() -> str | None:
    """Why nothing can be compiled for a GPU, with the remedy; None if it can."""
    if ABSENT:
        return f"{ABSENT}; `{INSTALL}` installs it with CUDA's compiler"
    if SIMULATED:
        return "nothing is compiled in the simulator; unset NUMBA_ENABLE_CUDASIM"
    try:
        from cuda.bindings import nvjitlink, nvrtc

        theirs = of_numba_cuda()
        theirs.NVVM()
        theirs.LibDevice()
        nvjitlink.version()
        nvrtc.nvrtcVersion()
    except GdbenchError as error:  # another version of numba-cuda; the message has the remedy
        return str(error)
    except Exception as error:  # a missing library may raise anything
        return f"CUDA's compiler cannot be loaded ({_sentence(error)[:120]}); `{INSTALL}` installs it"
    return None


def compiler_version() -> str:
    """The version of libNVVM, which compiles the kernels."""
    return ".".join(map(str, nvvm_version()))


def missing() -> str | None:
    """Why no kernel can run on a GPU here, with the remedy; None if one can."""
    if SIMULATED:
        return None
    if not driver_found():
        return "no NVIDIA driver was found; a GPU needs one of version 580 or later"
    problem = missing_compiler()
    if problem:
        return problem
    try:
        if not cuda.is_available():
            return "the NVIDIA driver finds no GPU"
        capability = tuple(cuda.get_current_device().compute_capability)
    except Exception as error:
        return f"the GPU cannot be used ({_sentence(error)})"
    if capability < OLDEST:
        return f"the GPU has compute capability {_dotted(capability)}; {_dotted(OLDEST)} is the least"
    return None


def _dotted(capability: Sequence[int]) -> str:
    return f"{capability[0]}.{capability[1]}"


# ------------------------------------------------------------------------------------------- what a GPU's threads call

if SIMULATED:

    def _simulated() -> Any:
        return simulated_thread()()

    def lane():
        """The number of this thread in its block, from 0."""
        return int(_simulated().threadIdx.x)

    def block():
        """The number of this block in the grid, from 0."""
        return int(_simulated().blockIdx.x)

    def blocks():
        """How many blocks the grid has."""
        return int(_simulated().gridDim.x)

    def barrier():
        """Wait until all threads of the block are here; after it, each sees what the others wrote before it."""
        _simulated().syncthreads()

else:

    @inlined(always=True)
    def lane():
        """The number of this thread in its block, from 0."""
        return np.int64(cuda.threadIdx.x)

    @inlined(always=True)
    def block():
        """The number of this block in the grid, from 0."""
        return np.int64(cuda.blockIdx.x)

    @inlined(always=True)
    def blocks():
        """How many blocks the grid has."""
        return np.int64(cuda.gridDim.x)

    @inlined(always=True)
    def barrier():
        """Wait until all threads of the block are here; after it, each sees what the others wrote before it."""
        cuda.syncthreads()


# ---------------------------------------------------------------------------------------------------- compiled kernels


@dataclass(frozen=True)
class Image:
    """A kernel compiled for one compute capability."""

    entry: str  # the name of its function
    cubin: bytes
    ptx: str = ""  # empty if it came from the cache


class Tape(list[str]):
    """Stands for a stream and records the names of launched kernels instead of launching them; needs no GPU."""


class Kernel:
    """A function that a grid of thread blocks runs, compiled with our flags and kept on disk.

    signature: Numba's types of its arguments. threads: per block, fixed when it is compiled. blocks: how many should
    fit on a multiprocessor at once, which bounds the registers. variant, source: as for `jit.kernel`.
    """

    def __init__(
        self,
        function: Callable[..., None],
        signature: Sequence[Any],
        *,
        threads: int,
        blocks: int = 1,
        variant: str = "",
        source: str | None = "",
    ) -> None:
        self.function, self.signature, self.threads, self.blocks = function, tuple(signature), threads, blocks
        self.variant, self.source = variant, source
        self._loaded: dict[int, Any] = {}
        self._room = 0

    @property
    def name(self) -> str:
        """The kernel's name in the cache and in tables."""
        place = self.function.__module__.removeprefix("gdbench.kernels.gpu.").replace(".", "_")  # such as large_kernels
        short = f"{place}.{self.function.__name__}"
        return f"{short}-{self.variant}" if self.variant else short

    def kept_at(self, capability: tuple[int, int], ending: str) -> Path | None:
        """The path of this kernel in the cache, for a compute capability; None if it is not kept."""
        if self.source is None:
            return None
        words = f"{self.signature}|{self.threads}|{self.blocks}|{capability}"
        folder = cache_folder(f"{self.source}|{_versions()}")
        return folder / f"{self.name}-sm_{_arch(capability)}-{sha256(words.encode()).hexdigest()[:12]}.{ending}"

    def image(self, capability: tuple[int, int], *, fresh: bool = False) -> Image:
        """The kernel for a compute capability, from the cache if it is there.

        fresh: compile it in any case; then the image has its PTX too.
        """
        path = self.kept_at(capability, "cubin")
        content = read(path) if path is not None and not fresh else None
        if content is not None:
            entry, _, cubin = content.partition(b"\n")
            return Image(entry.decode(), cubin)
        bounds = self.threads, self.blocks
        made = Image(*compile_for(capability, self.function, self.signature, CUDA_FLAGS, bounds))
        if path is not None:
            keep(path, made.entry.encode() + b"\n" + made.cubin)
        return made

    def launch(self, blocks: int, shared: int, *arguments: Any, stream: Any = None) -> None:
        """Launch so many blocks, and return at once.

        shared: bytes of shared memory per block, besides what the kernel declares. arguments: arrays on the device
        (`to_device`), numbers, and named tuples of them. stream: a stream of `new_stream` or a `Tape`.
        """
        if isinstance(stream, Tape):
            stream.append(self.name)
            return
        if SIMULATED:
            cuda.jit(self.function)[blocks, self.threads, 0, shared](*arguments)
            return
        from cuda.core import LaunchConfig, launch

        loaded = self._load()
        if shared > self._room:
            _allow_shared(loaded, shared)
            self._room = shared
        flat: list[Any] = []
        for kind, value in zip(self.signature, arguments, strict=True):
            _flatten(kind, value, flat)
        config = LaunchConfig(grid=(int(blocks), 1, 1), block=(self.threads, 1, 1), shmem_size=int(shared))
        launch(of_numba_cuda().to_core_stream(stream or 0), config, loaded.kernel, *flat)

    def _load(self) -> Any:
        context = cuda.current_context()
        number = context.device.id
        if number not in self._loaded:
            image = self.image(tuple(context.device.compute_capability))
            from cuda.core import ObjectCode

            module = context.create_module_image(ObjectCode.from_cubin(image.cubin), [], [])
            self._loaded[number] = module.get_function(image.entry)
        return self._loaded[number]


def _flatten(kind: Any, value: Any, flat: list[Any]) -> None:
    """Append the driver's arguments for one of the kernel's, in the layout that numba-cuda's kernels expect."""
    if isinstance(kind, types.NamedTuple):
        for part, given in zip(list(kind.types), value, strict=True):
            _flatten(part, given, flat)
    elif isinstance(kind, types.Array):
        pointer = value.__cuda_array_interface__["data"][0] or 0
        strides = value.strides or ()
        flat += [0, 0, int(value.size), int(value.dtype.itemsize), int(pointer), *map(int, value.shape)]
        flat += list(map(int, strides))
    elif isinstance(kind, types.Boolean):
        flat.append(ctypes.c_bool(bool(value)))
    else:
        flat.append(getattr(ctypes, _CTYPES[str(kind)])(value))


_CTYPES = {"int32": "c_int32", "int64": "c_int64", "float32": "c_float", "float64": "c_double"}


def _allow_shared(loaded: Any, size: int) -> None:
    """Allow a kernel so many bytes of shared memory; above 48 KB the driver asks for this call.

    Raises RuntimeError if the driver refuses.
    """
    from cuda.bindings import driver

    attribute = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
    (status,) = driver.cuKernelSetAttribute(attribute, size, loaded.handle, loaded.device.id)
    if status != driver.CUresult.CUDA_SUCCESS:
        raise RuntimeError(f"the driver refuses {size} bytes of shared memory ({status.name})")


@lru_cache(maxsize=1)
def _versions() -> str:
    """The versions of the compiler, which become part of a cache folder's hash."""
    return f"numba-cuda {version('numba-cuda')} NVVM {nvvm_version()}"


def _arch(capability: tuple[int, int]) -> str:
    return f"{capability[0]}{capability[1]}{'a' if capability >= (9, 0) else ''}"


# -------------------------------------------------------------------------------------------------- memory and devices


@dataclass(frozen=True)
class Gpu:
    """The facts about a GPU that a plan of work on it needs."""

    name: str
    capability: tuple[int, int]
    multiprocessors: int
    shared: int  # bytes of shared memory per block at most
    shared_together: int  # bytes of shared memory per multiprocessor
    memory: int  # bytes of memory in all
    clock: float = 1.5e9  # cycles per second of a multiprocessor at most
    cache: int = 0  # bytes of the L2
    bus: str = ""  # its address on the PCI bus, by which other programs find it


@lru_cache(maxsize=1)
def gpu() -> Gpu:
    """The present GPU; in the simulator, a small one, since its threads are slow."""
    if SIMULATED:
        return Gpu("simulator", (9, 0), 1, 232_448, 233_472, 2**30, cache=2**10)
    device = cuda.get_current_device()
    name = device.name.decode() if isinstance(device.name, bytes) else str(device.name)
    return Gpu(
        name,
        tuple(device.compute_capability),
        int(device.MULTIPROCESSOR_COUNT),
        int(device.MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
        int(device.MAX_SHARED_MEMORY_PER_MULTIPROCESSOR),
        int(cuda.current_context().get_memory_info().total),
        1000.0 * int(device.CLOCK_RATE),
        int(device.L2_CACHE_SIZE),
        f"{device.PCI_DOMAIN_ID:08x}:{device.PCI_BUS_ID:02x}:{device.PCI_DEVICE_ID:02x}.0",
    )


def to_device(array: np.ndarray) -> Any:
    """A copy of an array on the device."""
    return cuda.to_device(np.ascontiguousarray(array))


def empty(shape: int | tuple[int, ...], dtype: Any) -> Any:
    """A row-major array on the device with undefined content."""
    return cuda.device_array(shape, dtype)


def synchronize() -> None:
    """Wait until the device has finished all launches; raises the errors of these launches."""
    cuda.synchronize()


class Event:
    """A point in a sequence of launches; in the simulator, whose launches do not return before they end, a time."""

    def __init__(self) -> None:
        self.at = 0.0
        self.made: Any = None if SIMULATED else cuda.event(timing=True)

    def record(self) -> None:
        """Put the event after all launches so far."""
        if SIMULATED:
            self.at = time.perf_counter()
        else:
            self.made.record()

    def wait(self) -> None:
        """Return when the device has reached the event."""
        if not SIMULATED:
            self.made.synchronize()


def elapsed(begin: Event, end: Event) -> float:
    """The seconds between two events that the device has reached, by its own clock, to half a microsecond."""
    return end.at - begin.at if SIMULATED else float(begin.made.elapsed_time(end.made)) / 1e3


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device's memory was full."""
    return "OUT_OF_MEMORY" in str(error).upper().replace(" ", "_")


# ------------------------------------------------------------------------------------------------- launches in a graph


def new_stream() -> Any:
    """A stream: the device runs its launches in order, and copies wait for them. None in the simulator."""
    return None if SIMULATED else cuda.stream()


class Replay:
    """Launches that are repeated many times, each time with the same arguments.

    launch: makes them on the stream that it gets. The first call only launches: the driver loads code at its first
    launch, and must not be recording then. The second call records a CUDA graph. From then on a call is one launch of
    the graph, with a few microseconds per kernel in it; a launch from Python takes tens of microseconds.
    """

    def __init__(self, launch: Callable[[Any], None], stream: Any) -> None:
        self._launch, self._stream = launch, stream
        self._calls = 0
        self._graph: Any = None
        self._run: Any = None

    def __call__(self) -> None:
        """Make the launches."""
        self._calls += 1
        if SIMULATED or self._calls == 1:
            self._launch(self._stream)
            return
        from cuda.bindings import driver

        handle = int(self._stream.handle)
        if self._run is None:
            relaxed = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED
            _checked(driver.cuStreamBeginCapture(handle, relaxed))
            try:
                self._launch(self._stream)
            except BaseException:
                driver.cuStreamEndCapture(handle)  # unchecked, since its error would hide the cause
                raise
            self._graph = _checked(driver.cuStreamEndCapture(handle))
            self._run = _checked(driver.cuGraphInstantiate(self._graph, 0))
        _checked(driver.cuGraphLaunch(self._run, handle))

    def close(self) -> None:
        """Free the graph."""
        if self._graph is None:
            return
        from cuda.bindings import driver

        if self._run is not None:
            driver.cuGraphExecDestroy(self._run)
        driver.cuGraphDestroy(self._graph)
        self._run = self._graph = None


def _checked(answer: tuple[Any, ...]) -> Any:
    """The result of a function of the driver. Raises RuntimeError if its status is not success."""
    status, *found = answer
    if status.value != 0:
        raise RuntimeError(f"the driver says {status.name}")
    return found[0] if found else None


def library(name: str) -> Any:
    """One of CUDA's libraries, by its name without \"lib\". Raises ImportError if it is not found."""
    try:
        from cuda.pathfinder import load_nvidia_dynamic_lib

        return ctypes.CDLL(load_nvidia_dynamic_lib(name).abs_path)
    except Exception as error:  # the search may raise anything
        raise ImportError(f"CUDA's library {name} was not found ({_sentence(error)})") from None
