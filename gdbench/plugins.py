"""Rules and functions from outside: from a file given by `--plugin`, or a package's `gdbench.plugins` entry point.

The environment variable GDBENCH_PLUGINS=0 switches off those of packages, here and in every process that this one
starts.
"""

import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import sha256
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import CodeType
from typing import Any

from gdbench.errors import GdbenchError, UsageError
from gdbench.inputs.limits import check_name
from gdbench.inputs.paths import user_path
from gdbench.kernels import FUNCTIONS, RULES
from gdbench.kernels.compile.source import hash_files
from gdbench.kernels.rules.registry import Written

GROUP = "gdbench.plugins"
SWITCH = "GDBENCH_PLUGINS"

_REGISTRIES: tuple[dict[str, Any], ...] = (RULES, FUNCTIONS)
_loaded: dict[str, tuple[str, list[Written]]] = {}  # by file: hash of its source, and what it registered


class _Loader(SourceFileLoader):
    """Compiles a plug-in from its source. Python would reuse bytecode for a file of the same size and second."""

    def get_code(self, fullname: str) -> CodeType:
        """The code of the file as it is now."""
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


def load_file(path: str | Path) -> str:
    """Run a plug-in file, which registers its rules and functions. A changed file replaces what it registered before.

    Returns the hash of the file. Raises UsageError if it cannot be read or fails; then nothing of it stays registered.
    """
    path = user_path(path).absolute()
    try:
        content = sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"plug-in {path} cannot be read: {error.strerror}") from None
    earlier, former = _loaded.get(str(path), ("", []))
    if earlier == content:
        return content
    _forget(former)
    _loaded.pop(str(path), None)  # if the new one fails, the next try starts from nothing
    module_name = f"gdbench_plugin_{path.stem}_{content[:8]}"
    loader = _Loader(module_name, str(path))
    spec = importlib.util.spec_from_file_location(module_name, path, loader=loader)
    if spec is None or path.suffix != ".py":
        raise UsageError(f"plug-in {path} is not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # inspect.getsource looks for it there
    sys.path.insert(0, str(path.parent))  # so that a plug-in can import what lies beside it
    try:
        registered = _register(str(path), lambda: loader.exec_module(module))
    finally:
        sys.path.remove(str(path.parent))
    _loaded[str(path)] = content, registered
    _mark(registered, path.parent, path)
    return content


def files(items: Iterable[Written]) -> tuple[tuple[str, str], ...]:
    """The plug-in files that registered these rules and functions, with the hashes of their contents."""
    wanted = {id(item) for item in items}
    loaded = sorted(_loaded.items())
    return tuple((path, content) for path, (content, own) in loaded if wanted & {id(item) for item in own})


def load_installed() -> None:
    """Load the plug-ins of installed packages, once per process, unless they are switched off."""
    wanted = os.environ.get(SWITCH, "1")
    if wanted not in ("0", "1", ""):
        raise GdbenchError(f"{SWITCH}={wanted} must be 0, which loads no plug-ins of installed packages, or 1")
    if wanted != "0":
        _load_installed()


@lru_cache(maxsize=1)
def _load_installed() -> None:
    for entry in sorted(entry_points(group=GROUP), key=lambda e: e.name):
        registered = _of_package(entry)
        file = getattr(sys.modules.get(entry.module), "__file__", None)
        if file:
            top = Path(getattr(sys.modules[entry.module.partition(".")[0]], "__file__", None) or file)
            _mark(registered, top.parent if top.name == "__init__.py" else Path(file).parent, Path(file))


def _of_package(entry: EntryPoint) -> list[Written]:
    """What an installed package registers."""
    package = f" of package {entry.dist.name}" if entry.dist else ""
    try:
        return _register(f"{entry.name} ({entry.value}){package}", entry.load)
    except UsageError as error:
        raise UsageError(f"{error}; {SWITCH}=0 or --no-plugins leaves out the plug-ins of packages") from None


def foreign() -> list[Written]:
    """Every rule and function that is not part of gdbench."""
    return [item for item in _registered() if not item.ours]


def plugin_hash(items: Iterable[Written] | None = None) -> str:
    """Hash of the plug-ins' rules and functions among `items`, by default of all; empty if there are none."""
    chosen = foreign() if items is None else [item for item in items if not item.ours]
    parts = sorted(f"{type(item).__name__} {item.name}:{item.fingerprint}" for item in chosen)
    return sha256("|".join(parts).encode()).hexdigest() if parts else ""


def _registered() -> list[Written]:
    return [item for registry in _REGISTRIES for item in registry.values()]


def _forget(items: Iterable[Written]) -> None:
    for item in items:
        for registry in _REGISTRIES:
            if registry.get(item.name) is item:
                del registry[item.name]


def _mark(registered: list[Written], folder: Path, file: Path) -> None:
    """Set the source of rules and functions: the hash of the file and of every loaded module in its folder.

    A helper module may hold half of a rule, and Numba's cache would not notice a change in it.
    """
    files = {file}
    for name, module in list(sys.modules.items()):
        place = Path(getattr(module, "__file__", None) or "")
        installed = "site-packages" in place.parts and "site-packages" not in folder.parts  # a .venv beside the plug-in
        ours = name.partition(".")[0] == "gdbench"
        if place.suffix == ".py" and place.is_relative_to(folder) and place.is_file() and not (installed or ours):
            files.add(place)
    source = hash_files(sorted(files), folder)
    for item in registered:
        item.source = source


def _register(place: str, run: Callable[[], object]) -> list[Written]:
    """What `run` registers; if it fails, nothing stays registered."""
    before = _registered()
    try:
        run()
        for item in _new(before):
            check_name(type(item).__name__.lower(), item.name)
    except (Exception, SystemExit) as error:
        _forget(_new(before))
        if isinstance(error, UsageError):
            raise UsageError(f"plug-in {place}: {error}") from None
        reason = " ".join(str(getattr(error, "msg", error)).split())
        raise UsageError(f"plug-in {place}{_line(error, place)}: {type(error).__name__}: {reason}") from None
    return _new(before)


def _line(error: BaseException, place: str) -> str:
    """Where an error arose: the line in the plug-in's own file, or the file and line in a package."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == place]
    if own or not frames:
        line = getattr(error, "lineno", None) or (own[-1].lineno if own else "?")
        return f", line {line}"
    file, line = getattr(error, "filename", None), getattr(error, "lineno", None)  # of a SyntaxError
    return f", {Path(file or frames[-1].filename).name} line {line or frames[-1].lineno}"


def _new(before: list[Written]) -> list[Written]:
    return [item for item in _registered() if all(item is not other for other in before)]
