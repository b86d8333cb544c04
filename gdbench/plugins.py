"""Rules from outside: a file given by `--plugin`, or a package's `gdbench.plugins` entry point."""

import hashlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path

from gdbench.errors import UsageError
from gdbench.kernels import RULES

GROUP = "gdbench.plugins"

_loaded: dict[str, str] = {}  # what was loaded, and the hash of its source


def load_file(path: str | Path) -> None:
    """Run a plug-in file, which registers its rules; a file already loaded and unchanged is not run again."""
    path = Path(path).expanduser().absolute()
    try:
        source = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"plug-in {path} cannot be read: {error.strerror}") from None
    if _loaded.get(str(path)) == source:
        return
    name = f"gdbench_plugin_{path.stem}_{source[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"plug-in {path} is not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # inspect.getsource looks for it there
    loader = spec.loader
    _register(str(path), source, lambda: loader.exec_module(module))


@lru_cache(maxsize=1)
def load_installed() -> None:
    """Load the plug-ins of installed packages, once a process."""
    for entry in sorted(entry_points(group=GROUP), key=lambda e: e.name):

        def load(entry=entry) -> None:  # type: ignore[no-untyped-def]
            loaded = entry.load()
            file = inspect.getsourcefile(loaded)
            _loaded[entry.name] = hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else entry.value

        _register(entry.name, "", load)


def plugin_hash() -> str:
    """Hash of every rule that is not ours, with the source of its plug-in; empty without any."""
    foreign = sorted((rule for rule in RULES.values() if rule.source != ""), key=lambda rule: rule.name)
    if not foreign:
        return ""
    parts = [f"{rule.name}:{rule.source or rule.text}" for rule in foreign]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()


def _register(place: str, source: str, run: Callable[[], None]) -> None:
    before = set(RULES)
    try:
        run()
    except UsageError as error:
        _forget(set(RULES) - before)
        raise UsageError(f"plug-in {place}: {error}") from None
    except Exception as error:
        _forget(set(RULES) - before)
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == place]
        line = getattr(error, "lineno", None) or (frames[-1].lineno if frames else "?")
        raise UsageError(f"plug-in {place}, line {line}: {type(error).__name__}: {error}") from None
    _loaded.setdefault(place, source)
    for name in set(RULES) - before:
        RULES[name].source = _loaded[place]


def _forget(names: Iterable[str]) -> None:
    for name in names:
        del RULES[name]
