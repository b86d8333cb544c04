"""The problem "function": a test function, or a user's function, to be minimised.

problem = gdbench.problem({"kind": "function", "function": "rosenbrock", "noise": 0.1})
problem.loss([0.0, 0.0]), problem.gradient([0.0, 0.0]), problem.hessian([0.0, 0.0])
"""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from gdbench.errors import UsageError
from gdbench.kernels.arithmetic import linear
from gdbench.kernels.arithmetic.random import Stream, normals, uniforms
from gdbench.kernels.directions.objective import Objective
from gdbench.kernels.functions.callables import STEP, Compiled
from gdbench.kernels.functions.descent import WIDTH, Workspace, descend
from gdbench.kernels.loop import sampling
from gdbench.kernels.loop.evaluations import Evaluations, made
from gdbench.kernels.loop.looks import crossed, due
from gdbench.kernels.loop.watched import Watched
from gdbench.kernels.problem import WHOLE, Scope, Target, Update, largest_loss

NO_PATH = np.empty((0, 0))


@contextmanager
def _within_vectors(size: int) -> Iterator[None]:
    """Around calls of compiled functions: turns an index outside a vector into a UsageError of one sentence."""
    try:
        yield
    except IndexError as error:
        raise UsageError(f"a function or its derivatives reach outside a vector of {size}: {error}") from None


class FunctionProblem:
    """A function of a point. It has no samples: a batch is the function itself, and an epoch is one step.

    start: the first point, or the domain (lower and upper bound of every coordinate) from which each seed draws one.
    noise: standard deviation of normal noise on every element of the gradient, drawn anew each step.
    bounds: lower and upper bounds to which the parameters are clipped after each step.
    timed: whether derivatives depend on the step. explodes: whether a trial has diverged where its value is too large
    (kernels/problem.py), and not only where something is not finite.
    """

    columns = ("value", "grad_norm")
    n = 1
    batched = teams = False
    layers = None
    judged_by = "value"

    def __init__(
        self,
        compiled: Compiled,
        *,
        size: int,
        start: np.ndarray | tuple[float, float],
        options: tuple[float, ...] = (),
        noise: float = 0.0,
        bounds: tuple[np.ndarray, np.ndarray] | None = None,
        timed: bool = False,
        explodes: bool = True,
        dtype: str = "float64",
    ) -> None:
        self.compiled, self.size, self.start, self.noise, self.dtype = compiled, size, start, noise, dtype
        self.timed, self.explodes = timed, explodes
        self.options = np.array(options, np.float64)
        self.low: np.ndarray = np.empty(0) if bounds is None else bounds[0]
        self.high: np.ndarray = np.empty(0) if bounds is None else bounds[1]

    def initial(self, seed: int) -> np.ndarray:
        """The first point (size), in `dtype`."""
        seed = sampling.check_seed(seed)
        if isinstance(self.start, tuple):
            low, high = self.start
            return (low + (high - low) * uniforms(seed, Stream.INITIAL, self.size)).astype(self.dtype)
        return self.start.astype(self.dtype)

    def steps_per_epoch(self, batch_size: int) -> int:
        """One."""
        return 1

    def batch(self, seed: int, step: int, size: int | str) -> np.ndarray:
        """Row 0: the only one, the function itself."""
        return np.zeros(1, np.int64)

    def look_cost(self, metric: str, batch_size: int) -> float:
        """0: a step computes the value anyway."""
        return 0.0

    def loss(self, theta: np.ndarray, rows: np.ndarray | None = None) -> float:
        """The function's value. Raises UsageError for a theta that does not fit."""
        with _within_vectors(self.size):
            return float(self.compiled.value(self._point(theta), self.options))

    def gradient(self, theta: np.ndarray, rows: np.ndarray | None = None, step: int = 1) -> np.ndarray:
        """Its gradient (size, float64), without noise; `step` matters only to functions that depend on it."""
        out = np.zeros(self.size)
        with _within_vectors(self.size):
            self.compiled.gradient(self._point(theta), step, self.options, out)
        return out

    def hessian(self, theta: np.ndarray, rows: np.ndarray | None = None, step: int = 1) -> np.ndarray:
        """Its second derivatives: size x size, float64. Raises UsageError for more parameters than fit in memory."""
        linear.check_order(self.size)
        out = np.zeros((self.size, self.size))
        with _within_vectors(self.size):
            self.compiled.hessian(self._point(theta), step, self.options, out)
        return out

    def product(
        self, theta: np.ndarray, direction: np.ndarray, rows: np.ndarray | None = None, step: int = 1
    ) -> np.ndarray:
        """The Hessian times `direction`; by a central difference of gradients if the matrix is too large."""
        v = sampling.check_vector("direction", direction, self.size, "float64")
        if self.size <= linear.MAX_ORDER:
            return linear.product(self.hessian(theta, step=step), v)
        point, reach = self._point(theta), linear.length(v)
        if reach == 0.0:
            return np.zeros(self.size)
        h = STEP * max(1.0, linear.length(point)) / reach  # h |v| = STEP max(1, |point|)
        above, below = self.gradient(point + h * v, step=step), self.gradient(point - h * v, step=step)
        return np.asarray((above - below) / (2.0 * h))

    def begin(
        self,
        *,
        seed: int,
        batch_size: int = 1,
        clip_norm: float = 0.0,
        clip_value: float = 0.0,
        threads: int = 1,
        target: Target | None = None,
        points: Sequence[int] = (),
        scope: Scope = WHOLE,
    ) -> "FunctionTraining":
        """Begin a trial at its first point; one thread trains it."""
        number = np.dtype(self.dtype).type
        work = Workspace(
            self.options,
            seed,
            float(self.noise),
            self.low,
            self.high,
            number(clip_norm),
            number(clip_value),
            np.zeros(self.size),
            np.zeros(self.size),
            np.zeros(self.size, self.dtype),
        )
        return FunctionTraining(self, work, target, points)

    def _point(self, theta: object) -> np.ndarray:
        return sampling.check_vector("theta", theta, self.size, "float64").copy()  # central differences change it


class FunctionTraining(Watched):
    """A descent over a function: its point, the number of its steps, and its workspace."""

    def __init__(
        self, problem: FunctionProblem, work: Workspace, target: Target | None, points: Sequence[int] = ()
    ) -> None:
        super().__init__(target, problem.initial(work.seed), points, WIDTH)
        self.problem, self.work = problem, work
        self._limit = math.inf  # then no value is computed, since any will do
        if problem.explodes:
            self._limit = largest_loss(problem.loss(self.theta))

    def advance(
        self,
        update: Update,
        state: np.ndarray,
        table: np.ndarray,
        *,
        lasting: bool = True,
        every: int = 1,
        path: np.ndarray = NO_PATH,
    ) -> None:
        """Take one step for each row of the rule's coefficients, fewer if the trial ends.

        lasting: of no use here. every, path: as in functions/descent.py; the point, its value and gradient norm after
        so many steps each.
        """
        loop = descend(self.problem.dtype)
        given = (update, *self.problem.compiled.first_class, self.theta, state, table)
        with _within_vectors(self.problem.size):
            taken, diverged = loop(
                *given, self.steps, self.work, self._limit, self.looks, self.evaluations, every, path
            )
        self.steps += taken
        if diverged:
            self.diverged_step = float(self.steps)

    def place(self, x: np.ndarray) -> None:
        """Set the point to x, clipped to the bounds."""
        self.theta[:] = np.clip(x, self.problem.low, self.problem.high) if self.problem.low.size else x

    def exploded(self, known: float | None) -> bool:
        """Whether the value at the present point is not finite, or too large."""
        if math.isinf(self._limit):
            return False
        return not (self.problem.loss(self.theta) if known is None else known) <= self._limit

    def look(self) -> None:
        """Look at the target, if a look is due."""
        if due(self.looks, self.steps):
            crossed(self.looks, self.steps, self.problem.loss(self.theta))

    def objective(self) -> Objective:
        """What the next step minimises; its gradient has that step's noise."""
        problem, dtype = self.problem, self.problem.dtype

        def gradient(x: np.ndarray) -> np.ndarray:
            step = self.steps + 1
            found = problem.gradient(x, step=step)
            if problem.noise > 0:
                found += problem.noise * normals(self.work.seed, Stream.NOISE, problem.size, step)
            return found.astype(dtype)

        return Objective(
            problem.loss,
            gradient,
            lambda x: problem.hessian(x, step=self.steps + 1).astype(dtype),
            lambda x, v: problem.product(x, v, step=self.steps + 1).astype(dtype),
            (lambda: self.steps) if problem.noise > 0 or problem.timed else None,
        )

    def measure(self, evaluations: Evaluations) -> None:
        """Value and gradient norm at the present point; a function of the step is evaluated at the last step."""
        started = time.perf_counter_ns()
        gradient = self.problem.gradient(self.theta, step=max(self.steps, 1))
        evaluations.values[evaluations.filled[0]] = self.problem.loss(self.theta), linear.length(gradient)
        made(evaluations, self.steps, time.perf_counter_ns() - started)
