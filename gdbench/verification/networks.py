"""A network's gradients, Hessians and batches, and the compiled loop that trains it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gdbench.kernels.layers import BIAS
from gdbench.kernels.networks.activations import ACTIVATIONS
from gdbench.kernels.networks.losses import LOSSES
from gdbench.kernels.networks.mlp import MLP, is_network
from gdbench.suites import mathematics
from gdbench.verification.checks import Rows, check, compare, difference
from gdbench.verification.experiments import columns, differences, stepper_for, trials

DEPTHS: tuple[list[int], ...] = ([], [5], [4, 3])
IRIS = {"kind": "mlp", "dataset": "iris", "hidden": [5], "activation": "tanh", "l2": 0.01}


def _network(given: Mapping[str, Any]) -> MLP:
    problem = mathematics.problem(given)
    assert is_network(problem)
    return problem


def _networks(activation: str) -> list[MLP]:
    """A network for every loss and depth, on 30 flowers."""
    base = {"kind": "mlp", "dataset": "iris", "subset": 30, "activation": activation, "l2": 0.1}
    return [_network({**base, "loss": loss, "hidden": hidden}) for loss in LOSSES for hidden in DEPTHS]


def _point(problem: MLP) -> np.ndarray:
    """Parameters without zeros."""
    return np.array(problem.initial(1) + 0.05)


@check("network-gradients", "central differences, fourth order, float64")
def _() -> Rows:
    for activation in ACTIVATIONS:
        apart = []
        for problem in _networks(activation):
            theta, work = _point(problem), problem.workspace()
            expected = differences(lambda p, f=problem, w=work: f.loss(p, None, w), theta)  # type: ignore[misc]
            apart.append(difference(problem.gradient(theta), expected))
        what = f"{activation}: gradients of {len(LOSSES)} losses at {len(DEPTHS)} depths, the worst"
        yield compare(what, expected=0.0, measured=np.max(apart), tolerance=1e-8)


@check("network-hessians", "central differences, fourth order, float64")
def _() -> Rows:
    for activation in ACTIVATIONS:
        apart = []
        for problem in _networks(activation):
            theta, work = _point(problem), problem.workspace()
            expected = differences(lambda p, f=problem, w=work: f.gradient(p, None, w).copy(), theta)  # type: ignore[misc]
            apart.append(difference(problem.hessian(theta), expected))
        what = f"{activation}: Hessians of {len(LOSSES)} losses at {len(DEPTHS)} depths, the worst"
        yield compare(what, expected=0.0, measured=np.max(apart), tolerance=1e-8)


def _biases(problem: MLP) -> np.ndarray:
    """Which parameters are biases."""
    return np.concatenate([np.full(part.stop - part.start, part.role == BIAS) for part in problem.layers.parts])


@check("l2-weights-only", "theory: 1/2 l2 |W|^2, biases excluded")
def _() -> Rows:
    with_l2, without = (_network({**IRIS, "l2": l2}) for l2 in (0.5, 0.0))
    theta = _point(with_l2)
    weights = np.where(_biases(with_l2), 0.0, theta)
    added = with_l2.gradient(theta) - without.gradient(theta)
    yield compare("gradient that l2 adds", expected=0.0, measured=difference(added, 0.5 * weights), tolerance=1e-12)
    penalty = with_l2.loss(theta) - without.loss(theta)
    yield compare("loss that l2 adds", expected=0.25 * float(weights @ weights), measured=penalty, tolerance=1e-12)


@check("short-batch", "theory: the mean over the batch's own samples")
def _() -> Rows:
    problem = _network({**IRIS, "l2": 0.0})
    theta, size = _point(problem), 32
    rows = problem.batch(0, problem.steps_per_epoch(size), size)
    yield compare("samples in an epoch's last batch", expected=problem.n % size, measured=rows.size, tolerance=0)
    mean = np.mean([problem.gradient(theta, np.array([row])).copy() for row in rows], axis=0)
    apart = difference(problem.gradient(theta, rows), mean)
    yield compare("its gradient beside the mean of its samples'", expected=0.0, measured=apart, tolerance=1e-12)


@check("batches", "theory: every sample once an epoch")
def _() -> Rows:
    for shuffle, repeated in (("epoch", 0), ("once", 2)):
        problem = mathematics.problem({**IRIS, "shuffle": shuffle})
        per_epoch = problem.steps_per_epoch(32)
        epochs = [
            np.concatenate([problem.batch(0, epoch * per_epoch + step, 32) for step in range(1, per_epoch + 1)])
            for epoch in range(3)
        ]
        missed = sum(int(np.sum(np.bincount(order, minlength=problem.n) != 1)) for order in epochs)
        what = f'shuffle = "{shuffle}": samples not visited once in each of 3 epochs'
        yield compare(what, expected=0, measured=missed, tolerance=0)
        same = sum(np.array_equal(epochs[0], order) for order in epochs[1:])
        what = f'shuffle = "{shuffle}": later epochs of 2 in the order of the first'
        yield compare(what, expected=repeated, measured=same, tolerance=0)


@check("training-loop", "theory: steps by problem.gradient, problem.batch")
def _() -> Rows:
    size, lr = 32, 0.1
    for shuffle in ("epoch", "once"):
        given = {**IRIS, "shuffle": shuffle}
        problem, training = mathematics.problem(given), stepper_for(given, "sgd", batch_size=size, lr=lr)
        theta = problem.initial(0)
        count = 3 * problem.steps_per_epoch(size)
        for step in range(1, count + 1):
            theta = theta - lr * problem.gradient(theta, problem.batch(0, step, size))
        training.advance(count)
        what = f'SGD through {count} steps of 3 epochs, the last batch short, shuffle = "{shuffle}"'
        apart = difference(training.training.theta, theta)
        yield compare(what, expected=0.0, measured=apart, tolerance=1e-13)


@check("full-batch", "theory: batch size n is gradient descent")
def _() -> Rows:
    given, lr, count = {**IRIS, "l2": 0.0}, 0.5, 20
    problem = mathematics.problem(given)
    theta, losses = problem.initial(0), []
    for _ in range(count + 1):
        losses.append(problem.loss(theta))
        theta = theta - lr * problem.gradient(theta)
    for size in ("full", problem.n):
        (record,) = trials(given, "sgd", lr=lr, batch_size=size, budget={"steps": count}, evaluate={"every": 1})
        apart = difference(columns(record)["train_loss"], np.array(losses))
        what = f"batch_size = {size}: losses of {count} steps beside theta - lr gradient(theta)"
        yield compare(what, expected=0.0, measured=apart, tolerance=1e-13)
