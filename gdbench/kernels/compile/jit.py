"""Compile kernels and keep their machine code on disk: the only module that sets JIT flags.

`inlined` marks a function that is compiled into its callers, on both devices.
`kernel` compiles a function with our flags and keeps the machine code on disk (kernels/compile/cache.py).
`linked` does the same for a function that other kernels call as machine code, so that it is compiled only once.

Flags: `error_model="numpy"` (dividing by zero gives inf, not an exception) and `nogil` (threads train trials side by
side), but never fastmath. It would let the compiler reorder sums and contract products, so that bits would depend on
the processor. It would also drop the NaN checks that show divergence. For GPUs (compile/cuda.py), `fma=False` keeps
NVVM from contracting products and sums; numba-cuda's own error model is "numpy" too.
"""

import itertools
import pickle
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial, wraps
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, overload, register_jitable

from gdbench.kernels.compile import cache
from gdbench.kernels.compile.numba_internals import (
    COUNTS_REFERENCES,
    Cache,
    Listener,
    dumps,
    entry,
    install_listener,
    keep_by,
    name_by,
)

DISABLED = bool(numba.config.DISABLE_JIT)  # type: ignore[attr-defined]  # without the compiler every kernel is plain Python
FLAGS: dict[str, Any] = {"error_model": "numpy", "nogil": True}
CUDA_FLAGS: dict[str, Any] = {"opt": 3, "fma": False}  # NVVM's; division and square root are IEEE's by default


def inlined(function: Callable[..., Any] | None = None, *, always: bool = False, checked: bool = False) -> Any:
    """Let kernels call `function`, which is compiled into them; Python calls it as plain Python.

    always: inline it even if LLVM would rather call it because it is long; a call keeps a loop from being vectorised.
    checked: an index outside its array raises IndexError, for code of users; else the behaviour is undefined.
    """
    if function is None:
        return partial(inlined, always=always, checked=checked)
    flags = {"error_model": FLAGS["error_model"], "boundscheck": checked}
    register_jitable(**flags, **({"forceinline": True} if always else {}))(function)
    return function


def by_dtype(single: Callable[..., Any], double: Callable[..., Any]) -> Callable[[Any], Any]:
    """A function of one argument, which calls `single` for float32 and `double` for float64, chosen at compile time."""

    def function(x):
        return single(x) if isinstance(x, np.float32) else double(np.float64(x))

    def choose(x):  # Numba requires the same argument names and annotations as in the implementations
        if x == types.float32:
            return lambda x: single(x)
        if x == types.float64:
            return lambda x: double(x)
        return None

    overload(function, jit_options={"error_model": FLAGS["error_model"], "forceinline": True})(choose)
    function.__doc__, function.__name__ = double.__doc__, double.__name__.removesuffix("64")
    return function


def one_of(functions: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
    """A function that passes all arguments but the first, `which`, to the inlined function with that number.

    The number is compared at run time, so one compiled kernel serves all functions. A number of len(functions) or more
    means the last one.
    """
    first, others = functions[0], functions[1:]
    if not others:

        def choose(which, *arguments):
            first(*arguments)

    elif len(others) == 1:
        (last,) = others

        def choose(which, *arguments):
            if which == 0:
                first(*arguments)
            else:
                last(*arguments)

    else:
        rest = one_of(others)

        def choose(which, *arguments):
            if which == 0:
                first(*arguments)
            else:
                rest(which - 1, *arguments)

    return inlined(choose)


@contextmanager
def compilations() -> Iterator[list[Any]]:
    """Yields a list, to which the name of every function that Numba compiles in the block is added.

    Functions from the cache are not added.
    """
    compiled: list[Any] = []

    class Began(Listener):
        def on_start(self, begun: Any) -> None:
            compiled.append(begun.data["dispatcher"].py_func.__qualname__)

        def on_end(self, ended: Any) -> None:
            pass

    with install_listener("numba:compile", Began()):
        yield compiled


class _Files:
    """The files of one function, with Numba's names: an index by key (.nbi), and a file of machine code per key (.nbc).

    Two processes may write at once. Every file is whole and holds its key, so a wrong one is noticed, and its function
    compiled again.
    """

    def __init__(self, folder: Path, base: str) -> None:
        self._folder, self._base = folder, base

    def load(self, key: Any) -> Any:
        """The data that was saved for a key, or None."""
        found = self._unpickled(self._index().get(key, ""))
        return found[1] if found and found[0] == key else None

    def save(self, key: Any, data: Any) -> None:
        """Save data for a key. Raises OSError if it cannot be written."""
        index = self._index()
        free = (f"{self._base}.{number}.nbc" for number in itertools.count(1))
        name = index.get(key) or next(name for name in free if name not in index.values())
        cache.write(self._folder / name, dumps((key, data)))
        cache.write(self._folder / f"{self._base}.nbi", dumps({**index, key: name}))

    def _index(self) -> dict[Any, str]:
        index = self._unpickled(f"{self._base}.nbi")
        return index if isinstance(index, dict) else {}

    def _unpickled(self, name: str) -> Any:
        content = cache.read(self._folder / name)
        try:
            return content and pickle.loads(content)
        except Exception:  # unpickling may raise anything; data that cannot be loaded counts as missing
            return None


def kernel(
    function: Callable[..., Any] | None = None,
    *,
    signature: Any = None,
    variant: str = "",
    source: str | None = "",
    checked: bool = False,
    allocates: bool = True,
) -> Any:
    """Compile `function` with our flags and keep its machine code on disk.

    signature: compile it at once for these types and for no others; by default, at the first call with its types.
    variant: a name for what a closure captures (a rule, a dtype); closures of one function need different names.
    source: the hash of a plug-in's source that is compiled in, else ""; None if it is not known: then nothing is kept.
    checked: as for `inlined`.
    allocates: it may make arrays, and functions that it calls may return arrays. If False, references are not counted,
        which saves an atomic instruction each time that a view of an array is made or passed on.
    """
    if function is None:
        return partial(
            kernel,
            signature=signature,
            variant=variant,
            source=source,
            checked=checked,
            allocates=allocates,
        )
    if DISABLED:
        return _silent(function)
    dispatcher = numba.njit(**{**FLAGS, "boundscheck": checked, COUNTS_REFERENCES: allocates})(function)
    name_by(dispatcher, _names)
    if source is not None:
        keep_by(dispatcher, Cache(function, cache.cache_folder(source), variant, _Files, _linked))
    if signature is not None:
        dispatcher.compile(signature)
        dispatcher.disable_compile()
    return dispatcher


# Numbers for the names of functions, which no other process uses. Numba distinguishes functions of one qualified name
# by a counter that starts again in every process, and code from the cache keeps its name. So two functions from
# different processes could get one name, and the linker would take one for the other.
_names = itertools.count(secrets.randbits(60))


def _silent(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` without the compiler, behaving like compiled code: NumPy does not warn of overflows."""

    @wraps(function)
    def silent(*arguments: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*arguments)

    return silent


class FirstClass(types.WrapperAddressProtocol):
    """A kernel as an argument of other kernels; Numba would look up the address of a dispatcher at every call."""

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self._signature, self._address = entry(kernel)

    def __wrapper_address__(self) -> int:
        return self._address

    def signature(self) -> Any:
        return self._signature


def first_class(kernel: Any, source: str | None) -> Any:
    """A kernel with a signature, in a form that is fast to pass to other kernels. source: as for `kernel`.

    A plug-in's kernel is returned as it is: it may raise errors, which would get lost in this form.
    """
    return kernel if DISABLED or source != "" else FirstClass(kernel)


_linked: dict[str, Callable[[], None]] = {}  # by linked function, a call that makes it known to the linker, once


def linked(function: Callable[..., Any], signature: Any, variant: str) -> Any:
    """Let kernels call `function` as machine code, with one tuple of its arguments, instead of compiling it into them.

    Numba optimises a called function again at every level of calls, which takes most of the compile time of long code.
    The function may not allocate. variant: a dtype, or whatever else distinguishes functions of one name.
    """
    if DISABLED:
        return lambda arguments: function(*arguments)
    name = f"gdbench.{function.__module__}.{function.__qualname__}.{variant}"

    @lru_cache(maxsize=1)
    def resolve() -> None:
        _, address = entry(kernel(function, signature=signature, variant=variant, allocates=False))
        llvmlite.binding.add_symbol(name, address)

    def typing(context: Any, given: Any) -> Any:
        def lower(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
            resolve()
            values = cgutils.unpack_tuple(builder, arguments[0])
            values = [context.cast(builder, *each) for each in zip(values, given, signature.args, strict=True)]
            kinds = [context.get_value_type(kind) for kind in (signature.return_type, *signature.args)]
            callee = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kinds[0], kinds[1:]), name)
            return builder.call(callee, values)

        return signature.return_type(given), lower

    _linked[name] = resolve
    return intrinsic(typing)
