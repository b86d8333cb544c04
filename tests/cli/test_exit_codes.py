"""Exit code 1 means a regression: whatever keeps a command from its work has another one, and one sentence."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import gdbench
from gdbench.cli import app, main, start
from gdbench.errors import GdbenchError, UsageError

pytestmark = pytest.mark.usefixtures("no_pictures")

ROOT = Path(gdbench.__file__).parents[1]
# Stands for a broken environment: of these packages, none can be imported.
BLOCKING = """
import os, sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["BLOCKED"]:
            raise ImportError(f"{name} is broken:\\nit needs another NumPy")
sys.meta_path.insert(0, Blocker())
"""


def command(*arguments, module=True, **options):
    """A command in a process of its own, as module or as a console script has it."""
    begin = ["-m", "gdbench"] if module else ["-c", "from gdbench.cli import main; main()"]
    return subprocess.run(
        [sys.executable, *begin, *arguments], capture_output=True, text=True, timeout=120, check=False, **options
    )


def one_sentence(done, code=3):
    """Whether a command ended with this exit code and one sentence."""
    lines = done.stderr.splitlines()
    return done.returncode == code and len(lines) == 1 and lines[0].startswith("error: ")


@pytest.fixture
def blocking(tmp_path):
    """The environment variables of a Python that cannot import a package."""
    (tmp_path / "sitecustomize.py").write_text(BLOCKING)
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    return lambda name: {**os.environ, "PYTHONPATH": path, "BLOCKED": name}


NEEDING_NUMBA = (
    "run quick", "init a.csv --predict y", "list", "show adam", "tune sgd iris", "time", "peers",
    "verify", "gpu-check", "doctor",
)  # fmt: skip
# What one asks on a broken machine, and what reads results, with its exit code where there are none.
WITHOUT_NUMBA = {
    "--version": 0,
    "--help": 0,
    "list runs": 0,
    "remove latest": 2,
    "doctor --store": 2,
    "nonsense": 2,
    "report": 2,
    "show latest": 2,
    "export": 2,
    "table": 2,
    "figure latest standing": 2,
    "history": 3,
    "compare a.json b.json": 2,
    "gate a.json b.json": 2,
}


def test_every_command_stands_in_one_of_the_tables():
    commands = {line.split()[0] for line in (*NEEDING_NUMBA, *WITHOUT_NUMBA)}
    assert commands - {"--version", "--help", "nonsense"} == set(app.COMMANDS)


@pytest.mark.parametrize("arguments", NEEDING_NUMBA)
def test_no_command_reads_as_a_regression_where_numba_cannot_be_imported(arguments, blocking):
    done = command(*arguments.split(), env=blocking("llvmlite"))
    assert one_sentence(done) and "llvmlite is broken: it needs another NumPy" in done.stderr, done.stderr


@pytest.mark.parametrize("arguments", WITHOUT_NUMBA)
def test_what_needs_no_numba_does_without(arguments, blocking, tmp_path):
    done = command(*arguments.split(), env=blocking("llvmlite"), cwd=tmp_path)
    assert done.returncode == WITHOUT_NUMBA[arguments] and "llvmlite" not in done.stderr, done.stderr


def test_the_help_of_every_command_needs_no_numba(blocking):
    code = "from gdbench.cli import app; [app.command([name, '--help']) for name in app.COMMANDS]"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=blocking("llvmlite"))
    assert done.returncode == 0 and done.stdout.count("Usage: ") == len(app.COMMANDS), done.stderr


@pytest.mark.parametrize("package", ["typer", "rich", "numba", "numpy", "gdbench.kernels.rules.adam", "pandas"])
def test_a_package_that_cannot_be_imported_is_named(package, blocking):
    done = command("run", module=False, env=blocking(package))
    assert one_sentence(done) and f"{package} is broken" in done.stderr, done.stderr


def test_a_file_that_is_called_like_a_module_of_pythons_own_is_no_regression(tmp_path):
    for module in ("traceback", "signal", "statistics"):
        file = tmp_path / f"{module}.py"
        file.write_text("import nothing_of_this_name")
        done = command("gate", "a.json", "b.json", cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)})
        assert done.returncode in (2, 3) and "Traceback" not in done.stderr, (module, done.stderr)
        file.unlink()


def test_a_gdbench_that_is_not_whole_is_no_regression(blocking):
    assert one_sentence(command("list", module=False, env=blocking("gdbench.errors")))


VARIABLES = {
    "NUMBA_NUM_THREADS": ("0", "-1", "abc"),
    "NUMBA_OPT": ("abc", "7"),
    "NUMBA_DISABLE_JIT": ("abc",),
    "NUMBA_CPU_FEATURES": ("nonsense", "+avx2,fma", "+avx2,", "+"),
}


@pytest.mark.parametrize("variable", [(name, value) for name, values in VARIABLES.items() for value in values])
def test_an_environment_variable_that_numba_cannot_read_is_named(variable):
    done = command("show", "adam", env={**os.environ, variable[0]: variable[1]})
    assert one_sentence(done) and "=".join(variable) in done.stderr, done.stderr


def test_features_that_llvm_can_read_are_left_to_it():
    for given in ("", "+avx2", "+avx2,-avx512f,+sse4.2", "-some-feature"):
        start.check_features(given)


def ended(capsys, monkeypatch, error):
    """Exit code and standard error of a command that ends in `error`."""

    def failing(arguments):
        raise error

    monkeypatch.setattr("gdbench.cli.app.command", failing)
    with pytest.raises(SystemExit) as done:
        main(["list"])
    return done.value.code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (GdbenchError("nothing was measured"), 3, "nothing was measured"),
        (UsageError("no such rule"), 2, "no such rule"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (EOFError("Ran out of input"), 3, "a bug in gdbench (EOFError: Ran out of input"),
        (KeyError("x"), 3, "GDBENCH_DEBUG=1 shows the traceback"),
        (RecursionError("maximum recursion depth exceeded"), 3, "a bug in gdbench"),
        (MemoryError(), 3, "not enough memory"),
        (ModuleNotFoundError("No module named 'sqlalchemy'"), 3, "No module named 'sqlalchemy'"),
        (OSError(errno.ENOSPC, "No space left on device", "page.html"), 3, "No space left on device: page.html"),
        (UserWarning("turned into an error"), 3, "a bug in gdbench"),
        (SystemExit(1), 3, "exit code 1"),
        (SystemExit(0), 3, "exit code 0"),
        (SystemExit("words"), 3, "words"),
        (GeneratorExit(), 3, "a bug in gdbench"),
        (ValueError("two\nlines"), 3, "two lines"),
    ],
)
def test_whatever_ends_a_command_has_its_exit_code_and_one_sentence(error, code, words, capsys, monkeypatch):
    got, err = ended(capsys, monkeypatch, error)
    assert got == code and words in err and err.count("\n") == 1 and "Traceback" not in err


def test_what_interrupts_llvm_is_neither_lost_nor_printed():
    source = "def notify(act):\n    act()\n    return 'compiled'"
    names = {}
    exec(compile(source, f"/somewhere/{start.CALLBACKS}", "exec"), names)
    before = signal.signal(signal.SIGTERM, start._interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            assert names["notify"](lambda: signal.raise_signal(signal.SIGTERM)) == "compiled"
            for _ in range(1000):
                time.sleep(0.01)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_traceback_of_a_fault_is_shown_when_asked_for(capsys, monkeypatch):
    monkeypatch.setenv("GDBENCH_DEBUG", "1")
    assert "Traceback" in ended(capsys, monkeypatch, KeyError("x"))[1]
    assert "Traceback" not in ended(capsys, monkeypatch, UsageError("no such rule"))[1]


def test_a_pipe_that_is_closed_ends_a_command_quietly():
    done = subprocess.run(
        f"{sys.executable} -m gdbench list rules | true; echo ${{PIPESTATUS[0]}}",
        shell=True, executable="/bin/bash", capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout == "141\n" and done.stderr == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a file that is always full")
def test_what_cannot_be_printed_changes_no_exit_code_to_that_of_a_regression():
    def into(stdout, stderr, *arguments):
        with open(stdout, "w") as out, open(stderr, "w") as err:
            process = [sys.executable, "-m", "gdbench", *arguments]
            return subprocess.run(process, stdout=out, stderr=err, timeout=120, check=False).returncode

    assert into("/dev/null", "/dev/full", "gate", "a.json", "b.json") == 2
    assert into("/dev/full", "/dev/full", "list", "rules") == 3


def test_outputs_that_are_closed_change_no_exit_code():
    code = (
        "import sys; sys.stdout = sys.stderr = None; from gdbench.cli import main; main(['gate', 'a.json', 'b.json'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 2 and not done.stdout and not done.stderr
