"""Trials on the GPU: those of one network and dtype together, by whichever engine is sooner; and what if it fails.

backend = Cuda(suite)
backend.prepare(suite.settings)
for name, records in backend.train(orders_of(trials)):  # of settings that it does not refuse
    store.add(run, code, name, records)

A trial has the record that `runner.trial.train` gives it, whatever the GPU and whichever trials it ran with.
"""

import gc
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from gdbench.data.problems import build
from gdbench.kernels import MLP, Rule
from gdbench.kernels.compile import cuda
from gdbench.kernels.compile.driver import SIMULATED
from gdbench.kernels.gpu.costs import Choice, choose
from gdbench.kernels.gpu.engines import Engine, engines
from gdbench.kernels.gpu.layout import SPLITS
from gdbench.kernels.gpu.sweep.engine import room
from gdbench.kernels.gpu.trials import GpuTrial, Stop
from gdbench.kernels.networks.mlp import is_network
from gdbench.kernels.rules.contract import find_scalar, is_scalar
from gdbench.kernels.rules.registry import find
from gdbench.machine.gpus import QueryError, gpus
from gdbench.results.metrics import rises
from gdbench.runner.backends.contract import Order, Trained
from gdbench.runner.trajectory import Trajectory, batch_size, clipping, failed, named
from gdbench.runner.trial import work
from gdbench.store import TrialRecord
from gdbench.suites import Setting, Suite, Trial

SHARE = 0.5  # of the free memory that trials may fill: what launches bring with them needs some too

Key = tuple[str, str, str | None]


@dataclass
class Group:
    """The trials of a suite that share kernels: one network, one dtype, rules of one source.

    first, second: trials like its trials of the grid, and like those that follow, in all but what they learn.
    """

    name: str
    problem: MLP
    rules: dict[str, Rule] = field(default_factory=dict)
    largest: int = 0  # batch size
    first: list[GpuTrial] = field(default_factory=list)
    second: list[GpuTrial] = field(default_factory=list)
    refused: str = ""  # why it cannot be compiled for the GPU

    def engines(
        self, gpu_trials: Sequence[GpuTrial], choice: Choice | None = None
    ) -> Iterator[tuple[Engine, list[int]]]:
        """What trains these trials on the GPU, and which of them (kernels/gpu/engines.py)."""
        rules = list(self.rules.values())
        return engines(self.problem, gpu_trials, choice=choice, rules=rules, largest=self.largest)

    def choices(self) -> dict[str, Choice]:
        """Which engines its trials should get, by their names."""
        found = [choose(self.problem, gpu_trials, cuda.gpu()) for gpu_trials in (self.first, self.second) if gpu_trials]
        return {choice.engine: choice for choice in found[::-1]}

    def room(self) -> tuple[int, float]:
        """Bytes of the GPU's memory that a trial takes, and that are free."""
        return room(self.problem, list(self.rules.values()), self.largest)


def unsuited(setting: Setting) -> str:
    """Why the trials of a setting need the CPU, as what they are of; empty when a GPU can train them."""
    definition = setting.definition
    if not is_scalar(find(definition["rule"])):
        return "direction rules"
    network = is_network(build(definition["problem"], definition["dtype"]))
    return "" if network else f"{definition['problem']['kind']}s"


class Cuda:
    """The GPU, for the trials of a suite that suit it."""

    name = "cuda"

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.groups: dict[Key, Group] = {}
        for setting, count, again in self._settings():
            definition = setting.definition
            problem, rule = build(definition["problem"], definition["dtype"]), find(definition["rule"])
            if not (is_network(problem) and is_scalar(rule)):
                continue
            key, size = _key(setting), batch_size(definition)
            if key not in self.groups:
                self.groups[key] = Group(setting.problem, problem)
            group = self.groups[key]
            group.rules.setdefault(rule.name, rule)
            group.largest = max(group.largest, size)
            (group.second if again else group.first).extend([_probe(rule, size)] * count)

    def _settings(self) -> Iterator[tuple[Setting, int, bool]]:
        """Settings, how many trials each has, and whether they follow those of the grid."""
        tuned, seeds = len(self.suite.tune_seeds), len(self.suite.seeds)
        for setting in self.suite.settings:
            yield setting, tuned or seeds, False
        for setting in self.suite.defaults if tuned else ():
            yield setting, 2 * seeds, True  # with those of the setting that is chosen beside it

    def refuses(self, setting: Setting) -> str:
        """See `Backend`; it refuses what is not of its suite, too."""
        why = unsuited(setting)
        if why:
            return why
        group = self.groups.get(_key(setting))
        return "what was not planned for the GPU" if group is None else group.refused

    def prepare(self, settings: Sequence[Setting]) -> None:
        """Compile the kernels of the suite, and take one step by each rule, so that trials wait for nothing.

        What cannot be compiled for a GPU is left to the CPU. Raises UsageError when coefficients cannot be compiled.
        """
        for group in self.groups.values():
            probes = [_probe(rule, group.largest) for rule in group.rules.values()]
            for probe in probes:
                probe.rule.table(probe.hyperparameters, 1, probe.rates(1, 1), group.problem.dtype)
            for choice in group.choices().values():
                group.refused = group.refused or _prepare(group, probes, choice)

    def plans(self) -> list[str]:
        """Which engine each network should get, and why, in a sentence each."""
        groups = self.groups.values()
        return [f"{group.name}: {choice.reason}" for group in groups for choice in group.choices().values()]

    def facts(self) -> dict[str, object]:
        """What a run keeps of the GPU that trained its trials."""
        gpu = cuda.gpu()
        drivers = []
        with suppress(QueryError):
            drivers = [each["driver"] for each in gpus() if each["name"] == gpu.name]
        return {
            "gpu": gpu.name,
            "gpu_capability": ".".join(map(str, gpu.capability)),
            "gpu_driver": drivers[0] if drivers else None,
        }

    @property
    def summary(self) -> str:
        """Which trials run where, and why, in a sentence."""
        apart, total = Counter[str](), 0
        for setting, count, _ in self._settings():
            total += count
            why = self.refuses(setting)
            if why:
                apart[why] += count
        rest = apart.total()
        text = f"{cuda.gpu().name}: {total - rest} of {total} trials run on the GPU"
        if rest:
            text += f" and {rest} on the CPU, which trains " + ", ".join(apart)
        return text

    def train(self, orders: Sequence[Order]) -> Trained:
        """See `Backend`; a list after each launch. The longest begin first, where not all have room at once.

        A trial is without a record where the GPU let go of it although it had not ended, or had not begun it when the
        GPU was lost: the CPU can train it.
        """
        together: dict[Key, list[Trial]] = {}
        for order in sorted(orders, key=lambda order: work(order.trial), reverse=True):
            together.setdefault(_key(order.trial.setting), []).append(order.trial)
        for key, trials in together.items():
            for records in _train_group(self.groups[key], trials):
                yield self.name, records
            if _lost():
                return


def _prepare(group: Group, probes: Sequence[GpuTrial], choice: Choice) -> str:
    """Compile and load an engine's kernels by one step of each rule; why they cannot be compiled, or nothing."""
    try:
        for engine, _ in group.engines(probes, choice):
            problem = _compiled(engine)
            if problem:
                return problem
            list(engine.advance())
    except Exception:  # no room, or a fault of the GPU: no reason to leave trials to the CPU, and they will tell
        return ""
    return ""


def _compiled(engine: Engine) -> str:
    """Compile the kernel that rules are compiled into; why it cannot be, or nothing."""
    try:
        if not SIMULATED:  # which compiles nothing
            engine.kernel.image(engine.gpu.capability)
    except Exception as error:  # whatever the compiler raises
        return f"what cannot be compiled for a GPU ({named(error).splitlines()[0].strip()})"
    return ""


def _train_group(group: Group, trials: Sequence[Trial]) -> Iterator[list[TrialRecord]]:
    """As many trials at once as the GPU has room for, and half as many where it turns out that it has not."""
    waiting = [list(trials)]
    while waiting:
        part, problem, halve, each, free = waiting.pop(), "", False, 0, 0.0
        try:
            each, free = group.room()
            if len(part) > max(1, int(min(free, 2.0**60) * SHARE / each)):
                waiting += _halves(part)
                continue
            for records in _train_together(group, part):
                ended = {record.trial for record in records}
                part = [trial for trial in part if trial.index not in ended]
                yield records
        except Exception as error:
            halve, problem = cuda.is_out_of_memory(error), named(error)
        if not problem:
            continue
        gc.collect()  # the arrays of what failed, which the error held
        if halve and len(part) > 1:
            waiting += _halves(part)
            continue
        if halve and each:
            problem = (
                f"the GPU has no room for a trial of {group.problem.size:,} parameters: it takes {each / 2**20:,.1f} "
                f"MiB beside the data and what a launch brings, and {free / 2**20:,.1f} MiB were free"
            )
        yield [failed(trial, problem) for trial in part]
        if _lost():
            yield [failed(trial, problem) for left in waiting for trial in left]
            return


def _lost() -> bool:
    """Whether the GPU answers nothing any more: after some faults every call of the driver repeats the error."""
    try:
        cuda.synchronize()
    except Exception:
        return True
    return False


def _halves(part: Sequence[Trial]) -> list[list[Trial]]:
    """The first one last, since it is taken from the end."""
    middle = -(-len(part) // 2)
    return [list(part[middle:]), list(part[:middle])]


def _train_together(group: Group, trials: Sequence[Trial]) -> Iterator[list[TrialRecord]]:
    """Trials that the GPU has room for; a list of those that ended after each launch."""
    trajectories = [Trajectory(trial, group.problem) for trial in trials]
    for engine, places in group.engines([_gpu_trial(trajectory) for trajectory in trajectories]):
        while engine.running:
            records: list[TrialRecord] = []
            for found in engine.advance():
                trajectory = trajectories[places[found.gpu_trial]]
                if trajectory.ended:  # it ran on until the launch was over
                    continue
                trajectory.observe(found.step, found.values, found.lr)
                if trajectory.ended:
                    engine.end(found.gpu_trial)
                    records.append(trajectory.record(seconds=float(engine.seconds[found.gpu_trial])))
            yield records
        del engine  # before the next one asks for memory


def _gpu_trial(trajectory: Trajectory) -> GpuTrial:
    """A trial as the GPU takes it."""
    trial, definition = trajectory.trial, trajectory.trial.definition
    rule, hyperparameters = find_scalar(definition["rule"]), definition["hyperparameters"]
    return GpuTrial(
        rule=rule,
        hyperparameters=hyperparameters,
        rates=trajectory.rates,
        recipe=json.dumps([rule.name, hyperparameters, definition["schedule"], trajectory.total], sort_keys=True),
        seed=trial.seed,
        batch_size=trajectory.batch_size,
        steps=trajectory.total,
        points=trajectory.points,
        stop=_stop(trajectory),
        **clipping(definition),
    )


def _stop(trajectory: Trajectory) -> Stop | None:
    """Where the GPU may end a trial by itself; an empty split has no metric that could be met."""
    if not trajectory.trial.definition["stop"]:
        return None
    metric, level = trajectory.trial.definition["stop"]
    problem = trajectory.problem
    column = problem.columns.index(metric)
    if is_network(problem) and column < 2 * SPLITS and not problem.splits[column % SPLITS].x.shape[0]:
        return None
    return Stop(column, level, rises(metric))


def _probe(rule: Rule, size: int) -> GpuTrial:
    """A trial of one step."""
    rates = lambda first, count: np.full(count, float(rule.defaults["lr"]))  # noqa: E731
    return GpuTrial(rule, rule.defaults, rates, rule.name, seed=0, batch_size=size, steps=1, points=[0])


def _key(setting: Setting) -> Key:
    definition = setting.definition
    return (
        json.dumps(definition["problem"], sort_keys=True),
        definition["dtype"],
        find(definition["rule"]).source,
    )
