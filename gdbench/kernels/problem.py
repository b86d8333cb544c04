"""The contracts of a problem and of its training. Other code relies on these alone, never on the kind of problem."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypedDict

import numpy as np

from gdbench.kernels.layers import Layers

SPLITS = ("train", "val", "test")

# A trial has diverged at the first step whose batch has a loss above this times (1 + |loss of the first batch|), before
# the update and without a penalty, or not finite; or whose update leaves a parameter that is not finite.
DIVERGED = 1e4


def largest_loss(first: float) -> float:
    """The largest loss of a batch that has not diverged. first: that of the first batch; a finite bound in any case."""
    limit = DIVERGED * (1.0 + abs(first))
    return limit if math.isfinite(limit) else float(np.finfo(np.float64).max)


# A rule's compiled update: parameters, gradient, state, the step's coefficients, number of the first parameter.
Update = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int], None]

UPDATE = 10  # the update of the parameters takes about as long as this many samples of a batch


class Target(NamedTuple):
    """Levels of a metric that a trial is to cross, the easiest first.

    every: steps between two looks at it. rises: whether the metric rises to its levels, and does not fall to them.
    stop: whether the trial ends where it crosses the last level.
    """

    metric: str
    levels: tuple[float, ...]
    every: int
    rises: bool = False
    stop: bool = False


class Clipping(TypedDict, total=False):
    """How gradients are clipped, as `Problem.begin` takes it; 0: they are not."""

    clip_norm: float
    clip_value: float


class Scope(NamedTuple):
    """What the evaluations of a network are over; those of other problems are always over everything.

    train: how many of the training samples, the same ones for all trials; None: all. gradient: whether the norm of the
    whole training split's gradient is computed; else it is NaN.
    """

    train: int | None = None
    gradient: bool = True


WHOLE = Scope()


class Objective(Protocol):
    """What one step minimises, for rules that see more than a gradient (kernels/directions/objective.py).

    changes: whether it differs from step to step. The counters hold the evaluations so far.
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

    def known(self, x: np.ndarray) -> float | None:
        """The objective at x if it was computed just now; it is not counted again."""
        ...


class Training(Protocol):
    """A problem in training: its parameters and the number of its steps. Not to be shared between threads."""

    @property
    def problem(self) -> "Problem":
        """The problem that is trained."""
        ...

    theta: np.ndarray
    steps: int
    diverged_step: float

    @property
    def crossings(self) -> tuple[float, ...]:
        """The step at which each level of the target was crossed; infinite if it was not."""
        ...

    @property
    def look_seconds(self) -> float:
        """The time that looks at the target took."""
        ...

    @property
    def evaluation_seconds(self) -> float:
        """The time that evaluations took."""
        ...

    @property
    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """The steps of the evaluations so far, and the values of the problem's columns: a row for each."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the trial has diverged, or has crossed its last level and is to stop there."""
        ...

    def advance(self, update: Update, state: np.ndarray, table: np.ndarray, *, lasting: bool = True) -> None:
        """Take one step for each row of the table of coefficients, fewer if the trial ends; look and evaluate if due.

        lasting: whether a parameter that is not finite stays so in later steps, as in all our rules. Then it is enough
        to look for one now and then, and to take the steps since the last look again where there is one.
        """
        ...

    def move(self, x: np.ndarray, known: float | None = None) -> None:
        """Set the parameters to x, and count one step. known: the objective before it, if that was computed."""
        ...

    def observe(self) -> None:
        """Look at the target and evaluate, each if it is due; `advance` and `move` do so after each step."""
        ...

    def finish(self) -> None:
        """Evaluate where the trial ended, if it ended between two points."""
        ...

    def whole(self) -> dict[str, float]:
        """The columns over the whole training split at the present parameters, if evaluations are over less."""
        ...

    def objective(self) -> Objective:
        """What the next step minimises."""
        ...

    def evaluate(self) -> tuple[float, ...]:
        """The values of the problem's `columns` at the present parameters."""
        ...


class Problem(Protocol):
    """What is minimised: a function of `size` parameters, computed in `dtype`.

    n: the number of training samples. columns: the names of an evaluation's values; the first one is minimised.
    batched: whether it has samples, and so batches and epochs. judged_by: the column by which settings are chosen.
    teams: whether a team of threads may train it. layers: where a network's layers lie in the parameters, else None.
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
        """The number of steps in one pass over the samples."""
        ...

    def batch(self, seed: int, step: int, size: int | str) -> np.ndarray:
        """The row numbers (int64) that step 1, 2, ... uses."""
        ...

    def look_cost(self, metric: str, batch_size: int) -> float:
        """What a whole look at a metric costs as a multiple of a step, by the sizes of network, split and batch."""
        ...

    def loss(self, theta: np.ndarray, rows: np.ndarray | None = None) -> float:
        """The objective over `rows`, all by default."""
        ...

    def gradient(self, theta: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """Its gradient (size)."""
        ...

    def hessian(self, theta: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """Its second derivatives (size x size)."""
        ...

    def product(self, theta: np.ndarray, direction: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """The Hessian times a direction."""
        ...

    def begin(
        self,
        *,
        seed: int,
        batch_size: int,
        clip_norm: float = 0.0,
        clip_value: float = 0.0,
        threads: int = 1,
        target: Target | None = None,
        points: Sequence[int] = (),
        scope: Scope = WHOLE,
    ) -> Training:
        """Begin a trial at its initial parameters.

        threads: the size of its team, more than 1 only with `teams`. target: to be crossed; the loop looks at it.
        points: the steps at which to evaluate, in order. scope: what evaluations are over.
        """
        ...
