"""What all trainings share: where the trial crossed its target, where it diverged, and its evaluations."""

import math
from collections.abc import Sequence

import numpy as np

from gdbench.kernels.loop.evaluations import Evaluations, evaluations_at, wanted
from gdbench.kernels.loop.looks import looks_of
from gdbench.kernels.problem import Target

_SECOND = 1e9  # nanoseconds


class Watched:
    """A training that knows where its trial crossed its target and where it diverged, and what its evaluations found.

    theta: the parameters. steps: how many were taken. looks: at the target. diverged_step: infinite if it has not.
    points: the steps at which to evaluate, in order. width: the numbers of an evaluation.
    """

    def __init__(self, target: Target | None, theta: np.ndarray, points: Sequence[int] = (), width: int = 0) -> None:
        self.theta, self.steps = theta, 0
        self.looks, self.diverged_step = looks_of(target), math.inf
        self.evaluations, self.width = evaluations_at(points, width), width

    @property
    def crossings(self) -> tuple[float, ...]:
        """The step at which each level of the target was crossed; infinite if it was not."""
        known = self.looks.steps[: self.looks.crossed[0]].tolist()
        return (*map(float, known), *[math.inf] * (self.looks.levels.size - len(known)))

    @property
    def look_seconds(self) -> float:
        """The time that the looks took."""
        return float(self.looks.nanoseconds[0]) / _SECOND

    @property
    def evaluation_seconds(self) -> float:
        """The time that the evaluations took."""
        return float(self.evaluations.nanoseconds[0]) / _SECOND

    @property
    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """The steps of the evaluations so far, and the values of the problem's columns: a row for each."""
        count = self.evaluations.filled[0]
        return self.evaluations.steps[:count], self.values_of(self.evaluations.values[:count])

    @property
    def ended(self) -> bool:
        """Whether the trial has diverged, or has crossed its last level and is to stop there."""
        looks = self.looks
        return math.isfinite(self.diverged_step) or bool(looks.stop and looks.crossed[0] == looks.levels.size)

    def move(self, x: np.ndarray, known: float | None = None) -> None:
        """Set the parameters to x, and count one step. known: the objective before it, if that was computed."""
        exploded = self.exploded(known)
        self.place(x)
        self.steps += 1
        if exploded or not np.isfinite(self.theta).all():
            self.diverged_step = float(self.steps)
        else:
            self.observe()

    def place(self, x: np.ndarray) -> None:
        """Set the parameters to x."""
        self.theta[:] = x

    def observe(self) -> None:
        """Look at the target and evaluate, each if it is due."""
        self.look()
        if wanted(self.evaluations, self.steps):
            self.measure(self.evaluations)

    def finish(self) -> None:
        """Evaluate where the trial ended, if it ended between two points."""
        made, count = self.evaluations, self.evaluations.filled[0]
        if count < made.points.size and (count == 0 or made.steps[count - 1] != self.steps):
            self.measure(made)

    def whole(self) -> dict[str, float]:
        """The columns over the whole training split at the present parameters, if evaluations are over less: none."""
        return {}

    def evaluate(self) -> tuple[float, ...]:
        """The values of the problem's columns at the present parameters."""
        once = evaluations_at([self.steps], self.width)
        self.measure(once)
        return tuple(self.values_of(once.values)[0].tolist())

    def exploded(self, known: float | None) -> bool:
        """Whether the loss of the next step's batch shows that the trial has diverged. known: as `move` takes it."""
        raise NotImplementedError

    def look(self) -> None:
        """Look at the target, if a look is due."""
        raise NotImplementedError

    def measure(self, evaluations: Evaluations) -> None:
        """Evaluate at the present parameters, into the next row of `evaluations`."""
        raise NotImplementedError

    def values_of(self, numbers: np.ndarray) -> np.ndarray:
        """The values of the problem's columns from the numbers of evaluations: a row for each."""
        return numbers
