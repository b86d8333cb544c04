"""What is not public of Numba and its kin is imported by one file, which tells in a sentence what is missing."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from gdbench.errors import GdbenchError
from gdbench.kernels.compile import numba_internals

ROOT = Path(__file__).parents[2]
INTERNALS = Path(numba_internals.__file__)
# What the manuals of Numba, numba-cuda and llvmlite import, and any file may; with all that is in these and has no
# underscore. `gdbench/kernels/compile/numba_internals.py` says why.
PUBLIC = (
    *("llvmlite.__version__", "llvmlite.binding", "llvmlite.ir"),
    *("numba.__version__", "numba.config", "numba.extending", "numba.from_dtype", "numba.literal_unroll", "numba.njit"),
    *("numba.typeof", "numba.core.cgutils", "numba.core.errors", "numba.core.types"),
)
ONCE = {"gdbench/kernels/compile/cuda.py": {"numba.cuda"}}  # where it is loaded, in the one place
OURS = {"self", "cls", "super"}
HARMLESS = {"_asdict", "_fields", "_replace", "_getvalue"}  # of named tuples, and what the manual calls


def public(name):
    """Whether any file may use a dotted name: one of those above, what lies in it, or the package that it lies in."""
    return any(
        f"{each}.".startswith(f"{name}.")
        or (name.startswith(f"{each}.") and not any(part[0] == "_" for part in name[len(each) + 1 :].split(".")))
        for each in PUBLIC
    )


def foreign(name):
    return name.partition(".")[0] in ("numba", "llvmlite")


def dotted(node, names):
    """The name that an expression stands for, such as numba.core.types; names: what imports have bound."""
    if isinstance(node, ast.Attribute):
        before = dotted(node.value, names)
        return before and f"{before}.{node.attr}"
    return names.get(node.id) if isinstance(node, ast.Name) else None


def private(text):
    """The names that are not public and that a module uses, wherever in it, or asks for by a string."""
    tree = ast.parse(text)
    names, used = {}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            used |= {alias.name for alias in node.names}
            names |= {alias.asname or alias.name.partition(".")[0]: alias.asname and alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            used |= {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "import_module":
            used |= {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
    names = {name: whole or name for name, whole in names.items()}
    used |= {name for node in ast.walk(tree) if isinstance(node, ast.Attribute) and (name := dotted(node, names))}
    return {name for name in used if foreign(name) and not public(name)}


def underscored(text):
    """Attributes that begin with one underscore, of anything but the object itself."""
    return {
        node.attr
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__")
        if getattr(getattr(node.value, "func", node.value), "id", "") not in OURS
    }


def sources(folder):
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path != INTERNALS
    }


def test_one_file_alone_imports_what_is_not_public():
    found = {path: private(text) - ONCE.get(path, set()) for path, text in sources("gdbench").items()}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from numba.core.bytecode import FunctionIdentity", {"numba.core.bytecode.FunctionIdentity"}),
        ("def f():\n    from numba.cuda.cudadrv import nvvm", {"numba.cuda.cudadrv.nvvm"}),
        ("import numba\nx = numba.core.codegen.initialize_llvm()", {"numba.core.codegen.initialize_llvm"}),
        ("import numba.core.caching as c\nc.dumps", {"numba.core.caching", "numba.core.caching.dumps"}),
        ("from numba.core import event", {"numba.core.event"}),
        ("from numba import core\ncore.event.Listener", {"numba.core.event.Listener"}),
        ("from importlib import import_module\nimport_module('numba.cuda')", {"numba.cuda"}),
        ("from llvmlite.ir import _utils", {"llvmlite.ir._utils"}),
        ("import llvmlite.binding as llvm\nllvm.ffi._lib", {"llvmlite.binding.ffi._lib"}),
        ("import numba\nfrom numba.core import types\nx: types.Array\nnumba.typeof(numba.config.DISABLE_JIT)", set()),
    ],
)
def test_a_planted_import_of_what_is_not_public_is_found(text, found):
    names = private(text)
    assert found <= names and bool(names) == bool(found)


def test_the_kernels_reach_for_no_hidden_attribute_of_numbas():
    found = {path: underscored(text) - HARMLESS for path, text in sources("gdbench/kernels").items()}
    assert {path: names for path, names in found.items() if names} == {}


def test_a_planted_hidden_attribute_is_found():
    assert underscored("self._mine = f(dispatcher)._cache\nsuper()._made = view._getvalue()") == {"_cache", "_getvalue"}


def test_the_versions_tried_are_those_that_may_be_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = map(Requirement, (*project["dependencies"], *project["optional-dependencies"]["cuda"]))
    specifiers = {each.name: each.specifier for each in listed}
    for package, tried in numba_internals.TRIED.items():
        assert Requirement(tried.requirement).specifier == specifiers[package]


# ----------------------------------------------------------------------------------------------------- a missing name

WITHOUT = """
import importlib, sys
module, name = sys.argv.pop(1).split(":")
delattr(importlib.import_module(module), name)
from gdbench.cli import main
main()
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("numba.core.event:Listener", "cannot import name 'Listener' from 'numba.core.event'"),
        ("numba.core.codegen:initialize_llvm", "cannot import name 'initialize_llvm' from 'numba.core.codegen'"),
    ],
)
def test_a_name_that_numba_lacks_is_told_in_a_sentence_by_a_command(name, said):
    import numba

    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, name, "list", "rules"], capture_output=True, text=True, env={**os.environ}
    )
    tried = numba_internals.TRIED["numba"]
    assert (done.returncode, done.stderr) == (
        3,
        f"error: numba {numba.__version__} lacks what gdbench uses of it ({said}); it was tried with numba "
        f'{tried.versions}: `pip install "{tried.requirement}"` installs that\n',
    )


def test_a_module_that_numba_lacks_is_told_too():
    with (
        pytest.raises(GdbenchError, match=r"lacks what gdbench uses of it \(no module named 'numba.core.elsewhere'\)"),
        numba_internals.needing("numba"),
    ):
        import numba.core.elsewhere  # noqa: F401


def test_what_another_package_lacks_is_not_said_of_numba():
    with pytest.raises(ModuleNotFoundError), numba_internals.needing("numba"):
        import llvmlite.elsewhere  # noqa: F401


def test_an_attribute_that_would_be_overridden_in_vain_is_missed():
    with pytest.raises(GdbenchError, match=r"lacks .* \(no _index_keys in numba.core.caching.FunctionCache\)"):
        numba_internals.needing_attributes("numba", numba_internals.FunctionCache, "_index_key", "_index_keys")


@pytest.mark.needs("numba-cuda")
def test_a_name_that_numba_cuda_lacks_leaves_the_gpu_unused_and_is_told(monkeypatch):
    from numba.cuda import compiler

    from gdbench.kernels.compile import cuda

    monkeypatch.delattr(compiler, "kernel_fixup")
    numba_internals.of_numba_cuda.cache_clear()
    monkeypatch.setattr(cuda, "SIMULATED", False)
    said = cuda.missing_compiler()
    assert said.startswith("numba-cuda 0.") and "cannot import name 'kernel_fixup' from 'numba.cuda.compiler'" in said
    assert said.endswith('`pip install "numba-cuda>=0.30.4,<0.31"` installs that')
