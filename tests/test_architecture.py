"""The rooms of gdbench: imports run downward, in no circle, and every room is named in docs/architecture.md."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
PACKAGES = {"rooms": "gdbench", "kernels": "gdbench.kernels"}


def order(block):
    """The rooms of a block of the page, from the top to the bottom."""
    text = re.search(rf"```{block}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    return [line.split()[0] for line in text.splitlines()]


def modules(folder):
    """Every module below a package's folder: its dotted name and its source."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    return found


def imports(sources, known=()):
    """For each module those that it imports, wherever in it that stands, but for what only a type checker reads.

    known: modules that may be imported, beside these.
    """
    found, known = {}, {*known, *sources}
    for module, text in sources.items():
        tree = ast.parse(text)
        typing = {
            each
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
            for each in ast.walk(node)
        }
        named = set()
        for node in ast.walk(tree):
            if node in typing:
                continue
            if isinstance(node, ast.ImportFrom) and node.module:
                whole = {f"{node.module}.{alias.name}" for alias in node.names}
                named |= {name if name in known else node.module for name in whole}
            elif isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
        found[module] = {name for name in named if name in known}
    return found


def room(module, package):
    """The room of a package that a module lies in; none for what lies elsewhere, and for the package itself."""
    return module[len(package) + 1 :].partition(".")[0] if module.startswith(f"{package}.") else None


def upward(graph, package, rooms):
    """Imports from one room of a package to one above it."""
    return [
        (module, other)
        for module, others in graph.items()
        for other in sorted(others)
        if (mine := room(module, package)) and (theirs := room(other, package))
        if mine != theirs and rooms.index(mine) > rooms.index(theirs)
    ]


def circles(graph):
    """Sets of modules that import one another (Tarjan, SIAM J. Comput. 1, 1972)."""
    number, lowest, open_, found = {}, {}, [], []

    def visit(module):
        number[module] = lowest[module] = len(number)
        open_.append(module)
        for other in sorted(graph[module]):
            if other not in number:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in open_:
                lowest[module] = min(lowest[module], number[other])
        if lowest[module] == number[module]:
            circle = open_[open_.index(module) :]
            del open_[open_.index(module) :]
            found.extend([set(circle)] if len(circle) > 1 else [])

    for module in graph:
        if module not in number:
            visit(module)
    return found


def unnamed(graph, package, rooms):
    """Rooms that are there and not named, and rooms that are named and not there."""
    return {name for module in graph if (name := room(module, package))} ^ set(rooms)


@pytest.fixture(scope="module")
def sources():
    return modules(ROOT / "gdbench")


@pytest.fixture(scope="module")
def graph(sources):
    return imports(sources)


def planted(graph, **texts):
    """The graph with other modules in place of these, called by their names with __ for dots."""
    return {**graph, **imports({f"gdbench.{name.replace('__', '.')}": text for name, text in texts.items()}, graph)}


@pytest.mark.parametrize("block", PACKAGES)
def test_imports_run_downward_and_every_room_is_named(block, graph):
    rooms = order(block)
    assert unnamed(graph, PACKAGES[block], rooms) == set()
    assert upward(graph, PACKAGES[block], rooms) == []


def test_no_modules_import_each_other_in_a_circle(graph):
    assert circles(graph) == []


@pytest.mark.parametrize("text", ["import gdbench.cli.app", "def f():\n    from gdbench.cli import app"])
def test_a_planted_import_upward_is_found(text, graph):
    found = upward(planted(graph, store__schema=text), "gdbench", order("rooms"))
    assert found == [("gdbench.store.schema", "gdbench.cli.app")]


def test_a_planted_import_upward_within_the_kernels_is_found(graph):
    text = "from gdbench.kernels.networks.mlp import MLP"
    found = upward(planted(graph, kernels__arithmetic__sums=text), "gdbench.kernels", order("kernels"))
    assert found == [("gdbench.kernels.arithmetic.sums", "gdbench.kernels.networks.mlp")]


def test_what_only_a_type_checker_reads_may_look_up(graph):
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from gdbench.cli import app\n"
    assert upward(planted(graph, store__schema=text), "gdbench", order("rooms")) == []


def test_a_planted_circle_is_found(graph):
    texts = {"stats__ert": "from gdbench.stats import profiles", "stats__profiles": "import gdbench.stats.ert"}
    assert circles(planted(graph, **texts)) == [{"gdbench.stats.ert", "gdbench.stats.profiles"}]


def test_a_planted_room_is_found(graph):
    assert unnamed(planted(graph, attic=""), "gdbench", order("rooms")) == {"attic"}


# What exists once, and where: a helper interpreter, a temporary name, how many steps a sample has.
HOMES = {
    r"\bPopen\(": {"machine.processes"},
    r"\bsys\.executable\b": {"machine.processes", "ab.places"},  # which tells the Python of a checkout
    r"\bmkstemp\b|\.replace\(path\)": {"inputs.writing", "kernels.compile.cache", "store.database", "store.rescue"},
    r"\bLONG\b": {"timing.pace", "timing.sampling"},
}


@pytest.mark.parametrize("what", HOMES)
def test_what_has_a_home_is_done_nowhere_else(what, sources):
    found = {name.removeprefix("gdbench.") for name, text in sources.items() if re.search(what, text)}
    assert found == HOMES[what]


@pytest.mark.parametrize("name", ["kernels.compile.cache", "store.database", "store.rescue"])
def test_who_renames_a_file_has_its_temporary_name_from_the_home_of_these(name, sources, graph):
    assert "gdbench.inputs.writing" in graph[f"gdbench.{name}"] and "temporary_in(" in sources[f"gdbench.{name}"]


def test_the_top_floors_hold_little():
    top = {path.name for path in (ROOT / "gdbench").iterdir() if path.suffix == ".py"}
    assert top == {"__init__.py", "__main__.py", "plugins.py", "errors.py"}
    floor = [path for path in (ROOT / "gdbench" / "kernels").iterdir() if path.name != "__pycache__"]
    assert len(floor) <= 12
