"""Check that a GPU trains as the CPU does: compare parameters after 1, 10, 100 and 1000 steps, in ULP.

    for found in compared(CASES[0], "float32", scalar_rules()):
        found.rule, found.ulps, found.equal, found.where

The CPU is the judge: its steppers take the same steps, and its training loop evaluates. One launch trains all rules,
with a trial for each rule and number of steps. If bits differ, the first step that differs is searched for, by several
trials per launch. Then it is named what differs first: the losses before it, its gradient, or its update.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from gdbench.kernels import MLP, Samples, networks
from gdbench.kernels.gpu.engines import Engine
from gdbench.kernels.gpu.large.engine import LargeEngine
from gdbench.kernels.gpu.sweep.engine import SweepEngine
from gdbench.kernels.gpu.trials import GpuTrial
from gdbench.kernels.rules.contract import Rule
from gdbench.kernels.rules.stepper import ScalarStepper
from gdbench.results.curves import digest
from gdbench.timing.rates import Constant
from gdbench.verification.gpu.ulp import ulps

STEPS = (1, 10, 100, 1000)
SEED = 3
SPLITS = (250, 60, 0)  # samples, so that the last batch of an epoch is short and one split is empty
TRIED = 8  # numbers of steps per launch, in the search for the first difference


@dataclass(frozen=True)
class Case:
    """A network on random samples; rules have their default hyperparameters. engine: `sweep` or `large`."""

    widths: tuple[int, ...] = (64, 32, 10)
    activation: str = "relu"
    loss: str = "cross-entropy"
    batch_size: int = 32
    engine: str = "sweep"

    def problem(self, dtype: str) -> MLP:
        """The network, the same on every call."""
        random, loss = np.random.Generator(np.random.PCG64(1)), networks.losses.LOSSES[self.loss]
        outputs = self.widths[-1]

        def split(count: int) -> Samples:
            x = random.standard_normal((count, self.widths[0])).astype(dtype)
            labels = np.arange(count) % outputs
            if loss.classes and not loss.by_label:
                return Samples(x, labels, np.eye(outputs, dtype=dtype)[labels])
            targets = random.standard_normal((0 if loss.by_label else count, outputs)).astype(dtype)
            return Samples(x, labels if loss.by_label else labels[:0], targets)

        return MLP(
            [split(count) for count in SPLITS],
            outputs,
            hidden=self.widths[1:-1],
            activation=self.activation,
            loss=self.loss,
            l2=0.0,
            init="glorot-normal",
            dtype=dtype,
        )

    def __str__(self) -> str:
        words = f"{'-'.join(map(str, self.widths))} {self.activation} {self.loss}, batch {self.batch_size}"
        return words if self.engine == "sweep" else f"{words}, by the whole GPU"


class ParityTrial(NamedTuple):
    """A trial of so many steps of a rule. points: the steps at which it is evaluated."""

    rule: Rule
    steps: int
    points: tuple[int, ...]


class Trained(NamedTuple):
    """The end of a trial: parameters, the last gradient, both (parameters), and its curve (points x columns)."""

    theta: np.ndarray
    gradient: np.ndarray
    curve: np.ndarray


@dataclass(frozen=True)
class Compared:
    """A rule on both devices. ulps: the largest difference of the parameters after each number of steps."""

    case: Case
    dtype: str
    rule: str
    ulps: dict[int, float]
    equal: bool  # whether the curves of the longest trials have one digest
    where: str = ""  # the first difference, in words

    @property
    def ok(self) -> bool:
        """Whether every bit is the same."""
        return self.equal and not any(self.ulps.values())


def compared(
    case: Case, dtype: str, chosen: Sequence[Rule], counts: Sequence[int] = STEPS, search: bool = True
) -> Iterator[Compared]:
    """Compare each rule with the CPU.

    counts: numbers of steps. search: whether to search for the first step whose bits differ, if any do.
    """
    problem, longest = case.problem(dtype), counts[-1]
    asked = [ParityTrial(rule, count, _points(counts, count)) for rule in chosen for count in counts]
    trained = dict(zip(asked, on_gpu(problem, asked, case), strict=True))
    for rule in chosen:
        thetas, curve = on_cpu(problem, rule, (0, *counts), case.batch_size)
        found = {count: trained[ParityTrial(rule, count, _points(counts, count))] for count in counts}
        apart = {count: ulps(found[count].theta, thetas[count]) for count in counts}
        equal, where = digest(found[longest].curve) == digest(curve), ""
        if search and any(apart.values()):
            same = next((low, high) for low, high in pairwise((0, *counts)) if apart[high])
            where = first_difference(problem, chosen, rule, case, *same)
        yield Compared(case, dtype, rule.name, apart, equal, where)


def _points(counts: Sequence[int], last: int) -> tuple[int, ...]:
    return (0, *(count for count in counts if count <= last))


def on_gpu(problem: MLP, asked: Sequence[ParityTrial], case: Case) -> list[Trained]:
    """Train the trials on the GPU: all together, or one after another by the engine for large networks."""
    gpu_trials = [
        GpuTrial(
            rule=each.rule,
            hyperparameters=(hyperparameters := each.rule.with_defaults({})),
            rates=Constant(float(hyperparameters["lr"])),
            recipe=(each.rule.name, each.steps),
            seed=SEED,
            batch_size=case.batch_size,
            steps=each.steps,
            points=each.points,
        )
        for each in asked
    ]
    if case.engine == "sweep":
        return _trained(SweepEngine(problem, gpu_trials))
    found = []
    for gpu_trial in gpu_trials:
        large = LargeEngine(problem, gpu_trial)
        found += _trained(large)
        large.close()
    return found


def _trained(engine: Engine) -> list[Trained]:
    """Train an engine's trials to their end."""
    curves: list[list[tuple[float, ...]]] = [[] for _ in engine.gpu_trials]
    per_epoch = engine.problem.steps_per_epoch(engine.gpu_trials[0].batch_size)
    while engine.running:
        for found in engine.advance():
            curves[found.gpu_trial].append((found.step, found.step / per_epoch, *found.values, found.lr))
    held = [engine.numbers(number) for number in range(len(curves))]
    return [Trained(numbers[0], numbers[1], np.array(curve)) for numbers, curve in zip(held, curves, strict=True)]


def on_cpu(
    problem: MLP, rule: Rule, points: Sequence[int], batch_size: int
) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Train a rule on the CPU; returns the parameters after each number of steps, and the curve.

    points: numbers of steps in increasing order.
    """
    hyperparameters, per_epoch = rule.with_defaults({}), problem.steps_per_epoch(batch_size)
    training = problem.begin(seed=SEED, batch_size=batch_size)
    stepper = ScalarStepper(rule, hyperparameters, training, Constant(float(hyperparameters["lr"])))
    thetas, curve = {}, []
    for point in points:
        if point > training.steps:
            stepper.advance(point - training.steps)
        thetas[point] = training.theta.copy()
        *values, norm = training.evaluate()
        norm = float(np.dtype(problem.dtype).type(norm))  # plain Python (without the compiler) has not rounded it yet
        curve.append((float(point), point / per_epoch, *values, norm, stepper.lr))
    return thetas, np.array(curve)


def first_difference(problem: MLP, chosen: Sequence[Rule], rule: Rule, case: Case, low: int, high: int) -> str:
    """Name the first step that differs, and what differs in it, in words.

    low, high: numbers of steps after which bits agree, and after which they do not. chosen: the rules of the launch
    that found the difference; they take part again, since another set of rules would be another kernel.
    """
    others = [ParityTrial(other, 1, (0,)) for other in chosen if other is not rule]
    while high - low > 1:
        tried = sorted({low + max(1, (high - low) * i // (TRIED + 1)) for i in range(1, TRIED + 1)})
        asked = [ParityTrial(rule, count, (0,)) for count in tried]
        trained = on_gpu(problem, [*asked, *others], case)
        thetas, _ = on_cpu(problem, rule, tried, case.batch_size)
        differ = [count for count, t in zip(tried, trained, strict=False) if ulps(t.theta, thetas[count])]
        high = differ[0] if differ else high
        low = max([low, *(count for count in tried if count < high)])
    points = (0, low) if low else (0,)
    last = on_gpu(problem, [ParityTrial(rule, high, points), *others], case)[0]
    thetas, curve = on_cpu(problem, rule, points, case.batch_size)
    gradient = problem.gradient(thetas[low], problem.batch(SEED, high, case.batch_size))
    if digest(last.curve[-1:, :-2]) != digest(curve[-1:, :-2]):
        part = "forward: the losses before it differ"
    elif ulps(last.gradient, gradient):
        part = f"gradient, by {ulps(last.gradient, gradient):g} ULP"
    else:
        part = "update: its gradient is the same"
    return f"{rule.name} from step {high} on: {part}"


DEFAULTS = [Case()]
ACTIVATIONS = [Case(activation=name) for name in networks.activations.ACTIVATIONS if name != Case.activation]
LOSSES = [Case(loss=name) for name in networks.losses.LOSSES if name != Case.loss]
SHAPES = [Case((784, 128, 10), batch_size=128), Case((20, 10)), Case((64, 32, 10), batch_size=1)]
LARGE = [Case((100, 70, 30), batch_size=100, engine="large")]
