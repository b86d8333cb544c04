"""Time steps on a GPU: of one trial alone, of as many as it trains at once, and of updates alone.

    found = timed(TimingRequest(rules=["adam"], nets=["64-32-10"]), rounds=10)
    found.timing.subjects, found.timing.samples, found.words

Subjects, facts and references are those of `gdbench time` on a CPU. jobs: trials that are trained side by side. A step
is timed as in a run, with its launches, and with the CPU's preparation where the GPU has to wait for it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gdbench.errors import UsageError
from gdbench.kernels.compile import cuda
from gdbench.kernels.compile.cuda import Gpu
from gdbench.kernels.gpu.costs import choose
from gdbench.kernels.gpu.engines import Engine, engines, take
from gdbench.kernels.gpu.sweep.engine import SweepEngine
from gdbench.kernels.gpu.trials import GpuTrial
from gdbench.kernels.rules.contract import Rule, is_scalar
from gdbench.kernels.rules.registry import BaseRule, find
from gdbench.timing import Timing, TimingRequest, cases, work
from gdbench.timing.gpu.references import levels, moving, peak, update
from gdbench.timing.gpu.samples import Measured, OnGpu, measured
from gdbench.timing.pace import ON_GPU
from gdbench.timing.rates import Constant
from gdbench.timing.steps import LR, Case

ENDLESS = 2**40  # steps
SEEDS = 16  # that the trials side by side take in turn, as in a suite


@dataclass(frozen=True)
class GpuTiming:
    """The results of a timing, and sentences about its samples."""

    timing: Timing
    words: str


def timed(asked: TimingRequest, rounds: int, watch: Callable[[str], None] = lambda text: None) -> GpuTiming:
    """Time what is asked for on the present GPU. watch: called with a line of progress.

    Raises UsageError for a rule or problem that the GPU cannot train.
    """
    started = time.perf_counter()
    gpu, subjects = cuda.gpu(), list[OnGpu]()
    chosen = {name: find(name) for name in asked.rules}
    for case in cases(asked.nets, asked.problems, asked.batches, asked.dtypes):
        subjects += of_case(case, chosen, gpu)
    dtypes = dict.fromkeys(str(subject.dtype) for subject in subjects)
    subjects += [peak(gpu, dtype, jobs) for jobs in sorted({s.jobs for s in subjects}) for dtype in dtypes]
    subjects += [moving(gpu, level.name, "triad") for level in levels(gpu)]
    subjects = list({subject.name: subject for subject in subjects}.values())
    for subject in subjects:
        watch(f"compiling: {subject.name}")
        subject.run(1)
    cuda.synchronize()
    seconds = time.perf_counter() - started

    def done(turn: int) -> None:
        watch(f"round {turn} of {rounds}, {len(subjects)} subjects")

    done(0)
    found: Measured = measured(subjects, **ON_GPU._replace(rounds=rounds)._asdict(), watch=done)
    facts = [subject.facts() for subject in subjects]
    return GpuTiming(Timing(facts, found.samples, levels(gpu), seconds, 0), found.words)


def of_case(case: Case, rules: Mapping[str, BaseRule], gpu: Gpu) -> Sequence[OnGpu]:
    """The subjects of a case. Raises UsageError for a problem or rule that the GPU cannot train."""
    if not case.problem.layers:
        raise UsageError(
            f"problem {case.label!r} is not a network; a GPU trains networks, so time it with --backend cpu"
        )
    found = []
    for name, rule in rules.items():
        if not is_scalar(rule):
            raise UsageError(f"rule {name!r} sees more than a gradient; time it with --backend cpu")
        alone = _members(case, rule, 1)
        choice = choose(case.network, alone, gpu)
        found.append(_steps(case, name, next(engines(case.network, alone, choice=choice))[0]))
        # As many trials as the GPU trains at once; an engine for large networks trains them one after another.
        together = choice.sweep.resident * gpu.multiprocessors
        if together > 1 and choice.engine == "sweep":
            found.append(_steps(case, name, SweepEngine(case.network, _members(case, rule, together))))
        own = update(gpu, rule, case.problem.dtype, case.problem.size)
        facts = {**case.facts, "name": case.named("update", name), "rule": name}
        found.append(OnGpu(run=own.run, part="update", bytes=own.bytes, memory=own.memory, **facts))
    return found


def _members(case: Case, rule: Rule, trials: int) -> list[GpuTrial]:
    """So many trials with the rule's default hyperparameters, at a learning rate at which parameters hardly move."""
    hyperparameters = {**rule.with_defaults({}), "lr": LR}
    return [
        GpuTrial(rule, hyperparameters, Constant(LR), rule.name, trial % SEEDS, case.batch_size, ENDLESS, (0,))
        for trial in range(trials)
    ]


def _steps(case: Case, name: str, engine: Engine) -> OnGpu:
    """A step of all trials of an engine. flops: of one trial."""
    jobs = len(engine.gpu_trials)

    def run(count: int) -> None:
        take(engine, count)

    return OnGpu(
        case.named("step", name) + (f", {jobs} jobs" if jobs > 1 else ""),
        run,
        part="step",
        rule=name,
        jobs=jobs,
        flops=float(sum(work.step_flops(case.network.sizes, case.batch_size))),
        **case.facts,
    )
