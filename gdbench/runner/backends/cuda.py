"""Train trials on the GPU: those of one network and dtype together, by the faster engine; and handle failures.

backend = Cuda(suite)
backend.prepare(suite.settings)
for name, records in backend.train(orders_of(trials)):  # of settings that it does not refuse
    store.add(run, code, name, records)

A trial gets the same record as from `runner.trial.train`, on every GPU and beside any other trials.
"""

import gc
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from gdbench.data.problems import build
from gdbench.kernels import MLP, Rule
from gdbench.kernels.compile import cuda
from gdbench.kernels.compile.driver import SIMULATED
from gdbench.kernels.gpu.costs import Choice, choose
from gdbench.kernels.gpu.engines import Engine, engines
from gdbench.kernels.gpu.sweep.engine import room
from gdbench.kernels.gpu.trials import Evaluation, GpuTrial
from gdbench.kernels.loop.looks import crossed, due
from gdbench.kernels.loop.watched import Watched
from gdbench.kernels.networks.mlp import is_network
from gdbench.kernels.problem import WHOLE, Scope
from gdbench.kernels.rules.contract import find_scalar, is_scalar
from gdbench.kernels.rules.registry import find
from gdbench.machine.environment import usable_cores
from gdbench.machine.gpus import QueryError, gpus
from gdbench.runner.backends.contract import Order, Trained
from gdbench.runner.trajectory import Outcome, Trajectory, batch_size, clipping, failed, named, scope
from gdbench.runner.trial import to_target, work
from gdbench.store import TrialRecord
from gdbench.suites import Setting, Suite, Trial

SHARE = 0.5  # of the free memory that trials may fill; launches need some too

Key = tuple[str, str, str | None]


@dataclass
class Group:
    """The trials of a suite that share kernels: one network, one dtype, rules of one source.

    first, second: stand-ins for its trials of the grid and for those that follow; their engines are chosen by them.
    """

    name: str
    problem: MLP
    rules: dict[str, Rule] = field(default_factory=dict)
    largest: int = 0  # batch size
    first: list[GpuTrial] = field(default_factory=list)
    second: list[GpuTrial] = field(default_factory=list)
    refused: str = ""  # why it cannot be compiled for the GPU
    scope: Scope = WHOLE  # what evaluations are over

    def engines(
        self, gpu_trials: Sequence[GpuTrial], choice: Choice | None = None
    ) -> Iterator[tuple[Engine, list[int]]]:
        """The engines that train these trials, each with the numbers of its trials (kernels/gpu/engines.py)."""
        rules = list(self.rules.values())
        return engines(self.problem, gpu_trials, choice=choice, rules=rules, largest=self.largest, scope=self.scope)

    def choices(self) -> dict[str, Choice]:
        """The engines that its trials should get, by name."""
        found = [choose(self.problem, gpu_trials, cuda.gpu()) for gpu_trials in (self.first, self.second) if gpu_trials]
        return {choice.engine: choice for choice in found[::-1]}

    def room(self) -> tuple[int, float]:
        """The bytes of the GPU's memory that a trial takes, and those that are free."""
        return room(self.problem, list(self.rules.values()), self.largest)


def unsuited(setting: Setting) -> str:
    """Why the trials of a setting need the CPU, such as "direction rules"; empty if a GPU can train them."""
    definition = setting.definition
    if not is_scalar(find(definition["rule"])):
        return "direction rules"
    if not is_network(build(definition["problem"], definition["dtype"])):
        return f"{definition['problem']['kind']}s"
    return "trials that stop at their target" if definition["stop"] else ""


class Cuda:
    """The GPU as the backend of a suite, for those of its trials that a GPU can train."""

    name = "cuda"

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.groups: dict[Key, Group] = {}
        self._unsuited: dict[str, str] = {}  # by setting: asked once, since a suite has more trials than problems fit
        for setting, count, again in self._settings():
            definition = setting.definition
            problem, rule = build(definition["problem"], definition["dtype"]), find(definition["rule"])
            if not (is_network(problem) and is_scalar(rule)):
                continue
            key, size = _key(setting), batch_size(definition)
            if key not in self.groups:
                self.groups[key] = Group(setting.problem, problem, scope=scope(definition))
            group = self.groups[key]
            group.rules.setdefault(rule.name, rule)
            group.largest = max(group.largest, size)
            (group.second if again else group.first).extend([_probe(rule, size)] * count)

    def _settings(self) -> Iterator[tuple[Setting, int, bool]]:
        """Yields a setting, the number of its trials, and whether they follow the trials of the grid."""
        tuned, seeds = len(self.suite.tune_seeds), len(self.suite.seeds)
        for setting in self.suite.settings:
            yield setting, tuned or seeds, False
        for setting in self.suite.defaults if tuned else ():
            yield setting, 2 * seeds, True  # the default's trials, and those of the setting that is chosen

    def refuses(self, setting: Setting) -> str:
        """See `Backend`. It also refuses trials that are not of its suite."""
        if setting.hash not in self._unsuited:
            self._unsuited[setting.hash] = unsuited(setting)
        if self._unsuited[setting.hash]:
            return self._unsuited[setting.hash]
        group = self.groups.get(_key(setting))
        return "what was not planned for the GPU" if group is None else group.refused

    def prepare(self, settings: Sequence[Setting]) -> None:
        """Compile the kernels of the suite and take one step with each rule, so that no trial waits.

        The CPU gets what cannot be compiled for a GPU. Raises UsageError if coefficients cannot be compiled.
        """
        for group in self.groups.values():
            probes = [_probe(rule, group.largest) for rule in group.rules.values()]
            for probe in probes:
                probe.rule.table(probe.hyperparameters, 1, probe.rates(1, 1), group.problem.dtype)
            for choice in group.choices().values():
                group.refused = group.refused or _prepare(group, probes, choice)

    def plans(self) -> list[str]:
        """Sentences that say which engine each network should get, and why."""
        groups = self.groups.values()
        return [f"{group.name}: {choice.reason}" for group in groups for choice in group.choices().values()]

    def facts(self) -> dict[str, object]:
        """Facts about the GPU: `gpu`, `gpu_capability`, `gpu_driver`."""
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
        """A sentence that says which trials run where, and why."""
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
        """See `Backend`. Yields a list after each launch. The longest begin first if not all have room at once.

        A trial gets no record if it may have diverged, if its engine stopped before it had ended, or if it had not
        begun when the GPU was lost. The CPU can train such a trial.
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
    """Compile and load the engine's kernels by one step of each rule; returns why they cannot be compiled, or ""."""
    try:
        for engine, _ in group.engines(probes, choice):
            problem = _compiled(engine)
            if problem:
                return problem
            list(engine.advance())
    except Exception:  # no room, or a fault of the GPU: the trials themselves will report it
        return ""
    return ""


def _compiled(engine: Engine) -> str:
    """Compile the kernel that holds the rules; returns why it cannot be compiled, or ""."""
    try:
        if not SIMULATED:  # the simulator compiles nothing
            engine.kernel.image(engine.gpu.capability)
    except Exception as error:  # whatever the compiler raises
        return f"what cannot be compiled for a GPU ({named(error).splitlines()[0].strip()})"
    return ""


def _train_group(group: Group, trials: Sequence[Trial]) -> Iterator[list[TrialRecord]]:
    """Train as many trials at once as the GPU has room for, and halve their number if memory runs out after all."""
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
        gc.collect()  # frees the arrays that the error still held
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
    """Whether the GPU is lost: after some faults every call of the driver repeats the error."""
    try:
        cuda.synchronize()
    except Exception:
        return True
    return False


def _halves(part: Sequence[Trial]) -> list[list[Trial]]:
    """Two halves, the first one last, since parts are taken from the end of the list."""
    middle = -(-len(part) // 2)
    return [list(part[middle:]), list(part[:middle])]


class _OnGpu(Watched):
    """A trial that the GPU trains: its trajectory, and its crossings unless the CPU is to find them."""

    def __init__(self, trial: Trial, problem: MLP) -> None:
        self.problem, self.trajectory = problem, (trajectory := Trajectory(trial, problem))
        self.looks_elsewhere = trial.role != "tune" and trajectory.target is not None
        target = None if self.looks_elsewhere else trajectory.target
        super().__init__(target, np.zeros(0))
        self.column = problem.columns.index(target.metric) if target else 0
        self._evaluated = set(trajectory.points)
        self._curve: list[tuple[int, tuple[float, ...]]] = []
        self.points = sorted({*trajectory.points, *(range(0, trajectory.total + 1, target.every) if target else ())})

    def take(self, found: Evaluation) -> bool:
        """Take an evaluation; returns whether it is the last one."""
        if due(self.looks, found.step):
            crossed(self.looks, found.step, found.values[self.column])
        if found.step in self._evaluated:
            self._curve.append((found.step, found.values))
        return found.step >= self.trajectory.total

    @property
    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """The steps and values of the trial's evaluations."""
        steps, values = zip(*self._curve, strict=True)
        return np.array(steps), np.array(values)


def _train_together(group: Group, trials: Sequence[Trial]) -> Iterator[list[TrialRecord]]:
    """Train trials that the GPU has room for; yields the records of those that ended, after each launch.

    A trial that may have diverged gets no record. One that looks at its target after each step does so on the CPU,
    which takes the same steps again until the target is crossed.
    """
    begun = [_OnGpu(trial, group.problem) for trial in trials]
    for engine, places in group.engines([_gpu_trial(each) for each in begun]):
        while engine.running:
            ended: list[_Ended] = []
            for found in engine.advance():
                each = begun[places[found.gpu_trial]]
                if not engine.suspect(found.gpu_trial) and each.take(found):
                    seconds = float(engine.seconds[found.gpu_trial])
                    ended.append(_Ended(each, seconds, engine.theta(found.gpu_trial)))
            yield _records(ended)
        del engine  # frees its memory before the next one asks for some


class _Ended(NamedTuple):
    """A trial that ended, the seconds of its steps, and its parameters."""

    of: _OnGpu
    seconds: float
    theta: np.ndarray


def _records(ended: Sequence[_Ended]) -> list[TrialRecord]:
    """The records of trials that ended."""

    def record(one: _Ended) -> TrialRecord:
        each = one.of
        trial = each.trajectory.trial
        try:
            found: Outcome = to_target(trial) if each.looks_elsewhere else each
            whole = each.problem.whole(one.theta, each.trajectory.scope)
        except Exception as error:
            return failed(trial, named(error))
        return each.trajectory.record(found, each.curve, seconds=one.seconds, whole=whole)

    pool = ThreadPoolExecutor(usable_cores(), thread_name_prefix="gdbench-looks")
    try:
        return list(pool.map(record, ended))
    finally:  # Ctrl-C must not wait for trials that no thread has begun
        pool.shutdown(cancel_futures=True)


def _gpu_trial(each: _OnGpu) -> GpuTrial:
    """A trial in the form that the GPU's engines take."""
    trajectory, trial = each.trajectory, each.trajectory.trial
    definition, problem = trial.definition, each.trajectory.problem
    rule, hyperparameters = find_scalar(definition["rule"]), definition["hyperparameters"]
    assert is_network(problem)
    return GpuTrial(
        rule=rule,
        hyperparameters=hyperparameters,
        rates=trajectory.rates,
        recipe=json.dumps([rule.name, hyperparameters, definition["schedule"], trajectory.total], sort_keys=True),
        seed=trial.seed,
        batch_size=trajectory.batch_size,
        steps=trajectory.total,
        points=each.points,
        bound=float(problem.begin(seed=trial.seed, batch_size=trajectory.batch_size).bound),
        **clipping(definition),
    )


def _probe(rule: Rule, size: int) -> GpuTrial:
    """A trial of one step."""
    rates = lambda first, count: np.full(count, float(rule.defaults["lr"]))  # noqa: E731
    return GpuTrial(rule, rule.defaults, rates, rule.name, seed=0, batch_size=size, steps=1, points=[0])


def _key(setting: Setting) -> Key:
    definition = setting.definition
    return (
        json.dumps([definition["problem"], scope(definition)], sort_keys=True),
        definition["dtype"],
        find(definition["rule"]).source,
    )
