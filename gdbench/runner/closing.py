"""The pass that ends a run: what a step of each chosen setting costs, on the machine that has just become idle.

    subjects = closing_subjects(chosen)
    samples = closing_pass(subjects, wall)

Convergence and cost are measured apart: nothing else runs now, and every step is timed beside the references, in the
same rounds (gdbench/timing/rounds.py).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from gdbench.data.problems import build
from gdbench.kernels.registry import find
from gdbench.runner.trial import batch_size, clipping
from gdbench.suites import Setting
from gdbench.timing import Case, Sample, Timed, levels, measure, pace
from gdbench.timing.plan import references
from gdbench.timing.steps import LONGEST, whole_step

SHARE = 0.1  # of the time that the trials took
LEAST, MOST = 1.0, 10.0  # seconds


class Chosen(NamedTuple):
    """A setting that was chosen, and the median of its trials' steps to the target: infinite where there is none."""

    setting: Setting
    steps: float


def closing_subjects(chosen: Sequence[Chosen]) -> list[Timed]:
    """A whole step of each setting, and the references: the peak, and the triad at the levels that the steps use.

    A direction rule, no step of which is like the next, takes as many as it needs to the target.
    """
    caches = levels()
    subjects, begun = [], {}
    for setting, steps in chosen:
        definition = setting.definition
        problem = build(definition["problem"], definition["dtype"])
        case = Case(setting.problem, problem, batch_size(definition), clipping(definition))
        same = (case.named("step"), *case.clipping.values())
        if same not in begun:
            begun[same] = case.begin()
        longest = max(1, int(steps)) if math.isfinite(steps) else LONGEST
        rule, settings = find(definition["rule"]), definition["hyperparameters"]
        subjects.append(whole_step(case, setting.rule, rule, settings, caches, longest=longest, training=begun[same]))
    dtypes = dict.fromkeys(str(subject.dtype) for subject in subjects)
    used = {subject.memory for subject in subjects}
    return subjects + references(list(dtypes), [level for level in caches if level.name in used], caches)


def closing_pass(subjects: Sequence[Timed], wall: float) -> list[Sample]:
    """Time them in a tenth of `wall`, the seconds that the trials took, but in 1 at least and in 10 at most.

    Where they are very many there are fewer than five rounds.
    """
    seconds = min(max(SHARE * wall, LEAST), MOST)
    chosen = pace(len(subjects), seconds)
    return measure(subjects, **chosen._asdict(), longest=chosen.longest, limit=seconds)
