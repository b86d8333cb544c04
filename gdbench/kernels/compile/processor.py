"""Find out what Numba compiles for: the processor's name, and the features that its machine code really uses.

Names and flags do not show it. A processor's name implies features, a feature implies others, `-avx` removes fused
multiply-adds too, and Numba removes features if `NUMBA_ENABLE_AVX=0`. So a few lines are compiled as Numba would, and
their machine code is read.
"""

import re
from functools import lru_cache
from typing import Any

import llvmlite.binding as llvm
import numba

from gdbench.kernels.compile.numba_internals import get_host_cpu_features, initialize_llvm

# For each feature of x86: the type of a function's arguments and result, its value, and the machine code that it
# becomes only with the feature.
_PROBES = {
    "avx512f": ("<16 x float>", "fadd <16 x float> %x, %y", r"zmm"),
    "avx2": ("<8 x i32>", "add <8 x i32> %x, %y", r"vpadd.*ymm"),
    "avx": ("<8 x float>", "fadd <8 x float> %x, %y", r"vaddps.*ymm"),
    "fma": ("double", "call double @llvm.fma.f64(double %x, double %y, double %y)", r"vfmadd"),
    "sse4.2": ("<2 x i64>", "add <2 x i64> %r, %y", r"pcmpgtq"),
}
TARGET_VARIABLES = ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_ENABLE_AVX")  # with which users change the target
_COMPARED = "%c = icmp sgt <2 x i64> %x, %y\n%r = sext <2 x i1> %c to <2 x i64>\n"


_X86 = llvm.get_process_triple().startswith("x86_64")


def target() -> tuple[str, frozenset[str]]:
    """The processor that Numba compiles for, which need not be this one, and its features.

    On x86 the features are those of `_PROBES`; elsewhere they are LLVM's for the processor.
    """
    config: Any = numba.config
    flags = get_host_cpu_features() if config.CPU_FEATURES is None else config.CPU_FEATURES
    name = config.CPU_NAME or llvm.get_host_cpu_name()
    return name, _features(name, flags)


def features_of_host() -> set[str]:
    """The features that LLVM detects on this processor, whatever Numba compiles for."""
    return {feature for feature, has in llvm.get_host_cpu_features().items() if has}


def fused() -> bool:
    """Whether Numba's machine code multiplies and adds in one instruction, as it always does on other than x86."""
    return not _X86 or "fma" in target()[1]


@lru_cache(maxsize=16)
def _features(name: str, flags: str) -> frozenset[str]:
    """The features of machine code for a processor. flags: LLVM's, such as "+avx2,-fma"."""
    if not _X86:
        return frozenset(flag[1:] for flag in flags.split(",") if flag.startswith("+"))
    initialize_llvm()
    functions = [
        f'define {kind} @"{feature}"({kind} %x, {kind} %y) {{\n{_COMPARED if "%r" in value else ""}'
        f"%z = {value}\nret {kind} %z\n}}"
        for feature, (kind, value, _) in _PROBES.items()
    ]
    module = llvm.parse_assembly("\n".join(["declare double @llvm.fma.f64(double, double, double)", *functions]))
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(cpu=name, features=flags, opt=0)
    code = machine.emit_assembly(module)
    return frozenset(feature for feature, (*_, seen) in _PROBES.items() if re.search(seen, code))
