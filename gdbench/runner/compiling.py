"""Compiling what a suite needs, before any of its trials is on the clock.

Numba compiles under one lock, so threads would wait for each other: while this process compiles the kernels of the
first problem, another compiles the rules into the cache on disk, from where this one then loads them.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from gdbench.kernels.compile import cache, jit
from gdbench.kernels.rules.contract import is_scalar
from gdbench.kernels.rules.registry import find
from gdbench.machine.environment import usable_cores
from gdbench.machine.processes import helper
from gdbench.runner.trial import train
from gdbench.suites import Setting, Trial

WORTH = 3  # rules to compile from which on another process pays, which takes two seconds to begin
PATIENCE = 300.0  # seconds for all of them, from the beginning on

Kind = tuple[str, str]  # a rule's name and a dtype


def compile_settings(chosen: Sequence[Setting]) -> None:
    """Compile what these settings need on the CPU.

    Trains one step of one trial for every problem, rule and dtype; what is compiled already costs next to nothing.
    Raises UsageError when a rule or a function cannot be compiled.
    """
    started = time.perf_counter()
    settings = {(s.problem, s.definition["rule"], s.definition["dtype"]): s for s in chosen}
    with _elsewhere(list(dict.fromkeys(kind[1:] for kind in settings))[1:]) as wait:
        for setting in settings.values():
            probe = {**setting.definition, "budget": {"steps": 1}, "evaluate": {"points": 2}}
            train(Trial(0, Setting(setting.problem, setting.rule, probe), 0, "tune", None))
            wait(max(0.0, started + PATIENCE - time.perf_counter()))  # what it does not manage, this process compiles


def compile_rules(kinds: Sequence[Kind]) -> None:
    """Compile the updates and the coefficients of these rules into the cache."""
    for name, dtype in kinds:
        find(name).compile(dtype)


@contextmanager
def _elsewhere(kinds: Sequence[Kind]) -> Iterator[Callable[[float], object]]:
    """Let another process compile those of these rules that the cache lacks, if it pays; gives its `wait`."""
    lacking = [kind for kind in kinds if _ours(kind[0]) and not cache.kept("-".join(kind))]
    if len(lacking) < WORTH or jit.DISABLED or usable_cores() < 2 or cache.cache_problem():
        yield lambda seconds: None
        return
    with helper(f"from {__name__} import compile_rules; compile_rules({lacking!r})") as wait:
        yield wait


def _ours(name: str) -> bool:
    rule = find(name)
    return rule.ours and is_scalar(rule)
