"""Compile what a suite needs before any trial is timed.

Numba compiles under one lock, so threads would wait for each other. Therefore another process compiles the rules into
the cache on disk, while this process compiles the kernels of the first problem. Then this one loads the rules.
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

WORTH = 3  # rules to compile; with fewer, another process does not pay, since it takes two seconds to start
PATIENCE = 300.0  # seconds that the other process has for all of them

Kind = tuple[str, str]  # a rule's name and a dtype


def compile_settings(chosen: Sequence[Setting]) -> None:
    """Compile what these settings need on the CPU.

    It trains one step of one trial for every problem, rule and dtype. This costs next to nothing where the kernels are
    compiled already. Raises UsageError if a rule or a function cannot be compiled.
    """
    started = time.perf_counter()
    settings = {(s.problem, s.definition["rule"], s.definition["dtype"]): s for s in chosen}
    # This process compiles the first rule itself, with the first problem; the other process gets the others.
    with _elsewhere(list(dict.fromkeys(kind[1:] for kind in settings))[1:]) as wait:
        for setting in settings.values():
            probe = {**setting.definition, "budget": {"steps": 1}, "evaluate": {"points": 2}}
            train(Trial(0, Setting(setting.problem, setting.rule, probe), 0, "tune", None))
            # After the first problem, wait for the rules; this process compiles those that are not ready in time.
            wait(max(0.0, started + PATIENCE - time.perf_counter()))


def compile_rules(kinds: Sequence[Kind]) -> None:
    """Compile the updates and the coefficients of these rules into the cache."""
    for name, dtype in kinds:
        find(name).compile(dtype)


@contextmanager
def _elsewhere(kinds: Sequence[Kind]) -> Iterator[Callable[[float], object]]:
    """Let another process compile the rules that the cache lacks, if it pays; yields its `wait(seconds)`."""
    # A plug-in's rules are compiled here, since the other process does not load plug-ins.
    lacking = [kind for kind in kinds if _ours(kind[0]) and not cache.kept("-".join(kind))]
    if len(lacking) < WORTH or jit.DISABLED or usable_cores() < 2 or cache.cache_problem():
        yield lambda seconds: None
        return
    with helper(f"from {__name__} import compile_rules; compile_rules({lacking!r})") as wait:
        yield wait


def _ours(name: str) -> bool:
    rule = find(name)
    return rule.ours and is_scalar(rule)
