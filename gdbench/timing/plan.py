"""Plan a timing: its subjects are the steps and parts of its cases, and the references."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from gdbench.kernels.compile.jit import compilations
from gdbench.kernels.rules.contract import is_scalar
from gdbench.kernels.rules.registry import BaseRule
from gdbench.machine.caches import Level, levels
from gdbench.timing.layout import scattered
from gdbench.timing.references import peak, triad
from gdbench.timing.steps import Case, parts, update, whole_step
from gdbench.timing.subjects import Timed, side_by_side


class Plan(NamedTuple):
    """Subjects that have run once, so that timing them compiles nothing."""

    subjects: list[Timed]
    renew: Callable[[], list[Timed]]  # builds all but the references again (gdbench/timing/layout.py)
    caches: tuple[Level, ...]
    seconds: float  # for building, compiling and the first steps
    compiled: int  # functions that were compiled; the others came from the cache on disk


def plan(cases: Sequence[Case], rules: Mapping[str, BaseRule], jobs: Sequence[int] = (1,)) -> Plan:
    """Plan the steps, parts and products of every case and the updates of every rule, at each number of jobs.

    rules: by their labels. jobs: numbers of threads that run side by side.
    """
    caches, dtypes = levels(), list(dict.fromkeys(case.problem.dtype for case in cases))
    builders = [
        partial(side_by_side, partial(_of_case, case, rules, caches), count) for count in jobs for case in cases
    ]

    def beside(_: Sequence[Timed]) -> list[Timed]:
        each = partial(references, dtypes, caches, caches)
        return [reference for count in jobs for reference in side_by_side(each, count)]

    return prepared(builders, beside, caches)


def prepared(
    builders: Sequence[Callable[[], Sequence[Timed]]],
    beside: Callable[[Sequence[Timed]], Sequence[Timed]],
    caches: tuple[Level, ...],
    *,
    compiled_before: bool = False,
) -> Plan:
    """A plan of the subjects that the builders build, and of the references that `beside` adds; each name once.

    compiled_before: whether the kernels of the subjects have run in this process; then only the references take a
    first step.
    """
    started = time.perf_counter()
    build = scattered(builders)
    with compilations() as compiled:
        found = build()
        others = beside(found)
        subjects = list({subject.name: subject for subject in [*found, *others]}.values())
        for subject in others if compiled_before else subjects:
            subject.run(1)
    return Plan(subjects, build, caches, time.perf_counter() - started, len(compiled))


def references(dtypes: Sequence[str], wanted: Sequence[Level], caches: tuple[Level, ...]) -> list[Timed]:
    """The peak in each dtype, and the triad at each wanted level. caches: all levels of this machine."""
    return [*map(peak, dtypes), *(triad(level, caches) for level in wanted)]


def _of_case(case: Case, rules: Mapping[str, BaseRule], caches: tuple[Level, ...]) -> list[Timed]:
    found = list(parts(case)) if case.problem.layers else []
    for label, rule in rules.items():
        found.append(whole_step(case, label, rule, {}, caches))
        if is_scalar(rule) and case.problem.layers:
            found.append(update(case, label, rule, {}, caches))
    return found
