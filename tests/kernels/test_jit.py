"""Where machine code is kept, and for how long; what the single instructions refuse."""

import json
import math
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from numba.core.errors import TypingError

from gdbench import suites
from gdbench.kernels.arithmetic import intrinsics
from gdbench.kernels.compile import cache, jit
from gdbench.kernels.compile.jit import DISABLED, kernel
from gdbench.machine.environment import usable_cores
from gdbench.runner import compiling


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where machine code is kept within a test, not there yet."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    cache.cache_folder.cache_clear()
    yield cache.cache_folder()
    cache.cache_folder.cache_clear()


def _twice(x):
    return 2 * x


@pytest.mark.skipif(DISABLED, reason="nothing is compiled in this lane")
def test_only_what_is_compiled_counts_as_compiled(folder):
    counts = []
    for argument in (3, 3, 1.5):
        with jit.compilations() as compiled:
            kernel(_twice)(argument)
        counts.append(len(compiled))
    assert counts == [1, 0, 1]


@pytest.mark.skipif(DISABLED, reason="nothing is compiled in this lane")
def test_instructions_take_numbers_of_their_own_type_alone():
    fused = kernel(lambda x, y, z: intrinsics.fma(x, y, z), source=None)
    bits = kernel(lambda x: intrinsics.float32_bits(x), source=None)
    one, single = 1.0, np.float32(1)
    assert fused(one, one, one) == 2.0 and fused(single, single, single) == 2.0 and bits(single) == 0x3F800000
    for arguments in ((single, one, one), (one, one, single), (1, 1, 1)):
        with pytest.raises(TypingError):
            fused(*arguments)
    with pytest.raises(TypingError):
        bits(one)


def test_instructions_are_exact_where_their_results_are():
    fused = kernel(lambda x, y, z: intrinsics.fma(x, y, z), source=None)
    assert fused(3.0, 5.0, -1.0) == 14.0
    tiny = np.float32(2.0**-12)
    assert fused(1 + tiny, 1 + tiny, np.float32(-1)) == np.float32(2.0**-11 + 2.0**-24)  # one rounding, of an exact sum
    pairs = [("float32", np.float32(-1.5)), ("float64", np.float64(-1.5))]
    for name, number in pairs:
        to, back = getattr(intrinsics, f"{name}_bits"), getattr(intrinsics, f"bits_{name}")
        there, again = kernel(lambda x, f=to: f(x), source=None), kernel(lambda x, f=back: f(x), source=None)
        assert int(there(number)) == int.from_bytes(number.tobytes(), "little", signed=True)
        assert again(number.view(name.replace("float", "int"))) == number


@pytest.mark.skipif(DISABLED, reason="nothing is compiled in this lane")
def test_a_function_by_dtype_takes_no_other():
    choice = jit.by_dtype(jit.inlined(lambda x: x), jit.inlined(lambda x: -x))
    chosen = kernel(lambda x: choice(x), source=None)
    assert chosen(np.float32(2)) == 2 and chosen(2.0) == -2
    with pytest.raises(TypingError):
        chosen(2j)


def test_what_overflows_in_a_kernel_is_infinite_and_warns_of_nothing():
    squared = kernel(lambda x: x * x, source=None)
    assert squared(np.float64(1e200)) == math.inf and squared(np.float32(-1e30)) == math.inf


COLD = """
import json
from gdbench import suites
from gdbench.kernels.compile.jit import compilations
from gdbench.runner.compiling import compile_settings
suite = suites.load({"seeds": 1, "batch_size": 8, "budget": {"steps": 1},
                     "problem": {"iris": {"kind": "mlp", "dataset": "iris", "hidden": [3]}},
                     "rule": {name: {} for name in ("sgd", "momentum", "adam", "lion", "rmsprop")}})
with compilations() as compiled:
    compile_settings([*suite.settings, *suite.defaults])
print(json.dumps([name for name in compiled if "update" in name or "table" in name]))
"""


@pytest.mark.slow
@pytest.mark.skipif(DISABLED or usable_cores() < 2, reason="needs the compiler and two cores")
def test_on_a_cold_cache_another_process_compiles_the_rules_and_this_one_loads_them(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    own = []
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", COLD], capture_output=True, text=True, check=True, env=environment)
        own.append(json.loads(done.stdout))
    assert len(own[0]) == 2 and own[1] == []  # the first rule's update and table; then nothing


APART = """
import sys
import time
import numpy as np
from gdbench.kernels.rules.registry import find
for name in sys.argv[1:]:
    rule, p = find(name), np.ones(3)
    update = rule.update("float64")
    (table,) = rule.table(rule.defaults, 1, np.ones(1), "float64")
    update(p, np.arange(3.0), rule.state(3, "float64"), table, 0)
    print(name, p.tolist())
for name in sys.argv[1:]:  # as trials take them
    (compiled,) = find(name).update("float64").overloads.values()
    print(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name), file=sys.stderr)
"""


@pytest.mark.skipif(DISABLED, reason="nothing is compiled in this lane")
def test_rules_that_were_compiled_by_different_processes_are_not_taken_for_one_another(tmp_path):
    def run(*names):
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
        command = [sys.executable, "-c", APART, *names]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return done.stdout, done.stderr.split()

    run("sgd")  # compiles what all share, so that the next two number their own alike
    (adam, _), (radam, _) = run("adam"), run("radam")
    together, addresses = run("adam", "radam")
    assert together == adam + radam and adam.split()[1:] != radam.split()[1:]
    assert len(set(addresses)) == 2


def test_the_process_that_compiles_rules_ends_when_this_one_fails(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    cache.cache_folder.cache_clear()
    begun = []

    class Process(subprocess.Popen):
        def __init__(self, command, **options):
            super().__init__([sys.executable, "-c", "import time; time.sleep(600)"], **options)
            begun.append(self)

    def interrupted(trial):
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", Process)
    monkeypatch.setattr(compiling, "usable_cores", lambda: 2)
    monkeypatch.setattr(compiling.jit, "DISABLED", False)
    monkeypatch.setattr(compiling, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compiling.compile_settings(suites.load("quick").settings)
    cache.cache_folder.cache_clear()
    assert len(begun) == 1 and begun[0].returncode is not None


@pytest.mark.parametrize("code", ["import time; time.sleep(600)", "import os; os.abort()"])
def test_a_process_that_compiles_rules_and_hangs_or_crashes_holds_nobody_up(code, tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    cache.cache_folder.cache_clear()
    begun, popen = [], subprocess.Popen

    def process(command, **options):
        begun.append(popen([sys.executable, "-c", code], **options))
        return begun[-1]

    trained = []
    monkeypatch.setattr(subprocess, "Popen", process)
    monkeypatch.setattr(compiling, "usable_cores", lambda: 2)
    monkeypatch.setattr(compiling.jit, "DISABLED", False)
    monkeypatch.setattr(compiling, "train", trained.append)
    monkeypatch.setattr(compiling, "PATIENCE", 0.3)
    suite = suites.load("quick")
    started = time.monotonic()
    compiling.compile_settings(suite.settings)
    cache.cache_folder.cache_clear()
    assert len(trained) > 3 and time.monotonic() - started < 5  # not a wait for each of them
    assert len(begun) == 1 and begun[0].returncode is not None


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_one_of_several_functions_is_chosen_as_the_kernel_runs(count):
    def writing(number):
        def write(out, factor):
            out[0] = factor * number

        return jit.inlined(write)

    choose = jit.one_of([writing(number) for number in range(count)])
    chosen = kernel(lambda which, out: choose(which, out, 10), source=None)
    for which in range(count):
        out = np.full(1, -1.0)
        chosen(which, out)
        assert out[0] == 10 * which
