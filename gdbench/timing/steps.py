"""A training step as subjects: the whole step, and its parts.

    case = Case("digits", problem, batch_size=32)
    subjects = [whole_step(case, "adam", find("adam"), {}, levels()), *parts(case)]

Scalar rules run at a tiny learning rate, so that the parameters hardly move during the timing. The cost of a step does
not depend on it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from gdbench.kernels import MLP
from gdbench.kernels.arithmetic import arrays
from gdbench.kernels.arithmetic.random import Stream, fill_permutation, permutation
from gdbench.kernels.compile.jit import first_class
from gdbench.kernels.directions.stepper import DirectionStepper
from gdbench.kernels.networks import parts as alone
from gdbench.kernels.networks.mlp import is_network
from gdbench.kernels.problem import Clipping, Problem, Training
from gdbench.kernels.rules.contract import Rule, is_scalar
from gdbench.kernels.rules.registry import BaseRule
from gdbench.kernels.rules.stepper import ScalarStepper
from gdbench.machine.caches import Level, level_of
from gdbench.timing import work
from gdbench.timing.rates import Constant
from gdbench.timing.subjects import Timed

LR = 1e-9
CHUNK = 1000  # steps per call, as in a run
LONGEST = 100  # steps of a direction rule before it starts again


@dataclass(frozen=True, eq=False)
class Case:
    """A problem with its label and batch size (1 for a function)."""

    label: str
    problem: Problem
    batch_size: int
    clipping: Clipping = field(default_factory=Clipping)

    @property
    def network(self) -> MLP:
        """The problem, which must be a network (`problem.layers`)."""
        assert is_network(self.problem)
        return self.problem

    @property
    def facts(self) -> dict[str, Any]:
        """The facts that all subjects of this case share."""
        return {"problem": self.label, "batch_size": self.batch_size, "dtype": self.problem.dtype}

    def named(self, part: str, rule: str | None = None) -> str:
        """The name of a subject of this case."""
        batch = [f"batch {self.batch_size}"] if self.problem.n > 1 else []
        return f"{part}: " + ", ".join([self.label, *([rule] if rule else []), *batch, self.problem.dtype])

    def begin(self) -> Training:
        """A training of the problem at step 0."""
        return self.problem.begin(seed=0, batch_size=self.batch_size, **self.clipping)


def whole_step(
    case: Case,
    label: str,
    rule: BaseRule,
    hyperparameters: Mapping[str, Any],
    caches: tuple[Level, ...],
    *,
    longest: int = LONGEST,
    training: Training | None = None,
) -> Timed:
    """Steps of a rule, as a run takes them. label: what the rule is called.

    hyperparameters: defaults stand for those not given. longest: steps after which a direction rule starts again, since
    its steps differ. training: from `case.begin`, so that scalar rules can share one; a new one by default.
    For a scalar rule on a network, the subject has its FLOPs and bytes (gdbench/timing/work.py).
    """
    done = dict[str, Any]()
    steps = endless_steps(case, rule, hyperparameters, longest=longest, training=training)
    if is_scalar(rule) and case.problem.layers:
        done = _moved(case, rule, caches)
        done["flops"] = float(sum(work.step_flops(case.network.sizes, case.batch_size)))
    return Timed(case.named("step", label), steps.run, part="step", rule=label, **case.facts, **done)


def endless_steps(
    case: Case,
    rule: BaseRule,
    hyperparameters: Mapping[str, Any],
    *,
    longest: int = LONGEST,
    training: Training | None = None,
) -> "EndlessSteps":
    """Takes the steps of `whole_step`, which has the same arguments, and counts their evaluations."""
    hyperparameters = rule.with_defaults(hyperparameters)
    if not is_scalar(rule):
        return _Descents(case, rule, hyperparameters, longest)
    return _Chunks(rule, hyperparameters, case.begin() if training is None else training)


def shuffles(case: Case) -> list[Timed]:
    """An epoch's permutation, in equal shares of its steps; no subject if the problem draws none.

    A short sample of whole steps lies between two epochs, so that its cost leaves the permutation out.
    """
    training = case.begin()
    batches = getattr(training, "batches", None)
    if batches is None or not batches.reshuffle or batches.size >= case.problem.n:
        return []
    order = arrays.empty(case.problem.n, "int64")

    def run(count: int) -> None:
        for epoch in range(count // batches.per_epoch):
            fill_permutation(0, Stream.SHUFFLE, epoch, order)

    return [Timed(case.named("shuffle"), run, part="shuffle", **case.facts)]


def update(case: Case, label: str, rule: Rule, hyperparameters: Mapping[str, Any], caches: tuple[Level, ...]) -> Timed:
    """The update of the parameters alone, always with the same gradient. label: what the rule is called."""
    problem, dtype = case.problem, case.problem.dtype
    theta = arrays.copied(problem.initial(0))
    gradient = problem.gradient(theta)
    state = rule.state(problem.size, dtype)
    table = _table(rule, rule.with_defaults(hyperparameters), dtype)
    compiled, loop = first_class(rule.update(dtype), rule.source), alone.updates(dtype)

    def run(count: int) -> None:
        loop(compiled, count, theta, gradient, state, table)

    moved = _moved(case, rule, caches)
    return Timed(case.named("update", label), run, part="update", rule=label, **case.facts, **moved)


def parts(case: Case) -> Iterator[Timed]:
    """The parts of a network's step: gather, forward, loss, backward, and the products of each layer."""
    problem, size = case.network, case.batch_size
    theta, network = arrays.copied(problem.initial(0)), problem.network
    samples, place = problem.samples, problem.workspace()
    order = np.arange(problem.n) if size >= problem.n else permutation(0, Stream.SHUFFLE, problem.n, 0)
    per_epoch = problem.steps_per_epoch(size)
    alone.gather_batches(1, samples, order, size, per_epoch, place)
    alone.forward_batches(1, theta, network, size, place)
    alone.losses(1, network, samples, order, size, place)
    itemsize = np.dtype(problem.dtype).itemsize
    flops, moved = work.step_flops(problem.sizes, size), work.products_bytes(problem.sizes, size, itemsize)
    ahead, back = ({"flops": float(f), "bytes": float(b)} for f, b in zip(flops, moved, strict=True))

    def subject(part: str, kernel: Any, *given: Any, **facts: Any) -> Timed:
        def run(count: int) -> None:
            kernel(count, *given)

        name = f"{part} {facts['layer']}" if "layer" in facts else part
        return Timed(case.named(name), run, part=part, **case.facts, **facts)

    yield subject("gather", alone.gather_batches, samples, order, size, per_epoch, place)
    yield subject("forward", alone.forward_batches, theta, network, size, place, **ahead)
    yield subject("loss", alone.losses, network, samples, order, size, place)
    yield subject("backward", alone.backward_batches, theta, network, size, place, **back)
    apart = problem.workspace()
    for array in (apart.values, apart.deltas):
        array[...] = np.random.Generator(np.random.PCG64(0)).standard_normal(array.shape)
    for layer, at in enumerate(problem.layers.rows):
        widths = at.inputs, at.outputs
        done = {
            "flops": float(work.product_flops(*widths, size)),
            "bytes": float(work.product_bytes(*widths, size, itemsize)),
        }
        for kind, part in work.PRODUCTS.items():
            if kind != alone.INPUTS or layer > 0:
                given = (kind, layer, theta, network, size, apart)
                yield subject(part, alone.layer_products, *given, **done, layer=layer + 1)


def _moved(case: Case, rule: Rule, caches: tuple[Level, ...]) -> dict[str, Any]:
    """The bytes that an update moves, and the level of memory where they are."""
    size, itemsize, slots = case.problem.size, np.dtype(case.problem.dtype).itemsize, len(rule.slots)
    level = level_of(work.update_arrays(size, slots, itemsize), caches)
    return {"bytes": float(work.update_bytes(size, slots, itemsize)), "memory": level.name}


def _table(rule: Rule, hyperparameters: Mapping[str, Any], dtype: str) -> np.ndarray:
    return rule.table(hyperparameters, 1, np.full(CHUNK, LR), dtype)


class EndlessSteps(Protocol):
    """Steps without end. steps: how many were taken."""

    steps: int

    @property
    def gradient_evaluations(self) -> int:
        """How many there were so far."""
        ...

    @property
    def function_evaluations(self) -> int:
        """How many there were so far."""
        ...

    def run(self, count: int) -> None:
        """Take the next `count` steps."""
        ...


class _Chunks:
    """Steps of a scalar rule, which all cost the same: the parameters hardly move at this learning rate."""

    function_evaluations = 0

    def __init__(self, rule: Rule, hyperparameters: Mapping[str, Any], training: Training) -> None:
        self.training, self.steps = training, 0
        self.stepper = ScalarStepper(rule, hyperparameters, training, Constant(LR))
        self.table = _table(rule, hyperparameters, training.problem.dtype)

    @property
    def gradient_evaluations(self) -> int:
        """One per step."""
        return self.steps

    def run(self, count: int) -> None:
        """See `EndlessSteps`."""
        for done in range(0, max(count, 1), CHUNK):  # a call without steps is a call too
            self.training.advance(self.stepper.update, self.stepper.state, self.table[: min(CHUNK, count - done)])
        self.steps += count


class _Descents:
    """Descents of a direction rule at its own learning rate, one after another, since its steps differ in cost."""

    def __init__(self, case: Case, rule: BaseRule, hyperparameters: Mapping[str, Any], longest: int) -> None:
        self.case, self.rule, self.hyperparameters, self.longest = case, rule, hyperparameters, longest
        self.steps = self.gradient_evaluations = self.function_evaluations = 0
        self._begin()

    def _begin(self) -> None:
        rates = Constant(float(self.hyperparameters["lr"]))
        self.stepper = DirectionStepper(self.rule, self.hyperparameters, self.case.begin(), rates, {})

    def run(self, count: int) -> None:
        """See `EndlessSteps`."""
        while count > 0:
            if self.stepper.ended or self.stepper.training.steps >= self.longest:
                self._begin()
            stepper = self.stepper
            before = stepper.training.steps
            gradients, functions = stepper.gradient_evaluations, stepper.function_evaluations
            stepper.advance(min(count, self.longest - before))
            taken = stepper.training.steps - before
            self.steps += taken
            self.gradient_evaluations += stepper.gradient_evaluations - gradients
            self.function_evaluations += stepper.function_evaluations - functions
            count -= max(1, taken)  # at least 1, for a rule that stalls right at the start
