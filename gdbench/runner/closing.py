"""The pass that ends a run: what a step of each chosen setting costs, on the machine that has just become idle.

    plan = closing_plan(chosen, jobs)
    samples = closing_pass(plan, wall)

Convergence and cost are measured apart: nothing else runs now, and every step is timed beside the references, in the
same rounds (gdbench/timing/rounds.py).
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from gdbench.data.problems import build
from gdbench.kernels.problem import Problem
from gdbench.kernels.rules.registry import find
from gdbench.machine.caches import Level
from gdbench.runner.trajectory import batch_size, clipping
from gdbench.suites import Setting
from gdbench.timing import Case, Plan, Sample, Timed, levels, measure, pace
from gdbench.timing.plan import prepared, references
from gdbench.timing.steps import LONGEST, whole_step
from gdbench.timing.subjects import side_by_side

SHARE = 0.1  # of the time that the trials took
LEAST, EACH, MOST = 1.0, 0.08, 10.0  # seconds: at all, for each subject, and at most


class Chosen(NamedTuple):
    """A setting that was chosen, and the median of its trials' steps to the target: infinite where there is none."""

    setting: Setting
    steps: float


def closing_plan(chosen: Sequence[Chosen], jobs: int) -> Plan:
    """A whole step of each setting, and the references: the peak, and the triad at the levels that the steps use.

    A direction rule, no step of which is like the next, takes as many as it needs to the target. The step of a
    network of middling size is also taken by 2, 4, ... threads side by side, up to `jobs`: what more trials at a time
    bring.
    """
    caches = levels()
    together: dict[tuple[object, ...], list[Chosen]] = {}
    for each in chosen:
        definition = each.setting.definition
        case = (each.setting.problem, batch_size(definition), definition["dtype"], *clipping(definition).values())
        together.setdefault(case, []).append(each)

    def beside(subjects: Sequence[Timed]) -> list[Timed]:
        found: list[Timed] = []
        for count in dict.fromkeys(subject.jobs for subject in subjects):
            same = [subject for subject in subjects if subject.jobs == count]
            dtypes, used = dict.fromkeys(str(s.dtype) for s in same), {s.memory for s in same}
            wanted = [level for level in caches if level.name in used]
            found += side_by_side(partial(references, list(dtypes), wanted, caches), count)
        return found

    builders = [partial(_steps, same, caches) for same in together.values()]
    networks = sorted((c for c in chosen if _problem(c).layers), key=_size)
    middle = networks[len(networks) // 2 :][:1]
    counts = sorted({min(2**i, jobs) for i in range(1, jobs.bit_length() + 1)} - {1}) if middle else []
    builders += [partial(side_by_side, partial(_steps, middle, caches), count) for count in counts]
    return prepared(builders, beside, caches, compiled_before=True)


def _size(chosen: Chosen) -> int:
    """Samples in a batch times parameters."""
    return batch_size(chosen.setting.definition) * _problem(chosen).size


def _problem(chosen: Chosen) -> Problem:
    definition = chosen.setting.definition
    return build(definition["problem"], definition["dtype"])


def _steps(chosen: Sequence[Chosen], caches: tuple[Level, ...]) -> list[Timed]:
    """Steps on one problem with one batch size, one after another on the same arrays."""
    definition = chosen[0].setting.definition
    case = Case(chosen[0].setting.problem, _problem(chosen[0]), batch_size(definition), clipping(definition))
    training = case.begin()
    found = []
    for setting, steps in chosen:
        rule, hyperparameters = find(setting.definition["rule"]), setting.definition["hyperparameters"]
        longest = max(1, int(steps)) if math.isfinite(steps) else LONGEST
        found.append(whole_step(case, setting.rule, rule, hyperparameters, caches, longest=longest, training=training))
    return found


def closing_pass(plan: Plan, wall: float) -> list[Sample]:
    """Time them in a tenth of `wall`, the seconds that the trials took, but in as many as they need, up to 10.

    Where they are very many there are fewer than five rounds; one round is made however long it takes, after one step
    of each.
    """
    seconds = min(max(SHARE * wall, LEAST + EACH * len(plan.subjects)), MOST)
    chosen = pace(len(plan.subjects), seconds)
    return measure(plan.subjects, renew=plan.renew, **chosen._asdict(), longest=chosen.longest, limit=seconds)
