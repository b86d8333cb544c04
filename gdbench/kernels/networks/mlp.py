"""The problem "mlp": the loss of a multilayer perceptron on a data set, as a function of its flat parameters.

problem = gdbench.problem("digits")
theta = problem.initial(seed=0)
rows = problem.batch(seed=0, step=1, size=32)
problem.loss(theta, rows), problem.gradient(theta, rows)
problem.product(theta, direction, rows), problem.hessian(theta, rows)
"""

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeGuard

import numpy as np

from gdbench.errors import UsageError
from gdbench.kernels.arithmetic import linear
from gdbench.kernels.arithmetic.random import Stream, permutation
from gdbench.kernels.arithmetic.team import Team, Worker
from gdbench.kernels.directions.objective import Objective
from gdbench.kernels.layers import Layers
from gdbench.kernels.loop import sampling
from gdbench.kernels.loop.evaluations import Evaluations, evaluations_at
from gdbench.kernels.loop.looks import Looks, due, kept, looks_of, restore
from gdbench.kernels.loop.sampling import Batches, SampledTraining
from gdbench.kernels.networks import activations, evaluation, losses, training
from gdbench.kernels.networks.curvature import hessian, hessian_product
from gdbench.kernels.networks.evaluation import WIDTH, Curve, Watch
from gdbench.kernels.networks.initial import initial_weights
from gdbench.kernels.networks.losses import LOSSES
from gdbench.kernels.networks.network import Network, Workspace, penalty, workspace
from gdbench.kernels.networks.passes import Samples
from gdbench.kernels.networks.training import Guard
from gdbench.kernels.problem import SPLITS, WHOLE, Problem, Scope, Target, Update, largest_loss

MAX_PARAMETERS = 10**9
FEW = 16  # steps at a time, after each of which it costs less to look for odd parameters than to be able to go back


class MLP:
    """The training objective of a network: mean loss over the training split plus 1/2 l2 |W|^2.

    splits: Samples for train, val and test, in `dtype`; the columns of an empty split are NaN.
    """

    batched = teams = True

    def __init__(
        self,
        splits: Sequence[Samples],
        outputs: int,
        *,
        hidden: Sequence[int],
        activation: str,
        loss: str,
        l2: float,
        init: str,
        shuffle: str = "epoch",
        drop_last: bool = False,
        dtype: str = "float32",
    ) -> None:
        number = np.dtype(dtype).type
        self.splits = tuple(splits)
        self.samples = self.splits[0]
        self.dtype = dtype
        self.init = init
        self.reshuffle = shuffle == "epoch"
        self.drop_last = drop_last
        self.layers = Layers([self.samples.x.shape[1], *hidden, outputs])
        self.network = Network(self.layers.table, activations.NUMBERS[activation], losses.NUMBERS[loss], number(l2))
        self.size = self.layers.size
        if self.size > MAX_PARAMETERS:
            gigabytes = self.size * number(0).itemsize / 2**30
            raise UsageError(
                f"hidden = {list(hidden)} makes {self.size:,} parameters, {gigabytes:,.0f} GB; use smaller layers"
            )
        self.loss_name = loss
        self.largest_target = float(np.abs(self.samples.targets).max(initial=0.0))
        self.judged_by = "val_loss" if len(self.splits[1].x) else "train_loss"
        score = "accuracy" if self.samples.labels.size else "mse"
        self.scores_a_sample = 1 if score == "accuracy" else outputs
        self.columns = (*(f"{split}_loss" for split in SPLITS), *(f"{split}_{score}" for split in SPLITS), "grad_norm")
        self._parts: dict[int, Samples] = {}

    def evaluated(self, scope: Scope) -> tuple[Samples, ...]:
        """The samples that evaluations are over, by split."""
        if scope.train is None:
            return self.splits
        if scope.train not in self._parts:
            # By the seed of the splits (data/splitting.py), so that all trials are evaluated over the same samples.
            rows = np.sort(permutation(0, Stream.EVALUATION, self.n)[: scope.train])
            part = (array[rows] if len(array) else array for array in self.samples)
            self._parts[scope.train] = Samples(*map(np.ascontiguousarray, part))
        return (self._parts[scope.train], *self.splits[1:])

    def values_of(self, numbers: np.ndarray, scope: Scope = WHOLE) -> np.ndarray:
        """The values of `columns` from the numbers of evaluations (networks/evaluation.py).

        They are NaN for an empty split, and for a gradient that was not wanted.
        """
        sizes = np.array([len(split.x) or math.nan for split in self.evaluated(scope)])
        wanted = 1.0 if scope.gradient else math.nan
        # Divided in float64: 9 of 10 must equal a target of 0.9 in float32 too.
        return numbers / np.array([*(sizes / sizes), *(sizes * self.scores_a_sample), wanted])

    @property
    def sizes(self) -> np.ndarray:
        """Inputs, hidden widths ..., outputs, as int64."""
        return np.array(self.layers.sizes, np.int64)

    @property
    def x(self) -> np.ndarray:
        """The training split's features, scaled: samples x features."""
        return self.samples.x

    @property
    def y(self) -> np.ndarray:
        """The training split's labels (int64) or targets (samples x outputs)."""
        return self.samples.labels if self.samples.labels.size else self.samples.targets

    @property
    def n(self) -> int:
        """The number of training samples."""
        return int(self.samples.x.shape[0])

    def initial(self, seed: int) -> np.ndarray:
        """The parameters (size) at step 0: for each layer W (inputs x outputs, row-major), then b."""
        seed = sampling.check_seed(seed)
        return initial_weights(self.layers, self.init, seed).astype(self.dtype)

    def steps_per_epoch(self, batch_size: int) -> int:
        """The number of steps in one pass over the training split."""
        return sampling.steps_per_epoch(self.n, batch_size, self.drop_last)

    def batch(self, seed: int, step: int, size: int | str) -> np.ndarray:
        """The training rows (int64) of step 1, 2, ..., in order; size is a number or "full". Raises UsageError."""
        return sampling.batch(seed, step, size, n=self.n, reshuffle=self.reshuffle, drop_last=self.drop_last)

    def look_cost(self, metric: str, batch_size: int) -> float:
        """A whole look at a metric as a multiple of a step, by the multiplications of both."""
        first, *others = (layer.inputs * layer.outputs for layer in self.layers.rows)
        forward = first + sum(others)
        samples = len(self.splits[SPLITS.index(metric.partition("_")[0])].x)
        return samples * forward / (batch_size * (3 * forward - first))  # the first layer's inputs need no derivatives

    def loss(self, theta: np.ndarray, rows: np.ndarray | None = None, work: Workspace | None = None) -> float:
        """Mean loss over training rows (all by default), penalty included.

        work: where to write, from `workspace()`; frequent callers keep one, so that nothing is allocated. Raises
        UsageError for parameters or rows that do not fit.
        """
        theta, work = self._vector("theta", theta), work or self.workspace(0 if rows is None else len(rows))
        rows = self._rows(rows, work)
        if rows.size > work.losses.size:
            raise UsageError(f"rows has {rows.size} numbers; this workspace has room for {work.losses.size}")
        return self.mean_loss(theta, rows, work) + float(penalty(theta, self.network))

    def mean_loss(self, theta: np.ndarray, rows: np.ndarray, work: Workspace) -> float:
        """`loss` without the penalty, and without checks."""
        return float(training.mean_loss(theta, self.network, self.samples, rows, work))

    def gradient(self, theta: np.ndarray, rows: np.ndarray | None = None, work: Workspace | None = None) -> np.ndarray:
        """The gradient of `loss` (size): a vector of `work`, which the next gradient overwrites."""
        theta, work = self._vector("theta", theta), work or self.workspace()
        training.gradient(theta, self.network, self.samples, self._rows(rows, work), work)
        return work.gradient

    def product(
        self,
        theta: np.ndarray,
        direction: np.ndarray,
        rows: np.ndarray | None = None,
        work: Workspace | None = None,
    ) -> np.ndarray:
        """The Hessian of `loss` times a direction: a vector of `work`, which the next product or Hessian overwrites.

        It costs about three gradients and never builds the Hessian.
        """
        theta, direction = self._vector("theta", theta), self._vector("direction", direction)
        work = work or self.workspace()
        out = work.tangents.product
        if np.may_share_memory(direction, out):  # such as the last product
            direction = direction.copy()
        hessian_product(theta, direction, self.network, self.samples, self._rows(rows, work), work, out)
        return out

    def hessian(self, theta: np.ndarray, rows: np.ndarray | None = None, work: Workspace | None = None) -> np.ndarray:
        """The second derivatives of `loss`, symmetric to the bit: a new matrix, size x size, of the problem's dtype.

        Raises UsageError for more parameters than kernels/arithmetic/linear.py allows.
        """
        theta = self._vector("theta", theta)
        linear.check_order(self.size, theta.itemsize)
        work, out = work or self.workspace(), np.empty((self.size, self.size), self.dtype)
        hessian(theta, self.network, self.samples, self._rows(rows, work), work, out)
        return out

    def workspace(self, rows: int = 0, threads: int = 1) -> Workspace:
        """The arrays that one trial, or one call over `rows` rows, writes to; threads: of the team that shares them."""
        largest = max(rows, *(split.x.shape[0] for split in self.splits))
        return workspace(self.layers, self.n, largest, self.dtype, threads)

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
    ) -> "Training":
        """Begin a trial at its initial weights.

        threads: the size of the team that takes each step together (kernels/arithmetic/team.py); it changes no number.
        """
        number = np.dtype(self.dtype).type
        per_epoch = self.steps_per_epoch(batch_size)
        batches = Batches(seed, batch_size, per_epoch, self.reshuffle, number(clip_norm), number(clip_value))
        return Training(self, batches, threads, target, points, scope)

    def guard(self, first: float) -> Guard:
        """What shows that a trial has diverged whose first batch had the loss `first`."""
        number = np.dtype(self.dtype).type
        limit = largest_loss(first)
        bound = LOSSES[self.loss_name].within(limit, self.largest_target)
        # The squares of larger outputs may overflow.
        return Guard(limit, number(min(bound, math.sqrt(np.finfo(number).max) / self.layers.sizes[-1])), False)

    def watch(self, looks: Looks, metric: str) -> Watch:
        """What a look at a metric, such as val_accuracy, computes."""
        split, _, kind = metric.partition("_")
        samples = self.splits[SPLITS.index(split)] if metric else self.splits[0]
        return Watch(looks, samples, kind != "loss", float(len(samples.x) * self.scores_a_sample))

    def curve(self, evaluations: Evaluations, scope: Scope) -> Curve:
        """What an evaluation computes."""
        return Curve(evaluations, self.evaluated(scope), self.samples, scope.gradient)

    def whole(self, theta: np.ndarray, scope: Scope, work: Workspace | None = None) -> dict[str, float]:
        """The columns over the whole training split, by name; none if evaluations of this scope are over it anyway."""
        if scope.train is None:
            return {}
        once, everything = evaluations_at([0], WIDTH), Scope(gradient=False)
        others = (Samples(*(array[:0] for array in split)) for split in self.splits[1:])
        curve = Curve(once, (self.samples, *others), self.samples, False)
        evaluation.evaluate_once(theta, self.network, curve, 0, work or self.workspace())
        (values,) = self.values_of(once.values, everything).tolist()
        named = zip(self.columns, values, strict=True)
        return {name: value for name, value in named if name.startswith(f"{SPLITS[0]}_")}

    def _vector(self, name: str, given: np.ndarray) -> np.ndarray:
        return sampling.check_vector(name, given, self.size, self.dtype)

    def _rows(self, rows: np.ndarray | None, work: Workspace) -> np.ndarray:
        return work.natural[: self.n] if rows is None else sampling.check_rows(rows, self.n)


def is_network(problem: Problem) -> TypeGuard[MLP]:
    """Whether a problem has layers."""
    return problem.layers is not None


class _OnWorkspace(NamedTuple):
    """A network with the workspace that it writes to."""

    problem: MLP
    work: Workspace

    def loss(self, theta: np.ndarray, rows: np.ndarray) -> float:
        """`MLP.loss` on this workspace; the others likewise."""
        return self.problem.loss(theta, rows, self.work)

    def gradient(self, theta: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """A new vector."""
        return self.problem.gradient(theta, rows, self.work).copy()

    def hessian(self, theta: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """A new matrix."""
        return self.problem.hessian(theta, rows, self.work)

    def product(self, theta: np.ndarray, direction: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """A new vector."""
        return self.problem.product(theta, direction, rows, self.work).copy()


class Training(SampledTraining[MLP]):
    """A network in training: its parameters, workspace and team. Not to be shared between threads."""

    def __init__(
        self,
        problem: MLP,
        batches: Batches,
        threads: int = 1,
        target: Target | None = None,
        points: Sequence[int] = (),
        scope: Scope = WHOLE,
    ) -> None:
        super().__init__(problem, batches, target, points, WIDTH)
        self.scope = scope
        self.team = Team(threads)
        self.work = problem.workspace(threads=threads)
        # Each worker computes the epoch's order for itself, and judges each look, so none waits for another's.
        own = [(self.work.order.copy(), self.work.epoch.copy()) for _ in range(threads - 1)]
        self._works = [self.work, *(self.work._replace(order=order, epoch=epoch) for order, epoch in own)]
        looks = [self.looks, *(looks_of(target) for _ in range(threads - 1))]
        self._watches = [problem.watch(each, target.metric if target else "") for each in looks]
        made = self.evaluations
        others = [made._replace(filled=made.filled.copy(), nanoseconds=made.filled.copy()) for _ in range(threads - 1)]
        self._curves = [problem.curve(each, scope) for each in (made, *others)]
        self._guard = problem.guard(self._loss())

    @property
    def bound(self) -> float:
        """The size of a step's output up to which the trial has surely not diverged."""
        return float(self._guard.bound)

    def _loss(self) -> float:
        """The loss of the next step's batch, without penalty."""
        rows = self.problem.batch(self.batches.seed, self.steps + 1, self.batches.size)
        return self.problem.mean_loss(self.theta, rows, self.work)

    def objective(self) -> Objective:
        """What the next step minimises; it has a workspace of its own."""
        return self.over_batch(_OnWorkspace(self.problem, self.problem.workspace()))

    def advance(self, update: Update, state: np.ndarray, table: np.ndarray, *, lasting: bool = True) -> None:
        """Take one step for each row of the rule's coefficients; see `Training` in kernels/problem.py.

        In a team the update must not raise, so a rule that is not ours may only have a team of one.
        """
        few = len(table) <= FEW or not lasting
        before = None if few else (self.theta.copy(), state.copy(), [kept(watch.looks) for watch in self._watches])
        evaluated = self.evaluations.filled.copy()
        taken, diverged = self._advance(update, state, table, self._guard._replace(each_step=few))
        if before and not np.isfinite(self.theta).all():
            self.theta[:], state[:] = before[:2]
            for watch, crossed in zip(self._watches, before[2], strict=True):
                restore(watch.looks, crossed)
            for curve in self._curves:
                curve.evaluations.filled[:] = evaluated
            taken, diverged = self._advance(update, state, table, self._guard._replace(each_step=True))
        self.steps += taken
        if diverged:
            self.diverged_step = float(self.steps)

    def _advance(self, update: Update, state: np.ndarray, table: np.ndarray, guard: Guard) -> tuple[int, bool]:
        """The compiled loop, by the whole team."""
        problem, loop = self.problem, training.train(self.problem.dtype)

        def part(worker: Worker) -> tuple[int, bool]:
            place = self._works[worker.rank]
            watched = (self._watches[worker.rank], self._curves[worker.rank])
            given = (problem.network, problem.samples, self.batches, place, worker, guard, *watched)
            found: tuple[int, bool] = loop(update, self.theta, state, table, self.steps, *given)
            return found

        return self.team.together(part)

    def look(self) -> None:
        """Look at the target, if a look is due."""
        if due(self.looks, self.steps):
            watch = self._watches[0]
            evaluation.look_once(self.theta, self.problem.network, watch, self.steps, self.work)

    def exploded(self, known: float | None) -> bool:
        """Whether the loss of the next step's batch shows that the trial has diverged."""
        # What the step minimises is at least its loss: a penalty is not negative.
        if known is not None and known <= self._guard.limit:
            return False
        return not self._loss() <= self._guard.limit

    def measure(self, evaluations: Evaluations) -> None:
        """Evaluate at the present parameters, by one thread."""
        curve = self.problem.curve(evaluations, self.scope)
        evaluation.evaluate_once(self.theta, self.problem.network, curve, self.steps, self.work)

    def whole(self) -> dict[str, float]:
        """See `MLP.whole`."""
        return self.problem.whole(self.theta, self.scope, self.work)

    def values_of(self, numbers: np.ndarray) -> np.ndarray:
        """See `MLP.values_of`."""
        return self.problem.values_of(numbers, self.scope)
