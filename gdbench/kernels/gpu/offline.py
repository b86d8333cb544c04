"""Compiles the kernels for GPUs without a GPU, and examines their machine code.

    for row in examined(processes=2):
        print(row.kernel, row.capability, row.needs, row.wrong)

It covers every rule's update in both dtypes for every capability. Of the sweep it covers variants in which any two
choices (dtype, threads, where arrays lie, rules, capability) occur together. The large engine's kernels come in both
dtypes, each for one capability.
"""

import json
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np

from gdbench.kernels.compile.cache import keep, read
from gdbench.kernels.compile.cuda import Gpu, Kernel
from gdbench.kernels.gpu.cubin import Needs, instructions, needs
from gdbench.kernels.gpu.large import kernels as large_kernels
from gdbench.kernels.gpu.large.products import FORWARD, INPUTS, TILES, WEIGHTS, product
from gdbench.kernels.gpu.sweep.kernel import sweep
from gdbench.kernels.gpu.sweep.planning import blocks_with_registers
from gdbench.kernels.rules.contract import Rule, scalar_rules
from gdbench.kernels.rules.registry import RULES

CAPABILITIES = ((7, 5), (8, 0), (9, 0))
H100 = Gpu("H100", (9, 0), 132, 232_448, 233_472, 80 * 10**9, 1.98e9)
REGISTERS = 65_536  # per multiprocessor, for every capability
MOST_REGISTERS = 255  # per thread
_UNIT = 8  # a thread gets a multiple of so many registers


class Subject(NamedTuple):
    """A kernel and the compute capability to compile it for."""

    kernel: Kernel
    capability: tuple[int, int]
    dtype: str
    slots: int | None = None  # for a rule's update only


@dataclass(frozen=True)
class Row:
    """What was found for a subject."""

    kernel: str
    capability: str
    threads: int  # per block
    blocks: int  # that a multiprocessor is to have registers for
    needs: Needs
    instructions: dict[str, int]
    wrong: tuple[str, ...]  # sentences

    def as_dict(self) -> dict[str, Any]:
        """All of it, flat, for JSON."""
        return {**asdict(self), "needs": self.needs._asdict()}


def subjects() -> Iterator[Subject]:
    """All subjects of the report, updates first."""
    yield from updates()
    yield from sweeps()
    yield from large()


def updates() -> Iterator[Subject]:
    """Every scalar rule's update, in both dtypes, for every capability."""
    for rule in _rules():
        for dtype in ("float32", "float64"):
            for capability in CAPABILITIES:
                yield Subject(large_kernels.update(rule, dtype), capability, dtype, len(rule.slots))


# Whether parameters, and whether activations, lie in shared memory.
_NEAR = {"near": (True, True), "apart": (False, True), "far": (False, False)}
# Any two choices of two columns occur together in a row; `all` rules take twice as long to compile as one.
SWEEPS = (
    ("float32", 32, "near", "one", (7, 5)),
    ("float64", 128, "apart", "one", (8, 0)),
    ("float32", 256, "far", "one", (9, 0)),
    ("float32", 128, "near", "several", (9, 0)),
    ("float64", 256, "apart", "several", (7, 5)),
    ("float32", 32, "far", "several", (8, 0)),
    ("float64", 256, "near", "plug-in", (8, 0)),
    ("float32", 32, "apart", "plug-in", (9, 0)),
    ("float32", 128, "far", "plug-in", (7, 5)),
    ("float64", 32, "far", "all", (7, 5)),
    ("float32", 128, "apart", "all", (8, 0)),
    ("float32", 256, "near", "all", (9, 0)),
    ("float64", 32, "near", "one", (9, 0)),
)


def sweeps() -> Iterator[Subject]:
    """Variants of the sweep's kernel."""
    rules = {
        "one": ("adam",),
        "several": ("lion", "momentum", "sgd"),
        "all": tuple(sorted(rule.name for rule in _rules())),
    }
    for dtype, threads, near, which, capability in SWEEPS:
        chosen = (_plug_in(),) if which == "plug-in" else tuple(RULES[name] for name in rules[which])
        blocks = blocks_with_registers(threads, np.dtype(dtype).itemsize, _NEAR[near])
        yield Subject(sweep(chosen, dtype, threads, blocks, _NEAR[near]), capability, dtype)


def large() -> Iterator[Subject]:
    """The large engine's kernels, without updates."""
    capabilities = cycle(CAPABILITIES)
    others = (
        *(
            large_kernels.gather,
            large_kernels.activations,
            large_kernels.activation_gradients,
            large_kernels.apply_loss,
        ),
        *(large_kernels.penalties, large_kernels.partial_sums, large_kernels.whole_sum, large_kernels.clipped),
    )
    for dtype in ("float32", "float64"):
        for kind in (FORWARD, INPUTS, WEIGHTS):
            for tile in TILES:
                yield Subject(product(kind, dtype, tile), next(capabilities), dtype)
        for make in others:
            yield Subject(make(dtype), next(capabilities), dtype)


def _rules() -> list[Rule]:
    """Our own scalar rules."""
    return [rule for rule in scalar_rules() if rule.ours]


@lru_cache(maxsize=1)
def _plug_in() -> Rule:
    """A rule as a user might write it, with everything that a rule may have; it is not registered."""

    def damped(p, g, a, b, c, d, k):
        a = k.momentum * a + g
        b = max(b, abs(a))
        c = c + b if k.nesterov else b
        d = d + g
        return p - k.lr * (a + k.mix * d / (c + k.eps)), a, b, c, d

    defaults = {"lr": 0.1, "momentum": 0.9, "mix": 0.5, "eps": 1e-6, "nesterov": True}
    return Rule("plug-in", damped, defaults, slots=("a", "b", "c", "d"), source="offline")


@lru_cache(maxsize=256)
def writes_fma(function: Callable[..., Any]) -> bool:
    """Whether a function of ours, or one that it calls, contains an explicit fused multiply-add."""
    seen: set[Any] = set()  # functions, not code objects: closures of one code hold different functions

    def writes(function: Any) -> bool:
        code = getattr(function, "__code__", None)
        if code is None or function in seen or not str(function.__module__).startswith("gdbench."):
            return False
        seen.add(function)
        called = [function.__globals__[name] for name in code.co_names if name in function.__globals__]
        called += [cell.cell_contents for cell in function.__closure__ or ()]
        return "fma" in code.co_names or any(map(writes, called))

    return writes(function)


def examined(processes: int) -> Iterator[Row]:
    """Examine every subject, in order, by `processes` processes: Numba compiles one kernel at a time in each."""
    asked = _all()
    if processes == 1:
        yield from map(examine, asked)
        return
    with multiprocessing.get_context("spawn").Pool(min(processes, len(asked)), _ignore_interrupts) as pool:
        yield from pool.imap(_examine, range(len(asked)))


@lru_cache(maxsize=1)
def _all() -> list[Subject]:
    return list(subjects())


def _examine(number: int) -> Row:
    """`examine` by number: a subject cannot be sent to another process, but every process has the same list."""
    return examine(_all()[number])


def _ignore_interrupts() -> None:
    """Ignore Ctrl-C, which reaches every process of a terminal: the first process ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def examine(subject: Subject) -> Row:
    """Compile a subject, or read what was kept of it, and check it."""
    kernel = subject.kernel
    path = kernel.kept_at(subject.capability, "json")
    content = read(path) if path else None
    found = json.loads(content) if content else None
    if found is None:
        image = kernel.image(subject.capability, fresh=True)
        found = {"needs": needs(image.cubin, image.entry), "instructions": instructions(image.ptx)}
        if path is not None:
            keep(path, json.dumps(found).encode())
    needed, counted = Needs(*found["needs"]), found["instructions"]
    capability = f"{subject.capability[0]}.{subject.capability[1]}"
    wrong = tuple(complaints(subject, needed, counted))
    return Row(kernel.name, capability, kernel.threads, kernel.blocks, needed, counted, wrong)


def complaints(subject: Subject, needed: Needs, counted: dict[str, int]) -> Iterator[str]:
    """What is wrong with the machine code, one sentence each."""
    if subject.dtype == "float32" and counted["f64"]:
        yield f"{counted['f64']} instructions on float64"
    if counted["loose"]:
        yield f"{counted['loose']} products, sums or quotients whose rounding is left to the assembler"
    if counted["fma"] and not writes_fma(subject.kernel.function):
        yield f"{counted['fma']} fused multiply-adds that the source does not write"
    if needed.stack or counted["local"]:
        yield f"{needed.stack} bytes a thread in local memory"
    if needed.registers > MOST_REGISTERS:
        yield f"{needed.registers} registers a thread"
    held = -(-needed.registers // _UNIT) * _UNIT * subject.kernel.threads * subject.kernel.blocks
    if held > REGISTERS:
        yield f"{held} registers for the blocks of a multiprocessor, which has {REGISTERS}"
    if subject.slots is not None:
        loads, stores = counted["16-byte loads"], counted["16-byte stores"]
        if not loads or loads * (1 + subject.slots) != stores * (2 + subject.slots) or counted["other stores"]:
            yield f"{loads} loads and {stores} stores of 16 bytes, {counted['other stores']} other stores"
