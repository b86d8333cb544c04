"""Updates and all that the whole GPU does, compiled for GPUs that are not here; faults that must be noticed."""

import itertools
import json
import struct
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from rule_table import ROWS

from gdbench.cli import main
from gdbench.errors import GdbenchError
from gdbench.kernels import RULES
from gdbench.kernels.compile.cuda import Image, Kernel
from gdbench.kernels.compile.jit import CUDA_FLAGS
from gdbench.kernels.gpu import cubin, offline
from gdbench.kernels.gpu.cubin import Needs, instructions, needs
from gdbench.kernels.gpu.large import kernels as large_kernels
from gdbench.kernels.gpu.offline import Subject, complaints, examine, large, updates, writes_fma
from gdbench.kernels.gpu.update import _max, _min
from gdbench.kernels.rules.contract import Rule


@pytest.mark.slow
@pytest.mark.needs("cuda-compiler")
@pytest.mark.parametrize("name", sorted(rule.name for rule in offline._rules()))
def test_every_rules_update_compiles_to_what_we_wrote(name):
    mine = [subject for subject in updates() if subject.kernel.variant in (f"{name}-float32", f"{name}-float64")]
    assert len(mine) == 2 * len(offline.CAPABILITIES)
    assert [(row.kernel, row.capability, row.wrong) for row in map(examine, mine) if row.wrong] == []


@pytest.mark.slow
@pytest.mark.needs("cuda-compiler")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_the_whole_gpu_does_compiles_to_what_we_wrote(dtype):
    rows = [examine(subject) for subject in large() if subject.dtype == dtype]
    assert [row for row in rows if row.wrong] == []


def test_which_rules_write_fused_multiply_adds_is_known():
    fused = {rule.name for rule in offline._rules() if writes_fma(rule.function)}
    assert fused == {name for name, row in ROWS.items() if row.divides}


def _fresh(rule, dtype="float32", **changes):
    """What is wrong with an update compiled anew, and not kept."""
    kernel = large_kernels.update(rule, dtype)
    options = {"threads": kernel.threads, "blocks": kernel.blocks, "source": None, **changes}
    again = Kernel(kernel.function, kernel.signature, **options)
    return examine(Subject(again, (9, 0), dtype, len(rule.slots))).wrong


@pytest.mark.needs("cuda-compiler")
def test_contraction_is_noticed(monkeypatch):
    assert _fresh(RULES["momentum"]) == ()
    monkeypatch.setitem(CUDA_FLAGS, "fma", True)
    found = " ".join(_fresh(RULES["momentum"]))
    assert (
        "whose rounding is left to the assembler" in found and "fused multiply-adds that the source does not" in found
    )


@pytest.mark.needs("cuda-compiler")
def test_a_number_of_the_rules_own_is_noticed():
    def halved(p, g, v, c):
        v = 0.9 * v + g
        return p - c.lr * v, v

    (wrong,) = _fresh(Rule("halved", halved, {"lr": 0.1}, slots=("v",), source=None))
    assert "instructions on float64" in wrong


@pytest.mark.needs("cuda-compiler")
def test_spilled_registers_are_noticed():
    (wrong,) = _fresh(RULES["ranger"], "float64", blocks=8)  # 8 blocks of 256 threads: 32 registers a thread
    assert "in local memory" in wrong


def test_each_complaint_has_its_cause():
    subject = Subject(large_kernels.update(RULES["momentum"], "float32"), (9, 0), "float32", 1)
    good = dict.fromkeys(cubin.KINDS, 0) | {"16-byte loads": 9, "16-byte stores": 6, "other loads": 3}
    assert list(complaints(subject, Needs(64, 0, 0), good)) == []
    for change in ("f64", "loose", "fma", "local", "other stores"):
        assert len(list(complaints(subject, Needs(64, 0, 0), good | {change: 1}))) == 1, change
    for change in ({"16-byte loads": 8}, {"16-byte loads": 0, "16-byte stores": 0}):
        assert len(list(complaints(subject, Needs(64, 0, 0), good | change))) == 1, change
    assert len(list(complaints(subject, Needs(64, 0, 8), good))) == 1
    assert len(list(complaints(subject, Needs(128, 0, 0), good))) == 0  # 128 x 256 x 2 = 65,536 in all
    assert len(list(complaints(subject, Needs(129, 0, 0), good))) == 1
    assert len(list(complaints(subject, Needs(256, 0, 0), good))) == 2


def test_instructions_are_counted_by_kind():
    ptx = """
    .visible .shared .align 4 .b8 numbers[256];
$L__BB0_1:
    ld.param.u64 %rd1, [a];
    @%p1 bra $L__BB0_1;
    @!%p12 mul.f32 %f1, %f2, %f3;
    add.rn.f32 %f1, %f1, %f2;
    sub.rn.f64 %fd1, %fd1, %fd2;
    fma.rn.f32 %f1, %f1, %f2, %f3;
    mul.lo.s64 %rd1, %rd1, %rd2;
    div.approx.f32 %f1, %f1, %f2;
    sqrt.rn.f32 %f1, %f1;
    ld.shared.v4.f32 {%f1, %f2, %f3, %f4}, [%rd1];
    ld.global.v2.f64 {%fd1, %fd2}, [%rd1];
    ld.global.v2.f32 {%f1, %f2}, [%rd1];
    st.shared.f32 [%rd1], %f1;
    st.local.v4.f32 [%rd1], {%f1, %f2, %f3, %f4};
    bar.sync 0;
    { // callseq 0, 0
    call.uni (retval0),
    function,
    (
    param0
    );
    }
    """
    counted = instructions(ptx)
    expected = {
        "fma": 1, "mul": 1, "add": 2, "div": 1, "sqrt": 1, "loose": 2, "16-byte loads": 2, "16-byte stores": 0,
        "other loads": 1, "other stores": 1, "local": 1, "barriers": 1, "calls": 1, "f64": 2,
    }  # fmt: skip
    assert counted == expected


def _elf(capability, sections, version=8):
    """A small ELF file of NVIDIA's kind."""
    names, bodies, headers = b"\0", b"", []
    for name, (kind, body) in {**sections, ".shstrtab": (3, None)}.items():
        at, names = len(names), names + name.encode() + b"\0"
        body = names if body is None else body
        size = body if isinstance(body, int) else len(body)
        headers.append(struct.pack("<IIQQQQIIQQ", at, kind, 0, 0, 64 + len(bodies), size, 0, 0, 0, 0))
        bodies += b"" if isinstance(body, int) else body
    flags = capability << 8 if version >= 8 else capability
    head = b"\x7fELF\x02\x01\x01\x41" + bytes([version]) + bytes(7)
    head += struct.pack(
        "<HHIQQQIHHHHHH", 2, 190, 1, 0, 0, 64 + len(bodies), flags, 64, 0, 0, 64, len(headers), len(headers) - 1
    )
    return head + bodies + b"".join(headers)


def test_needs_are_read_from_the_sections_of_a_cubin():
    info = struct.pack("<BBHII", 4, 0x2F, 8, 3, 96) + struct.pack("<BBH", 3, 0x1B, 128)
    info += struct.pack("<BBHII", 4, 0x2F, 8, 5, 24) + struct.pack("<BBHI", 4, 0x0A, 4, 99)
    info += struct.pack("<BBHII", 4, 0x11, 8, 3, 40) + struct.pack("<BBHII", 4, 0x12, 8, 3, 16)
    sections = {".nv.info": (0x70000000, info), ".text.k": (1, b"code"), ".nv.shared.k": (8, 1920)}
    assert needs(_elf(80, sections), "k") == Needs(96, 1920, 40)
    assert needs(_elf(80, sections, version=7), "k") == Needs(96, 1920, 40)
    assert needs(_elf(90, sections), "k") == Needs(96, 896, 40)
    assert needs(_elf(90, {**sections, ".nv.info": (0x70000000, b"")}), "k") == Needs(0, 896, 0)
    with pytest.raises(ValueError, match="no machine code of other"):
        needs(_elf(80, sections), "other")
    with pytest.raises(ValueError, match="no ELF file"):
        needs(b"MZ", "k")
    with pytest.raises(ValueError, match="no ELF file"):
        needs(_elf(80, sections)[:-80], "k")


def test_without_pyelftools_machine_code_is_not_read_and_a_sentence_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "elftools.elf.elffile", None)
    with pytest.raises(GdbenchError, match="`pip install pyelftools`"):
        needs(_elf(80, {}), "k")


def test_any_two_choices_meet_in_a_variant_of_the_training_kernel():
    columns = [set(values) for values in zip(*offline.SWEEPS, strict=True)]
    assert [len(values) for values in columns] == [2, 3, 3, 4, 3]
    for (i, first), (j, second) in itertools.combinations(enumerate(columns), 2):
        met = {(line[i], line[j]) for line in offline.SWEEPS}
        assert met == set(itertools.product(first, second))


@pytest.fixture
def two(monkeypatch):
    """A report on two kernels, of which one has spilled."""
    rows = [
        offline.Row("a", "9.0", 32, 16, Needs(96, 512, 0), dict.fromkeys(cubin.KINDS, 0), ()),
        offline.Row("b", "7.5", 32, 16, Needs(128, 512, 8), dict.fromkeys(cubin.KINDS, 1), ("8 bytes a thread",)),
    ]
    monkeypatch.setattr("gdbench.kernels.compile.cuda.missing_compiler", lambda: None)
    monkeypatch.setattr(offline, "examined", lambda processes: iter(rows))
    return rows


def _printed(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["gpu-check", *arguments])
    return ended.value.code, capsys.readouterr()


def test_the_report_names_what_is_wrong_and_says_so_by_its_exit_code(two, capsys):
    code, (out, _) = _printed(capsys, "--offline")
    assert code == 3 and "8 bytes a thread" in out and "2 kernels, 1 with something wrong" in out


def test_the_report_is_json_on_demand(two, capsys):
    two.pop()
    code, (out, _) = _printed(capsys, "--offline", "--json")
    (row,) = json.loads(out)
    assert code == 0 and row["needs"] == {"registers": 96, "shared": 512, "stack": 0} and row["wrong"] == []


def test_without_the_compiler_the_report_says_what_installs_it(monkeypatch, capsys):
    monkeypatch.setattr("gdbench.kernels.compile.cuda.missing_compiler", lambda: "numba-cuda is not installed")
    code, (_, error) = _printed(capsys, "--offline")
    assert code == 3 and "numba-cuda is not installed" in error


def test_without_a_gpu_only_the_report_can_be_had(monkeypatch, capsys):
    monkeypatch.setattr("gdbench.kernels.compile.cuda.missing", lambda: "no NVIDIA driver was found")
    code, (_, error) = _printed(capsys)
    assert code == 3 and "no NVIDIA driver was found" in error


@pytest.mark.needs("numba-cuda")
def test_the_driver_is_given_the_code_as_numba_cuda_takes_it(monkeypatch):
    from cuda import core

    taken = []

    def create(code, begin, end):
        taken.append(code)
        return SimpleNamespace(get_function=lambda entry: entry)

    device = SimpleNamespace(id=0, compute_capability=(9, 0))
    context = SimpleNamespace(device=device, create_module_image=create)
    monkeypatch.setattr("gdbench.kernels.compile.cuda.cuda", SimpleNamespace(current_context=lambda: context))
    kernel = Kernel(lambda: None, (), threads=32)
    monkeypatch.setattr(kernel, "image", lambda capability: Image("entry", b"\x7fELF"))
    assert kernel._load() == "entry" and kernel._load() == "entry"
    (code,) = taken
    assert isinstance(code, core.ObjectCode) and code.code_type == "cubin"


@pytest.mark.needs("cuda-compiler")
def test_max_and_min_of_a_plug_in_are_pythons():
    def clamped(p, g, c):
        return p - max(c.lr, min(g, p))

    rule = Rule("clamped", clamped, {"lr": 0.1})
    image = large_kernels.update(rule, "float32").image((9, 0), fresh=True)
    assert "max.f32" not in image.ptx and "min.f32" not in image.ptx and "selp" in image.ptx
    for x, y in ((1.0, np.nan), (np.nan, 1.0), (0.0, -0.0), (-0.0, 0.0), (1.0, 2.0), (2.0, 1.0)):
        assert np.array_equal([_max(x, y), _min(x, y)], [max(x, y), min(x, y)], equal_nan=True)
        assert np.signbit(_max(x, y)) == np.signbit(max(x, y))


@pytest.mark.needs("numba-cuda")
def test_processes_find_what_one_finds_in_the_same_order(monkeypatch):
    few = list(itertools.islice(updates(), 3))
    monkeypatch.setattr(offline, "_all", lambda: few)
    assert list(offline.examined(2)) == list(offline.examined(1)) == [examine(subject) for subject in few]
