"""Names of Numba and numba-cuda that are not public: only this file imports such names, and a test checks that.

    from gdbench.kernels.compile.numba_internals import CPUContext  # of Numba, imported with this file
    of_numba_cuda().compile_cuda                                    # of numba-cuda, imported by this call

Any release may rename them. If one is missing, the import of this file, or the call, raises an error. It says what is
installed, what was tried (`TRIED`) and what to install.

We have tried numba 0.61.0, 0.62.1, 0.63.1, 0.64.0, 0.65.1, 0.66.0, 0.67.0 and 0.68.1. Each had the llvmlite that it
requires (0.44.0 to 0.50.0), and five of them had numba-cuda 0.30.4. numba-cuda 0.30.0 to 0.30.3 cannot be loaded with
numba 0.66 and later.

Names that the manuals import count as public, and any file may import them: those of `numba` itself, `numba.extending`,
`numba.core.types`, `numba.core.errors`, `llvmlite.ir` and `llvmlite.binding`. `numba.core.cgutils`, and `_getvalue` of
its results, count too, since the manual's examples of the low-level extension API use them. Nothing else of llvmlite is
used.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from importlib.metadata import version
from itertools import count
from pathlib import Path
from threading import RLock
from types import SimpleNamespace
from typing import Any, NamedTuple

from numba.core import types

from gdbench.errors import GdbenchError
from gdbench.kernels.compile.cache import make_folder

__all__ = [
    "COUNTS_REFERENCES",
    "CPUContext",
    "Cache",
    "Dispatcher",
    "Listener",
    "compile_for",
    "dumps",
    "entry",
    "get_host_cpu_features",
    "initialize_llvm",
    "install_listener",
    "keep_by",
    "name_by",
    "nvvm_version",
    "of_numba_cuda",
    "populate_array",
    "simulated_thread",
]


class Tried(NamedTuple):
    """Versions in which every name of this file exists and works as needed."""

    versions: str
    requirement: str  # with which pip installs one of them


TRIED = {
    "numba": Tried("0.61 to 0.68, with llvmlite 0.44 to 0.50", "numba>=0.61,<0.69"),
    "numba-cuda": Tried("0.30.4", "numba-cuda>=0.30.4,<0.31"),
}


def lacking(package: str, what: str) -> GdbenchError:
    """The error for a package that lacks a name that we use. what: such as "no module named 'numba.core.event'"."""
    tried = TRIED[package]
    return GdbenchError(
        f"{package} {version(package)} lacks what gdbench uses of it ({what}); it was tried with {package} "
        f'{tried.versions}: `pip install "{tried.requirement}"` installs that'
    )


@contextmanager
def needing(package: str) -> Iterator[None]:
    """In the block, an import of a name that the package lacks raises `lacking`."""
    try:
        yield
    except ImportError as error:
        # An error about another package does not mean that a name has changed.
        if not (error.name or "").startswith("numba."):
            raise
        what = str(error).partition(" (")[0]  # without the path of the file
        raise lacking(package, what[:1].lower() + what[1:]) from error


def needing_attributes(package: str, owner: Any, *names: str) -> None:
    """Raise `lacking` unless `owner` has these attributes: overriding a missing one would silently do nothing."""
    for name in names:
        if not hasattr(owner, name):
            raise lacking(package, f"no {name} in {owner.__module__}.{owner.__qualname__}")


# ------------------------------------------------------------------------------------------------------------ of Numba

with needing("numba"):
    from numba.core.bytecode import FunctionIdentity
    from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
    from numba.core.codegen import get_host_cpu_features, initialize_llvm
    from numba.core.cpu import CPUContext
    from numba.core.dispatcher import Dispatcher
    from numba.core.event import Listener, install_listener
    from numba.core.serialize import dumps
    from numba.np.arrayobj import populate_array

needing_attributes("numba", FunctionIdentity, "_unique_ids")
needing_attributes("numba", FunctionCache, "_impl_class", "_index_key", "load_overload", "save_overload", "disable")
needing_attributes("numba", CompileResultCacheImpl, "reduce", "rebuild", "filename_base", "locator")
needing_attributes("numba", Dispatcher, "compile", "disable_compile")

COUNTS_REFERENCES = "_nrt"  # the flag of numba.njit that lets a function make arrays


class _Locator(_CacheLocator):
    """Makes Numba's cache use our folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ensure_cache_path(self) -> None:
        make_folder(self.folder)

    def get_cache_path(self) -> str:
        return str(self.folder)

    def get_source_stamp(self) -> str:
        return self.folder.name

    def get_disambiguator(self) -> None:
        """None: `_Impl` names the files."""


class _Impl(CompileResultCacheImpl):
    def __init__(
        self, function: Callable[..., Any], folder: Path, variant: str, linked: Mapping[str, Callable[[], None]]
    ) -> None:
        self._lineno = function.__code__.co_firstlineno
        name = function.__qualname__.replace(".<locals>", "").replace("<", "").replace(">", "")
        self._filename_base = f"{function.__module__.rsplit('.', 1)[-1]}.{name}-{variant or 'kernel'}"
        self._locator = _Locator(folder)
        self._linked = linked

    def reduce(self, compiled: Any) -> Any:
        """The data to keep: the names of the linked functions that the machine code calls, and the code."""
        text = compiled.library.get_llvm_str()
        return [name for name in self._linked if f"@{name}(" in text], super().reduce(compiled)

    def rebuild(self, target_context: Any, kept: Any) -> Any:
        """Load machine code, after making the functions that it calls known to the linker."""
        called, code = kept
        for name in called:
            self._linked[name]()
        return super().rebuild(target_context, code)


class Cache(FunctionCache):
    """Numba's cache of one function, keyed by signature, processor and variant.

    files: takes a folder and the beginning of file names, and returns an object that loads and saves in Numba's place.
    linked: by name, for each function that is called as machine code, a call that makes it known to the linker.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        folder: Path,
        variant: str,
        files: Callable[[Path, str], Any],
        linked: Mapping[str, Callable[[], None]],
    ) -> None:
        self._impl_class = partial(_Impl, folder=folder, variant=variant, linked=linked)  # type: ignore[assignment]
        self._variant = variant
        super().__init__(function)
        self._cache_file: Any = files(folder, self._impl.filename_base)

    def _index_key(self, signature: Any, codegen: Any) -> Any:
        # Numba pickles captured functions into its key, and not always to the same bytes. The folder's name already
        # depends on every source file, so the variant is enough to name what is captured.
        return signature, codegen.magic_tuple(), self._variant

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(signature, target_context)
        except Exception:  # whatever is wrong with the kept code, it is compiled again
            return None

    def save_overload(self, signature: Any, data: Any) -> None:
        try:
            super().save_overload(signature, data)
        except Exception:  # it cannot be kept; the compiled code then lives as long as the process
            self.disable()


def keep_by(dispatcher: Any, cache: Cache) -> None:
    """Let a cache keep the functions that a dispatcher compiles."""
    dispatcher._cache = cache


def name_by(dispatcher: Any, names: "count[int]") -> None:
    """Let a dispatcher use these numbers in its functions' names, not Numba's, which start again in every process.

    Numba holds its lock on compiling meanwhile, so no other thread sees the replaced counter.
    """
    compile_types = dispatcher._compiler.compile

    def compiling(*arguments: Any, **options: Any) -> Any:
        theirs, FunctionIdentity._unique_ids = FunctionIdentity._unique_ids, names
        try:
            return compile_types(*arguments, **options)
        finally:
            FunctionIdentity._unique_ids = theirs

    dispatcher._compiler.compile = compiling


def entry(dispatcher: Any) -> tuple[Any, int]:
    """The signature and the address of a function that is compiled for exactly one signature."""
    (compiled,) = dispatcher.overloads.values()
    address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name)
    return compiled.signature, int(address)


# ------------------------------------------------------------------------------------------------------- of numba-cuda


class OfNumbaCuda(NamedTuple):
    """Names of numba-cuda."""

    dispatcher: Any  # a module, in which `_as_if_on` replaces `get_current_device` for a moment
    compile_cuda: Any
    kernel_fixup: Any
    set_launch_bounds: Any
    NVVM: Any
    LibDevice: Any
    to_core_stream: Any


@lru_cache(maxsize=1)
def of_numba_cuda() -> OfNumbaCuda:
    """The names of numba-cuda that are used. It must be installed; the simulator has other modules.

    Raises GdbenchError if numba-cuda lacks one.
    """
    with needing("numba-cuda"):
        from numba.cuda import dispatcher
        from numba.cuda.compiler import compile_cuda, kernel_fixup
        from numba.cuda.cudadrv.driver import _to_core_stream
        from numba.cuda.cudadrv.nvvm import NVVM, LibDevice, set_launch_bounds
    if not hasattr(dispatcher, "get_current_device"):
        raise lacking("numba-cuda", f"no get_current_device in {dispatcher.__name__}")
    return OfNumbaCuda(dispatcher, compile_cuda, kernel_fixup, set_launch_bounds, NVVM, LibDevice, _to_core_stream)


@lru_cache(maxsize=1)
def simulated_thread() -> Callable[[], Any]:
    """The simulator's function that returns the context of the calling thread. Raises GdbenchError if it is missing."""
    with needing("numba-cuda"):
        from numba.cuda.simulator.kernel import _get_kernel_context
    return _get_kernel_context


def nvvm_version() -> tuple[int, ...]:
    """The version of libNVVM, which compiles the kernels."""
    return tuple(of_numba_cuda().NVVM().get_version())


_lock = RLock()  # on numba-cuda's `get_current_device`, which is replaced while it compiles


def compile_for(
    capability: tuple[int, int],
    function: Callable[..., None],
    signature: Sequence[Any],
    options: Mapping[str, Any],
    bounds: tuple[int, int],
) -> tuple[str, bytes, str]:
    """Compile a kernel for any GPU, in the way of numba-cuda's dispatcher; returns its name, cubin and PTX.

    signature: Numba's types. options: NVVM's. bounds: threads per block, and blocks that should fit on a
    multiprocessor.
    """
    theirs = of_numba_cuda()
    with _lock, _as_if_on(capability):
        options = dict(options)
        compiled = theirs.compile_cuda(function, types.void, tuple(signature), nvvm_options=options, cc=capability)
        library = compiled.library
        kernel = library.get_function(compiled.fndesc.llvm_func_name)
        theirs.kernel_fixup(kernel, False)
        theirs.set_launch_bounds(kernel, bounds)
        suffixed = (*capability, "a" if capability >= (9, 0) else "")
        ptx = library.get_asm_str(cc=suffixed)
        return kernel.name, bytes(library.get_cubin(cc=suffixed).code), ptx


@contextmanager
def _as_if_on(capability: tuple[int, int]) -> Iterator[None]:
    """In the block, numba-cuda compiles for this capability, without asking the driver for the present GPU."""
    dispatcher = of_numba_cuda().dispatcher
    theirs = dispatcher.get_current_device
    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=capability, id=0)
    try:
        yield
    finally:
        dispatcher.get_current_device = theirs
