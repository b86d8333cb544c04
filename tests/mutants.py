"""One change at a time to the formulas of the kernels: does a test notice each?

    pip install mutmut==2.5.1         what makes the changes; no extra of gdbench asks for it
    python tests/mutants.py           every file of `JUDGES`
    python tests/mutants.py FILE...   these of them

A mutant is a file with one operator, number, name, string or decorator changed. None is written to disk: a process of
its own, forked from one that has imported what is slow, loads it in place of its file and runs tests in plain Python.
Only where `inlined` or `kernel` is gone is it compiled, since plain Python sees neither. First come the tests that are
called like the file, then all that judge it. A failed test kills the mutant, and so does a loop that does not end.

Prints the diff of each survivor, and a line a file: mutants, killed, survivors with other words in a string, other
survivors. Exit code 1 when there are any of these.
"""

import difflib
import gc
import importlib.util
import multiprocessing
import os
import resource
import sys
import tempfile
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path

os.environ |= {"NUMBA_DISABLE_JIT": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

import hypothesis  # noqa: F401  (what takes long of all that gdbench and its tests import; never gdbench itself)
import mutmut
import numba
import pandas  # noqa: F401
import pydantic  # noqa: F401
import pytest
import scipy.special  # noqa: F401
import sqlalchemy.dialects.sqlite  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent
# Which tests judge which files. Comparisons with PyTorch, which need not be installed, do not.
JUDGES = {
    "rules/*.py": ("kernels/test_rules.py", "kernels/test_rule_updates.py", "kernels/test_schedules.py"),
    "functions/*.py": ("kernels/test_functions.py",),
    "networks/losses/*.py": ("kernels/test_losses.py",),
    "networks/activations/*.py": ("kernels/test_activations.py",),
}
WORKERS, SECONDS = 2, 120  # seconds of processor time, so that a busy machine kills nothing


class Nth(mutmut.Context):
    """Changes the n-th place that mutmut finds: its own numbers repeat where an expression spans lines."""

    def __init__(self, source: str, n: int) -> None:
        super().__init__(source, mutation_id=mutmut.RelativeMutationID("", -1, -1))
        self.left = n

    def should_mutate(self, node: object) -> bool:
        self.left -= 1
        return self.left == 0


def mutants(source: str) -> Iterator[str]:
    """Every mutant of a text."""
    n, (text, changes) = 1, mutmut.mutate(Nth(source, 1))
    while changes:
        yield text
        n += 1
        text, changes = mutmut.mutate(Nth(source, n))


def difference(source: str, mutant: str) -> list[str]:
    """The lines that differ, with - and +."""
    lines = difflib.unified_diff(source.splitlines(), mutant.splitlines(), n=0, lineterm="")
    return [line for line in list(lines)[2:] if not line.startswith("@@")]


class Mutant(SourceFileLoader):
    """Finds one module and loads it with another text."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_code(self, fullname: str) -> object:
        return compile(self.text, self.path, "exec")


def judge(path: Path, text: str, tests: tuple[str, ...]) -> int:
    """The tests' exit code with `text` in place of a file, in this process, which is of no other use from then on."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    file = path.relative_to(ROOT)
    mutant = Mutant(".".join(file.with_suffix("").parts), str(path))
    mutant.text = text
    sys.meta_path.insert(0, mutant)
    if {"-@inlined", "-@kernel"} & {*difference(path.read_text(encoding="utf-8"), text)}:
        os.environ |= {"NUMBA_DISABLE_JIT": "0", "NUMBA_CACHE_DIR": tempfile.mkdtemp()}
        numba.config.reload_config()
    options = ["-x", "-p", "no:cacheprovider", "--assert=plain", "--tb=no", "-o", "addopts="]  # nobody reads a report
    code = 0
    for called in (f"{file.stem.replace('_', '-')} and not pytorchs", "not pytorchs"):
        code = pytest.main([*options, *(str(ROOT / "tests" / name) for name in tests), "-k", called])
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            break
    return int(code)


def survives(job: tuple[Path, str, tuple[str, ...]]) -> bool:
    """Whether all tests pass, in a process of their own."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(judge(*job))
        finally:
            os._exit(70)
    return os.waitpid(child, 0)[1] == 0


def main(arguments: list[str]) -> int:
    """Judge the mutants of each file and print what survives; returns the exit code."""
    chosen, total = {Path(file).resolve() for file in arguments}, [0, 0, 0, 0]
    gc.freeze()  # so that no fork looks through what all share
    with tempfile.TemporaryDirectory() as tempfile.tempdir, multiprocessing.get_context("fork").Pool(WORKERS) as pool:
        for pattern, tests in JUDGES.items():
            paths = [
                path for path in sorted((ROOT / "gdbench" / "kernels").glob(pattern)) if not chosen or path in chosen
            ]
            sources = [path.read_text(encoding="utf-8") for path in paths]
            assert not paths or survives((paths[0], sources[0], tests)), (
                f"{' or '.join(tests)} fails where nothing is changed"
            )
            for path, source in zip(paths, sources, strict=True):
                file, texts = path.relative_to(ROOT), list(mutants(source))
                survived = pool.imap(survives, [(path, text, tests) for text in texts])
                left = [difference(source, text) for text, alive in zip(texts, survived, strict=True) if alive]
                for lines in left:
                    print(file, *lines, "", sep="\n")  # noqa: T201
                words = sum("XX" in "".join(lines) for lines in left)
                row = [len(texts), len(texts) - len(left), words, len(left) - words]
                total = [a + b for a, b in zip(total, row, strict=True)]
                print(f"{file!s:36}", *(f"{number:5}" for number in row), flush=True)  # noqa: T201
    print(f"{'all':36}", *(f"{number:5}" for number in total))  # noqa: T201
    return 1 if total[3] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
