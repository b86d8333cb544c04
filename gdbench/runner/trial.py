"""Train one trial, from its definition to its curve, which depends on nothing else."""

from collections.abc import Callable

from gdbench.data.problems import build
from gdbench.kernels.arithmetic.team import WORTH
from gdbench.kernels.directions.stepper import begin
from gdbench.kernels.problem import UPDATE, Problem, Training
from gdbench.kernels.rules.contract import is_scalar
from gdbench.kernels.rules.registry import BaseRule, find
from gdbench.runner.points import total_steps
from gdbench.runner.trajectory import Trajectory, batch_size, clipping
from gdbench.store import TrialRecord
from gdbench.suites import Trial

CHUNK = 1000  # steps per call; a trial can be cancelled between calls


def train(
    trial: Trial, chunk: int = CHUNK, cancelled: Callable[[], bool] = lambda: False, threads: int = 1
) -> TrialRecord | None:
    """Train `trial` and return its record, or None if it was cancelled.

    The record's seconds are those of the steps, without the evaluations between them. chunk: steps per call, between
    which `cancelled` is asked. threads: they train a large trial together. Neither changes the curve.
    """
    definition = trial.definition
    problem = build(definition["problem"], definition["dtype"])
    trajectory = Trajectory(trial, problem)
    rule, hyperparameters = find(definition["rule"]), definition["hyperparameters"]
    threads = threads if _for_a_team(problem, rule, trajectory.batch_size) else 1
    training = problem.begin(
        seed=trial.seed,
        batch_size=trajectory.batch_size,
        **clipping(definition),
        threads=threads,
        target=trajectory.target,
        points=trajectory.points,
        scope=trajectory.scope,
    )
    stepper = begin(rule, hyperparameters, training, trajectory.rates, definition["budget"])
    while training.steps < trajectory.total and not stepper.ended:
        if cancelled():
            return None
        stepper.advance(min(chunk, stepper.chunk, trajectory.total - training.steps))
    training.finish()
    return trajectory.record(
        training,
        training.curve,
        whole=training.whole(),
        seconds=stepper.seconds,
        stalled=stepper.stalled,
        gradient_evaluations=stepper.gradient_evaluations,
        function_evaluations=stepper.function_evaluations,
    )


def to_target(trial: Trial) -> Training:
    """Take the steps of `trial` until it has crossed its target, for the crossings alone; its rule must be scalar."""
    definition = trial.definition
    problem, rule = build(definition["problem"], definition["dtype"]), find(definition["rule"])
    trajectory = Trajectory(trial, problem)
    assert trajectory.target is not None
    target = trajectory.target._replace(stop=True)
    training = problem.begin(seed=trial.seed, batch_size=trajectory.batch_size, target=target, **clipping(definition))
    stepper = begin(rule, definition["hyperparameters"], training, trajectory.rates)
    while training.steps < trajectory.total and not stepper.ended:
        stepper.advance(min(CHUNK, trajectory.total - training.steps))
    return training


def _for_a_team(problem: Problem, rule: BaseRule, batch_size: int) -> bool:
    """Whether threads can share a step: it is long enough, and its update is ours. A plug-in's may raise an error."""
    ours = rule.ours and is_scalar(rule)
    return ours and problem.teams and batch_size * problem.size >= WORTH


def work(trial: Trial) -> float:
    """A rough estimate of a trial's work, so that the longest can begin first: steps x samples x parameters.

    An update costs about as much as `UPDATE` samples. A direction rule may use every pair of parameters.
    """
    definition = trial.definition
    problem, size = build(definition["problem"], definition["dtype"]), batch_size(definition)
    total = total_steps(definition["budget"], problem.steps_per_epoch(size))
    pairs = 1 if is_scalar(find(definition["rule"])) else problem.size
    return float(total * (size + UPDATE) * problem.size * pairs)
