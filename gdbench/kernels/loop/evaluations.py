"""A trial's evaluations: at which steps they are due, and what they found.

    evaluations = evaluations_at([0, 10, 100], width=7)
    if wanted(evaluations, step):
        started = now()
        evaluations.values[evaluations.made[0], 0] = loss
        made(evaluations, step, now() - started)

The compiled loops evaluate by themselves, so that Python sees a trial a few times and not at every point of its curve.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gdbench.kernels.compile.jit import inlined


class Evaluations(NamedTuple):
    """The evaluations of one trial. They change in place."""

    points: np.ndarray  # int64: the steps at which one is due, in order
    steps: np.ndarray  # int64: the steps at which they were made
    values: np.ndarray  # float64: a row of numbers for each
    filled: np.ndarray  # int64, one element: how many of the rows are
    nanoseconds: np.ndarray  # int64, one element: what they took


def evaluations_at(points: Sequence[int], width: int) -> Evaluations:
    """The evaluations that a trial begins with: none is made. width: the numbers of an evaluation."""
    steps = np.array(points, np.int64)
    number = np.zeros(1, np.int64)
    return Evaluations(steps, np.zeros_like(steps), np.empty((steps.size, width)), number, number.copy())


@inlined
def wanted(evaluations, step):
    """Whether an evaluation is due after `step` steps."""
    count = evaluations.filled[0]
    return count < evaluations.points.size and evaluations.points[count] == step


@inlined
def made(evaluations, step, nanoseconds):
    """Note that the next row of `values` was written, after `step` steps, and how long that took."""
    evaluations.steps[evaluations.filled[0]] = step
    evaluations.filled[0] += 1
    evaluations.nanoseconds[0] += nanoseconds
