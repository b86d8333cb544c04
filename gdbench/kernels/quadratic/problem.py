"""The problem "quadratic": the mean over samples x of 1/2 (theta - x)^T Q (theta - x), whose batches are noisy.

problem = gdbench.problem({"kind": "quadratic"})  # DeepOBS's
theta = problem.initial(seed=0)
problem.loss(theta), problem.gradient(theta, problem.batch(seed=0, step=1, size=128))
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numba.core import types

from gdbench.kernels.arithmetic import linear
from gdbench.kernels.arithmetic.clipping import clip
from gdbench.kernels.arithmetic.products import add_product
from gdbench.kernels.arithmetic.sums import norm
from gdbench.kernels.compile.jit import inlined, kernel
from gdbench.kernels.directions.objective import Objective
from gdbench.kernels.loop import sampling
from gdbench.kernels.loop.clock import now
from gdbench.kernels.loop.evaluations import Evaluations, evaluations_at, made, wanted
from gdbench.kernels.loop.looks import crossed, due, looks_of
from gdbench.kernels.loop.sampling import Batches, SampledTraining, reorder
from gdbench.kernels.problem import WHOLE, Scope, Target, Update, largest_loss
from gdbench.kernels.rules.contract import update_type


class Workspace(NamedTuple):
    """The arrays that a trial writes to, allocated once."""

    gradient: np.ndarray
    difference: np.ndarray  # theta minus the batch's mean
    order: np.ndarray  # int64: this epoch's permutation of the samples
    epoch: np.ndarray  # int64, one element: the epoch that `order` belongs to, -1 at first
    natural: np.ndarray  # int64: 0, 1, 2, ...


@inlined
def _gradient(theta, matrix, x, order, begin, end, work):
    """work.gradient = matrix (theta - mean of rows order[begin:end]), rows added in that order."""
    size = theta.dtype.type(end - begin)
    work.difference[:] = theta.dtype.type(0)
    for k in range(begin, end):
        for j in range(theta.size):
            work.difference[j] += x[order[k], j]
    for j in range(theta.size):
        work.difference[j] = theta[j] - work.difference[j] / size
    work.gradient[:] = theta.dtype.type(0)
    add_product(work.difference.reshape(1, theta.size), matrix, work.gradient.reshape(1, theta.size))


@kernel
def _gradient_of_rows(theta, matrix, x, rows, work):
    _gradient(theta, matrix, x, rows, 0, rows.size, work)


@kernel
def _loss_of_rows(theta, matrix, x, rows):
    """The mean over the rows of 1/2 (theta - x)^T matrix (theta - x), in float64."""
    n = theta.size
    difference, product = np.empty((1, n)), np.empty((1, n))
    total = 0.0
    for k in range(rows.size):
        for j in range(n):
            difference[0, j] = theta[j] - x[rows[k], j]
        product[:] = 0.0
        add_product(difference, matrix, product)
        part = 0.0
        for j in range(n):
            part += difference[0, j] * product[0, j]
        total += 0.5 * part
    return total / rows.size


@kernel
def _mean_loss(theta, matrix, mean, spread, work):
    """The mean loss over samples with this mean and spread, in float64. work: scratch, 3 x parameters."""
    away, product, scratch = work[0], work[1], work[2]
    for j in range(mean.size):
        away[j] = np.float64(theta[j]) - mean[j]
    linear.multiply(matrix, away, scratch, product)
    return 0.5 * linear.inner(away, product, scratch) + spread


class Exact(NamedTuple):
    """The problem in float64, in which losses are computed, and what shows that a trial has diverged."""

    matrix: np.ndarray
    x: np.ndarray
    mean: np.ndarray  # of the training samples
    spread: float  # their mean loss at their mean
    test_mean: np.ndarray
    test_spread: float
    limit: float  # the largest loss of a batch that has not diverged
    bound: float  # if half of difference x gradient is at most this, the loss is at most `limit`
    scratch: np.ndarray  # 3 x parameters


@inlined
def _look(theta, exact, looks, step):
    """Look at the target if a look is due; returns whether the trial ends there."""
    if not due(looks, step):
        return False
    return crossed(looks, step, _mean_loss(theta, exact.matrix, exact.mean, exact.spread, exact.scratch))


@inlined
def _evaluate(theta, exact, evaluations, step):
    """Evaluate after `step` steps: the mean losses over the splits (none validates), and the gradient's norm."""
    started, row = now(), evaluations.values[evaluations.filled[0]]
    row[0] = _mean_loss(theta, exact.matrix, exact.mean, exact.spread, exact.scratch)
    row[3] = norm(exact.scratch[1])  # the matrix times the difference from the mean, which is the gradient
    row[1] = np.nan
    row[2] = _mean_loss(theta, exact.matrix, exact.test_mean, exact.test_spread, exact.scratch)
    made(evaluations, step, now() - started)


@kernel
def _evaluate_once(theta, exact, evaluations, step):
    _evaluate(theta, exact, evaluations, step)


def _train(update, theta, state, table, first, matrix, x, batches, work, exact, looks, evaluations):
    """Take steps first + 1, first + 2, ..., one per row of the table of coefficients; `first` were taken before.

    Returns how many were taken, and whether the last one diverged.
    """
    n = x.shape[0]
    if first == 0 and wanted(evaluations, 0):
        _evaluate(theta, exact, evaluations, 0)
    if first == 0 and _look(theta, exact, looks, 0):
        return 0, False
    for i in range(table.shape[0]):
        step = first + i
        visits = batches.size < n  # a full batch takes all samples in their natural order
        if visits:
            reorder(batches, step, work)
        order = work.order if visits else work.natural
        begin = (step % batches.per_epoch) * batches.size
        end = min(begin + batches.size, n)
        _gradient(theta, matrix, x, order, begin, end, work)
        # The mean loss is half of this sum, and the spread of the batch.
        twice = 0.0
        for j in range(theta.size):
            twice += np.float64(work.difference[j]) * np.float64(work.gradient[j])
        exploded = False
        if not 0.5 * twice <= exact.bound:
            exploded = not _loss_of_rows(theta, exact.matrix, exact.x, order[begin:end]) <= exact.limit
        clip(work.gradient, batches)
        update(theta, work.gradient, state, table[i], 0)
        finite = True
        for j in range(theta.size):
            finite = finite and math.isfinite(theta[j])
        if exploded or not finite:
            return i + 1, True
        ends = _look(theta, exact, looks, step + 1)
        if wanted(evaluations, step + 1):
            _evaluate(theta, exact, evaluations, step + 1)
        if ends:
            return i + 1, False
    return table.shape[0], False


@lru_cache(maxsize=2)
def _compiled(dtype: str) -> Any:
    number = np.dtype(dtype).type
    vector, matrix = numba.typeof(np.zeros(1, dtype)), numba.typeof(np.zeros((1, 1), dtype))
    batches = numba.typeof(Batches(0, 1, 1, True, number(0), number(0)))
    square, line = np.zeros((1, 1)), np.zeros(1)
    exact = numba.typeof(Exact(square, square, line, 0.0, line, 0.0, 0.0, 0.0, np.zeros((3, 1))))
    watched = numba.typeof(looks_of(None)), numba.typeof(evaluations_at([], 1))
    given = (batches, numba.typeof(_workspace(1, 1, dtype)), exact, *watched)
    update = types.FunctionType(update_type(dtype))
    rest = (types.int64, matrix, matrix, *given)
    signature = types.Tuple((types.int64, types.boolean))(update, vector, matrix, matrix, *rest)
    return kernel(_train, signature=signature, variant=f"quadratic-{dtype}")


def _workspace(size: int, samples: int, dtype: str) -> Workspace:
    return Workspace(
        np.zeros(size, dtype), np.zeros(size, dtype), np.arange(samples), np.full(1, -1), np.arange(samples)
    )


class DataQuadratic:
    """The mean over training samples of 1/2 (theta - x)^T matrix (theta - x).

    matrix: parameters x parameters, symmetric. train, test: samples x parameters. All are float64. start: every element
    of the first point. Losses are computed in float64, in whatever dtype the rule runs.
    """

    columns = ("train_loss", "val_loss", "test_loss", "grad_norm")
    batched, teams, layers, judged_by = True, False, None, "train_loss"

    def __init__(
        self,
        matrix: np.ndarray,
        train: np.ndarray,
        test: np.ndarray,
        *,
        start: float = 1.0,
        shuffle: str = "once",
        drop_last: bool = True,
        dtype: str = "float64",
    ) -> None:
        self.matrix, self.x, self.test, self.start, self.dtype = matrix, train, test, start, dtype
        self.reshuffle, self.drop_last = shuffle == "epoch", drop_last
        self.size, self.n = len(matrix), len(train)
        self.work_matrix, self.work_x = matrix.astype(dtype), train.astype(dtype)
        # The mean loss over samples is the loss at their mean plus their spread, which does not depend on theta.
        self.spreads: list[tuple[np.ndarray, float]] = []
        for samples in (train, test):
            every = np.arange(len(samples))
            mean = np.array([math.fsum(column) for column in samples.T]) / len(samples)
            self.spreads.append((mean, _loss_of_rows(mean, matrix, samples, every)))
        # No batch has a greater spread than its greatest sample.
        self.largest = float(0.5 * np.einsum("ij,jk,ik->i", train, matrix, train, optimize=True).max())

    def initial(self, seed: int) -> np.ndarray:
        """The first point, the same for every seed."""
        sampling.check_seed(seed)
        return np.full(self.size, self.start, self.dtype)

    def steps_per_epoch(self, batch_size: int) -> int:
        """The number of steps in one pass over the training samples."""
        return sampling.steps_per_epoch(self.n, batch_size, self.drop_last)

    def batch(self, seed: int, step: int, size: int | str) -> np.ndarray:
        """The training rows (int64) of step 1, 2, ..., in order; size is a number or "full". Raises UsageError."""
        return sampling.batch(seed, step, size, n=self.n, reshuffle=self.reshuffle, drop_last=self.drop_last)

    def look_cost(self, metric: str, batch_size: int) -> float:
        """1: both are a product of the matrix and a vector."""
        return 1.0

    def loss(self, theta: np.ndarray, rows: np.ndarray | None = None) -> float:
        """Mean loss over training rows (all by default), in float64. Raises UsageError for what does not fit."""
        theta = sampling.check_vector("theta", theta, self.size, "float64")
        return float(_loss_of_rows(theta, self.matrix, self.x, sampling.check_rows(rows, self.n)))

    def gradient(self, theta: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """The gradient of `loss` (size), in `dtype`."""
        work = _workspace(self.size, 0, self.dtype)
        theta = sampling.check_vector("theta", theta, self.size, self.dtype)
        _gradient_of_rows(theta, self.work_matrix, self.work_x, sampling.check_rows(rows, self.n), work)
        return work.gradient

    def hessian(self, theta: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """The matrix, the same for every theta."""
        sampling.check_vector("theta", theta, self.size, self.dtype)
        return self.work_matrix.copy()

    def product(self, theta: np.ndarray, direction: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """The matrix times `direction`."""
        return linear.product(self.work_matrix, sampling.check_vector("direction", direction, self.size, self.dtype))

    def exact(self, first: float) -> Exact:
        """The problem in float64, for a trial whose first batch had the loss `first`."""
        limit, scratch = largest_loss(first), np.empty((3, self.size))
        return Exact(self.matrix, self.x, *self.spreads[0], *self.spreads[1], limit, limit / 2 - self.largest, scratch)

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
    ) -> "QuadraticTraining":
        """Begin a trial at its first point; one thread trains it."""
        number = np.dtype(self.dtype).type
        per_epoch = self.steps_per_epoch(batch_size)
        batches = Batches(seed, batch_size, per_epoch, self.reshuffle, number(clip_norm), number(clip_value))
        return QuadraticTraining(self, batches, target, points)


class QuadraticTraining(SampledTraining[DataQuadratic]):
    """A trial on a data quadratic: its point and the number of its steps."""

    def __init__(
        self, problem: DataQuadratic, batches: Batches, target: Target | None, points: Sequence[int] = ()
    ) -> None:
        super().__init__(problem, batches, target, points, len(problem.columns))
        self.work = _workspace(problem.size, problem.n, problem.dtype)
        self._exact = problem.exact(self._loss())

    def _loss(self) -> float:
        """The loss of the next step's batch."""
        batches = self.batches
        return self.problem.loss(self.theta, self.problem.batch(batches.seed, self.steps + 1, batches.size))

    def advance(self, update: Update, state: np.ndarray, table: np.ndarray, *, lasting: bool = True) -> None:
        """Take one step for each row of the rule's coefficients, fewer if the trial ends. lasting: of no use here."""
        problem = self.problem
        loop = _compiled(problem.dtype)
        given = (update, self.theta, state, table, self.steps, problem.work_matrix, problem.work_x)
        taken, diverged = loop(*given, self.batches, self.work, self._exact, self.looks, self.evaluations)
        self.steps += taken
        if diverged:
            self.diverged_step = float(self.steps)

    def exploded(self, known: float | None) -> bool:
        """Whether the loss of the next step's batch shows that the trial has diverged."""
        return not (self._loss() if known is None else known) <= self._exact.limit

    def look(self) -> None:
        """Look at the target, if a look is due."""
        if due(self.looks, self.steps):
            crossed(self.looks, self.steps, self.evaluate()[0])

    def objective(self) -> Objective:
        """What the next step minimises."""
        return self.over_batch(self.problem)

    def measure(self, evaluations: Evaluations) -> None:
        """Evaluate at the present point."""
        _evaluate_once(self.theta, self._exact, evaluations, self.steps)
