"""Which processor Numba compiles for, and what machine code of the tiles follows from it."""

import re

import llvmlite.binding as llvm
import pytest
from llvmlite import ir
from numba.core import types

from gdbench.cli import main
from gdbench.errors import UsageError
from gdbench.kernels.arithmetic import arrays, fused, tiles, vectors
from gdbench.kernels.compile import processor
from gdbench.machine import environment

x86 = pytest.mark.skipif(not llvm.get_process_triple().startswith("x86_64"), reason="a table of x86 processors")
ALL = {"avx512f", "avx2", "avx", "fma", "sse4.2"}


@pytest.fixture
def numba(monkeypatch):
    def set_to(**values):
        for name, value in values.items():
            monkeypatch.setattr(processor.numba.config, name, value)

    return set_to


@x86
@pytest.mark.parametrize(
    ("name", "features", "found"),
    [
        ("generic", "", set()),
        ("nehalem", "", {"sse4.2"}),
        ("haswell", "", ALL - {"avx512f"}),  # which the name alone implies
        ("haswell", "-fma", {"avx2", "avx", "sse4.2"}),
        ("haswell", "-avx", {"sse4.2"}),  # on which the others rest
        ("haswell", "+avx2,-avx512f,+fma", ALL - {"avx512f"}),
        ("nehalem", "+avx2", {"avx2", "avx", "sse4.2"}),
        ("nehalem", "+fma,-avx2", {"fma", "avx", "sse4.2"}),
        ("nehalem", "-avx,+fma", {"fma", "avx", "sse4.2"}),  # the last flag counts
        ("nehalem", "+fma,-avx", {"sse4.2"}),
        ("skylake-avx512", "", ALL),
        ("skylake-avx512", "-avx512f", ALL - {"avx512f"}),
    ],
)
def test_the_features_are_those_of_the_machine_code(name, features, found, numba):
    numba(CPU_NAME=name, CPU_FEATURES=features)
    assert processor.target() == (name, found)
    assert processor.fused() == ("fma" in found)


@x86
def test_without_variables_it_is_this_processor_and_numba_may_leave_avx_out(numba):
    numba(CPU_NAME=None, CPU_FEATURES=None, ENABLE_AVX=1)
    name, found = processor.target()
    assert name == llvm.get_host_cpu_name() and found == processor.features_of_host() & ALL
    numba(ENABLE_AVX=0)
    left = processor.target()[1]
    # Numba removes what is called avx..., but newer processors also have `vaes`, which implies AVX2.
    assert "avx512f" not in left and ("avx2" not in left or "vaes" in processor.features_of_host())


def test_other_processors_tell_their_features_themselves(monkeypatch, numba):
    monkeypatch.setattr(processor, "_X86", False)
    numba(CPU_NAME="neoverse-n1", CPU_FEATURES="+neon,+lse,-sve")
    assert processor.target() == ("neoverse-n1", {"neon", "lse"}) and processor.fused()


@pytest.mark.parametrize(
    ("features", "has_fma", "shape"),
    [
        (ALL, True, (64, 8)),
        ({"avx2", "avx", "fma"}, True, (32, 6)),
        ({"avx", "fma"}, True, (32, 6)),  # of what NUMBA_ENABLE_AVX=0 leaves
        ({"avx2", "avx"}, False, (32, 2)),
        ({"avx"}, False, (16, 2)),
        (set(), False, (16, 2)),
        ({"neon"}, True, (16, 8)),
        ({"neon", "sve"}, True, (16, 8)),
    ],
)
def test_the_tile_follows_the_features(features, has_fma, shape):
    assert vectors.shape(features, has_fma) == shape


def _tile(vectors_of_tile, number, triple, processor_name):
    """The assembly of a tile for another processor than this one."""

    class Context:
        def get_value_type(self, number):
            return ir.FloatType() if number.bitwidth == 32 else ir.DoubleType()

    module = ir.Module()
    i64 = ir.IntType(64)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [i64] * 14), "tile")
    builder = ir.IRBuilder(function.append_basic_block())
    tiles._write_rows(vectors.Vectors(Context(), builder, number), vectors_of_tile, function.args)
    builder.ret_void()
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=processor_name, opt=3)
    parsed = llvm.parse_assembly(str(module))
    parsed.triple = triple
    return machine.emit_assembly(parsed)


@pytest.mark.parametrize("name", ["neoverse-n1", "apple-m1"])
@pytest.mark.parametrize("number", [types.float32, types.float64], ids=str)
@pytest.mark.parametrize(("columns", "sums"), [(2, [16, 8, 4, 2]), (1, [8, 4, 2, 1]), (tiles.WIDE, [8])])
def test_every_tile_of_arm_keeps_its_sums_in_registers(columns, sums, number, name, monkeypatch):
    shape = vectors.shape({"neon"}, True)
    for module in (tiles, vectors):
        monkeypatch.setattr(module, "VECTOR_BYTES", shape[0])
    monkeypatch.setattr(tiles, "TALLEST", shape[1])
    monkeypatch.setattr(tiles, "fused", lambda: True)
    monkeypatch.setattr(fused, "fused", lambda: True)
    code = _tile(columns, number, "aarch64-unknown-linux-gnu", name)
    loops = [block for block in re.split(r"\n(?=\.LBB)", code) if "fmla" in block]
    assert [block.count("fmla") for block in loops] == sums  # each height once
    for block in loops:
        assert not re.search(r"\[sp", block)


@x86
@pytest.mark.parametrize(
    ("variables", "host", "expected"),
    [
        ({"NUMBA_CPU_NAME": "generic"}, {"fma"}, "NUMBA_CPU_NAME=generic takes away"),
        ({"NUMBA_CPU_FEATURES": "-fma", "NUMBA_ENABLE_AVX": "0"}, {"fma"}, "NUMBA_CPU_FEATURES=-fma and NUMBA_ENA"),
        ({"NUMBA_CPU_NAME": "generic"}, set(), "this processor lacks"),
        ({}, set(), "this processor lacks"),
    ],
)
def test_why_products_are_slow_is_said(variables, host, expected, monkeypatch, numba):
    for name in processor.TARGET_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(processor, "features_of_host", lambda: host)
    numba(CPU_NAME="generic", CPU_FEATURES="")
    assert environment.slow_products().startswith(expected)
    numba(CPU_NAME="haswell", CPU_FEATURES="+fma")
    assert environment.slow_products() is None


@pytest.mark.parametrize(
    ("system", "machine", "size"), [("darwin", "arm64", 128), ("linux", "aarch64", 64), ("darwin", "x86_64", 64)]
)
def test_a_line_of_the_cache_is_as_long_as_the_processor_has_it(system, machine, size):
    assert arrays.line(system, machine) == size


def _stop(*arguments, **options):
    raise UsageError("as far as this")


@pytest.mark.parametrize(
    ("command", "entry"),
    [
        (["run", "functions"], "gdbench.api.runs.run"),
        (["time", "--processes", "1"], "gdbench.timing.timed"),
        (["time"], "gdbench.timing.timed_apart"),
        (["peers"], "gdbench.peers.comparison.compare"),
    ],
)
@pytest.mark.parametrize("slow", [None, "this processor lacks fused multiply-adds"])
def test_commands_warn_once_where_products_are_slow(command, entry, slow, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(environment, "slow_products", lambda: slow)
    monkeypatch.setattr(entry, _stop)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main([*command, "--backend", "cpu", "--quiet", "--json"])
    printed = capsys.readouterr()
    assert ended.value.code == 2 and not printed.out
    assert printed.err.splitlines() == [*([f"warning: {slow}"] if slow else []), "error: as far as this"]
