"""The closing pass of a run: time a step of each chosen setting on the machine, which is idle now.

    plan = closing_plan(chosen, jobs)
    samples = closing_pass(plan, wall)

Convergence and cost are measured apart, so that trials that run side by side do not disturb the timing. Every step is
timed in the same rounds as the references (gdbench/timing/rounds.py).
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
from gdbench.timing.steps import LONGEST, shuffles, whole_step
from gdbench.timing.subjects import side_by_side

SHARE = 0.1  # of the time that the trials took
LEAST, EACH, MOST = 1.0, 0.08, 10.0  # seconds: a pass takes at least LEAST and EACH per subject, and at most MOST


class Chosen(NamedTuple):
    """A chosen setting. steps: the median steps to target of its trials; infinite without a target or a crossing."""

    setting: Setting
    steps: float


def closing_plan(chosen: Sequence[Chosen], jobs: int) -> Plan:
    """Plan to time a whole step of each setting, the peak, and the triad at the memory levels that the steps use.

    The steps of a direction rule differ, so its descent is timed up to the target. The step of the network of median
    size is also timed on 2, 4, ... threads side by side, up to `jobs`. This shows what parallel trials gain.
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
    builders += [partial(shuffles, _case(same[0])) for same in together.values()]
    networks = sorted((c for c in chosen if _problem(c).layers), key=_size)
    middle = networks[len(networks) // 2 :][:1]
    counts = sorted({min(2**i, jobs) for i in range(1, jobs.bit_length() + 1)} - {1}) if middle else []
    builders += [partial(side_by_side, partial(_steps, middle, caches), count) for count in counts]
    return prepared(builders, beside, caches, compiled_before=True)


def _size(chosen: Chosen) -> int:
    """The batch size times the number of parameters."""
    return batch_size(chosen.setting.definition) * _problem(chosen).size


def _problem(chosen: Chosen) -> Problem:
    definition = chosen.setting.definition
    return build(definition["problem"], definition["dtype"])


def _case(chosen: Chosen) -> Case:
    definition = chosen.setting.definition
    return Case(chosen.setting.problem, _problem(chosen), batch_size(definition), clipping(definition))


def _steps(chosen: Sequence[Chosen], caches: tuple[Level, ...]) -> list[Timed]:
    """Whole steps of settings that share a problem and a batch size; they share one set of arrays too."""
    case = _case(chosen[0])
    training = case.begin()
    found = []
    for setting, steps in chosen:
        rule, hyperparameters = find(setting.definition["rule"]), setting.definition["hyperparameters"]
        longest = max(1, int(steps)) if math.isfinite(steps) else LONGEST
        found.append(whole_step(case, setting.rule, rule, hyperparameters, caches, longest=longest, training=training))
    return found


def closing_pass(plan: Plan, wall: float) -> list[Sample]:
    """Time the plan's subjects for a tenth of `wall`, the seconds that the trials took.

    It takes longer if the subjects need it, but at most 10 s. With very many subjects there are fewer than five rounds.
    One round always runs to its end, after one step of each subject.
    """
    seconds = min(max(SHARE * wall, LEAST + EACH * len(plan.subjects)), MOST)
    chosen = pace(len(plan.subjects), seconds)
    return measure(plan.subjects, renew=plan.renew, **chosen._asdict(), longest=chosen.longest, limit=seconds)
