"""Make tasks from networks and rules, with gdbench's own problems, initial weights and batches, the same to the bit.

    of_case(cases(["784-128-10"], (), [32], ["float32"])[0], "adam", trials=16)

Trial i has seed i, unless fewer seeds are asked for. The learning rates range from a tenth of the rule's default to ten
times it, evenly in their logarithm. An epoch leaves out the samples that do not fill its last batch, since compiled
loops need batches of one size.
"""

import copy
import math
from collections.abc import Iterable

import numpy as np

from gdbench.errors import UsageError
from gdbench.inputs.limits import check_name
from gdbench.kernels import MLP
from gdbench.kernels.arithmetic.random import Stream, permutation
from gdbench.kernels.networks.activations import ACTIVATIONS
from gdbench.kernels.networks.losses import LOSSES
from gdbench.kernels.networks.mlp import is_network
from gdbench.kernels.rules.contract import find_scalar
from gdbench.peers.contract import Task
from gdbench.timing.steps import Case
from gdbench.timing.work import step_flops

FEWEST, MOST = 10, 500  # steps per call
FLOPS = 5e9  # of a call, about, within these bounds


def of_case(case: Case, rule: str, *, trials: int, chunk: int | None = None, seeds: int | None = None) -> Task:
    """A task of trials of a network (a case of `gdbench.timing.cases`) with a rule.

    chunk: steps per call; by default as many as have 5e9 FLOPs, from 10 to 500. seeds: how many the trials take in
    turn; by default one per trial. Raises UsageError for a problem that is not a network, and for a rule that needs
    more than a gradient.
    """
    problem = case.problem
    if not is_network(problem):
        raise UsageError(f"problem {case.label!r} is not a network; peers trains networks")
    check_name("rule", rule)
    found = find_scalar(rule)  # peers have no other rules
    problem = copy.copy(problem)
    problem.drop_last = True
    if chunk is None:
        chunk = int(min(MOST, max(FEWEST, FLOPS / sum(step_flops(problem.sizes, case.batch_size)))))
    hyperparameters = found.with_defaults({})
    lr = float(hyperparameters.pop("lr"))
    numbers = [trial % (seeds or trials) for trial in range(trials)]
    thetas = {seed: problem.initial(seed) for seed in set(numbers)}
    rows = {seed: _rows(problem, seed, case.batch_size, chunk) for seed in set(numbers)}
    loss = _name(LOSSES, problem.network.loss)
    return Task(
        x=problem.samples.x,
        y=problem.samples.labels if LOSSES[loss].by_label else problem.samples.targets,
        sizes=tuple(int(size) for size in problem.sizes),
        activation=_name(ACTIVATIONS, problem.network.activation),
        loss=loss,
        l2=float(problem.network.l2),
        rule=found.name,
        hyperparameters=hyperparameters,
        reshuffle=problem.reshuffle,
        dtype=problem.dtype,
        seeds=tuple(numbers),
        lrs=np.geomspace(lr / 10, lr * 10, trials) if trials > 1 else np.array([lr]),
        thetas=np.stack([thetas[seed] for seed in numbers]),
        rows=np.stack([rows[seed] for seed in numbers]),
        chunk=chunk,
    )


def _name(table: Iterable[str], number: int) -> str:
    """The name of a loss or activation with this number, its place in the table."""
    return list(table)[number]


def _rows(problem: MLP, seed: int, size: int, chunk: int) -> np.ndarray:
    """The rows of `problem.batch` for whole chunks of steps, at least an epoch: steps x size, int64."""
    per_epoch = problem.steps_per_epoch(size)
    steps = chunk * math.ceil(per_epoch / chunk)
    if size == problem.n:
        return np.broadcast_to(np.arange(size), (steps, size)).copy()
    epochs = range(math.ceil(steps / per_epoch))
    orders = [permutation(seed, Stream.SHUFFLE, problem.n, epoch if problem.reshuffle else 0) for epoch in epochs]
    return np.concatenate([order[: per_epoch * size].reshape(per_epoch, size) for order in orders])[:steps]
