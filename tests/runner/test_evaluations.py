"""The compiled loops evaluate a trial exactly where and as one would who takes each step by itself."""

import math

import numpy as np
import pytest
import reference

import gdbench
from gdbench.kernels.directions.stepper import begin
from gdbench.kernels.rules.registry import find
from gdbench.kernels.rules.schedules import learning_rates, with_defaults

IRIS = {"kind": "mlp", "dataset": "iris", "hidden": [5]}
PROBLEMS = {  # with a learning rate at which a trial goes on, and one at which it diverges
    "network": (IRIS, 0.1, 1e30),
    "no validation": ({**IRIS, "validation_fraction": 0.0}, 0.1, 1e30),
    "regression": ({"kind": "mlp", "dataset": "diabetes", "hidden": [3], "activation": "gelu"}, 1e-5, 1e30),
    "one output": ({"kind": "mlp", "dataset": "breast-cancer"}, 0.1, 1e30),
    "function": ({"kind": "function", "function": "rosenbrock", "noise": 0.1}, 1e-4, 1.0),
    "quadratic": ({"kind": "quadratic", "dimensions": 5, "samples": 50, "test_samples": 30}, 0.001, 1e9),
}
POINTS = [0, 1, 2, 5, 6, 17, 23, 40]
SCHEDULE = with_defaults({"kind": "cosine", "warmup": 3})


def trained(problem, rule, lr, points, chunk, threads=1):
    """Train to the end of the points, in such chunks; returns the training."""
    training = problem.begin(seed=3, batch_size=7 if problem.batched else 1, points=points, threads=threads)
    rates = lambda first, count: learning_rates(SCHEDULE, lr, first, count, POINTS[-1])  # noqa: E731
    stepper = begin(find(rule), find(rule).with_defaults({"lr": lr}), training, rates)
    while training.steps < POINTS[-1] and not stepper.ended:
        stepper.advance(min(chunk, POINTS[-1] - training.steps))
    training.finish()
    return training


def by_hand(problem, rule, lr):
    """The steps and values of the evaluations, one step and one evaluation at a time."""
    training = problem.begin(seed=3, batch_size=7 if problem.batched else 1)
    rates = lambda first, count: learning_rates(SCHEDULE, lr, first, count, POINTS[-1])  # noqa: E731
    stepper = begin(find(rule), find(rule).with_defaults({"lr": lr}), training, rates)
    found = [(0, training.evaluate())]
    while training.steps < POINTS[-1] and not stepper.ended:
        stepper.advance(1)
        if training.steps in POINTS or (stepper.ended and found[-1][0] != training.steps):
            found.append((training.steps, training.evaluate()))
    steps, values = zip(*found, strict=True)
    return list(steps), np.array(values).tobytes()


@pytest.mark.parametrize("diverges", [False, True])
@pytest.mark.parametrize("rule", ["sgd", "adam", "gd-armijo"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_evaluations_are_those_of_steps_taken_one_by_one(name, rule, diverges):
    definition, *rates = PROBLEMS[name]
    problem, lr = gdbench.problem(definition), rates[diverges]
    steps, values = by_hand(problem, rule, lr)
    for chunk in (1, 4, 1000):
        found = trained(problem, rule, lr, POINTS, chunk).curve
        assert (found[0].tolist(), found[1].tobytes()) == (steps, values)
    if rule == "sgd":
        assert (steps == POINTS) is not diverges


def test_a_team_evaluates_as_one_thread_does():
    problem = gdbench.problem({**IRIS, "hidden": [30, 20]}, dtype="float32")
    alone, team = (trained(problem, "adam", 0.01, POINTS, 9, threads).curve for threads in (1, 3))
    assert alone[0].tolist() == team[0].tolist() == POINTS and alone[1].tobytes() == team[1].tobytes()


def test_the_time_of_evaluations_is_no_time_of_steps():
    problem = gdbench.problem({"kind": "mlp", "dataset": "digits", "hidden": [16]}, dtype="float32")
    training = problem.begin(seed=0, batch_size=1, points=range(2001))
    rule = find("sgd")
    stepper = begin(rule, rule.with_defaults({"lr": 0.01}), training, lambda first, count: np.full(count, 0.01))
    stepper.advance(1)  # loads the loop
    evaluated, stepped = training.evaluation_seconds, stepper.seconds
    stepper.advance(1999)
    # Each evaluation takes every sample forward, the training samples also back; a step takes one.
    assert training.evaluation_seconds - evaluated > 10 * (stepper.seconds - stepped) > 0


@pytest.mark.parametrize("count", [1, 7, 63, 64, 65, 129])
@pytest.mark.parametrize("loss", ["cross-entropy", "binary-cross-entropy", "mse", "huber"])
def test_losses_and_scores_of_a_split_are_those_of_the_reference(loss, count):
    definition = {"kind": "mlp", "dataset": "digits", "hidden": [4], "loss": loss, "subset": 2 * count + 20}
    problem = gdbench.problem(definition)
    training = problem.begin(seed=1, batch_size=1)
    values = dict(zip(problem.columns, training.evaluate(), strict=True))
    for split, samples in zip(("train", "val", "test"), problem.splits, strict=True):
        if len(samples.x):
            z = reference.outputs(training.theta, problem.layers.sizes, "relu", samples.x)
            mean, _ = reference.mean_loss(loss, z, samples.labels)
            assert values[f"{split}_loss"] == pytest.approx(mean, rel=1e-12)
            assert values[f"{split}_accuracy"] == np.mean(z.argmax(axis=1) == samples.labels)
        else:
            assert math.isnan(values[f"{split}_loss"]) and math.isnan(values[f"{split}_accuracy"])
