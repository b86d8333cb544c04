"""What a problem is, and what its training is: whoever asks for more asks which problem it is, and nobody should."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from gdbench.kernels.layers import Layers

SPLITS = ("train", "val", "test")

# A trial has diverged where its loss exceeds this times (1 + |loss at step 0|).
DIVERGED = 1e4

# A rule's compiled update of p, by g, its state, a step's coefficients and the number of the first parameter.
Update = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int], None]

UPDATE = 10  # samples of a batch that take about as long as the update of the parameters does


class Objective(Protocol):
    """What one step minimises, for rules that see more than a gradient (kernels/directions/objective.py).

    changes: whether it is another one at every step. The evaluations are counted.
    """

    changes: bool
    function_evaluations: int
    gradient_evaluations: int

    def value(self, x: np.ndarray) -> float:
        """The objective at x."""
        ...

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """Its gradient, a new vector."""
        ...

    def hessian(self, x: np.ndarray) -> np.ndarray:
        """The matrix of its second derivatives."""
        ...

    def product(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """The Hessian at x times v."""
        ...


class Training(Protocol):
    """A problem in training: its parameters, and how many steps led there. Not shared between threads."""

    @property
    def problem(self) -> "Problem":
        """What is trained."""
        ...

    theta: np.ndarray
    steps: int

    def advance(self, update: Update, state: np.ndarray, table: np.ndarray) -> None:
        """One step for each row of the coefficients' table."""
        ...

    def move(self, x: np.ndarray) -> None:
        """Take one step to x."""
        ...

    def objective(self) -> Objective:
        """What the next step minimises."""
        ...

    def evaluate(self) -> tuple[float, ...]:
        """The values of the problem's `columns` at the present parameters."""
        ...


class Problem(Protocol):
    """What is minimised: a function of `size` parameters, in a dtype.

    n: how many samples train. columns: what an evaluation gives; the first is what is minimised. batched: whether it
    has samples, so that a step sees a batch and an epoch has an end. judged_by: the column by which settings
    are chosen. teams: whether a team of threads may train it. layers: where the layers of a network lie among the
    parameters; None for what is no network.
    """

    dtype: str
    size: int

    @property
    def n(self) -> int: ...

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def batched(self) -> bool: ...

    @property
    def judged_by(self) -> str: ...

    @property
    def teams(self) -> bool: ...

    @property
    def layers(self) -> Layers | None: ...

    def initial(self, seed: int) -> np.ndarray:
        """The parameters at step 0."""
        ...

    def steps_per_epoch(self, batch_size: int) -> int:
        """How many steps pass over the samples once."""
        ...

    def batch(self, seed: int, step: int, size: int | str) -> np.ndarray:
        """The rows that step 1, 2, ... uses."""
        ...

    def loss(self, theta: np.ndarray, rows: np.ndarray | None = None) -> float:
        """The objective over rows, all by default."""
        ...

    def gradient(self, theta: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """Its derivative with respect to theta."""
        ...

    def hessian(self, theta: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """Its second derivatives."""
        ...

    def product(self, theta: np.ndarray, direction: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """The Hessian times a direction."""
        ...

    def begin(
        self, *, seed: int, batch_size: int, clip_norm: float = 0.0, clip_value: float = 0.0, threads: int = 1
    ) -> Training:
        """One trial's training, at its first parameters. threads: of a team, where `teams` allows one."""
        ...
