"""Which samples a step uses, and the checks of arguments that all problems share."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from gdbench.errors import UsageError
from gdbench.kernels.arithmetic import arrays
from gdbench.kernels.arithmetic.random import Stream, permutation, permute
from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.directions.objective import Derivatives, Objective
from gdbench.kernels.loop.watched import Watched
from gdbench.kernels.problem import Problem, Target

P = TypeVar("P", bound=Problem)

_SHUFFLE = int(Stream.SHUFFLE)


class Batches(NamedTuple):
    """How a trial chooses the samples of a step, and how it clips their gradient."""

    seed: int
    size: int
    per_epoch: int  # steps per epoch
    reshuffle: bool  # whether each epoch has its own permutation; else all use the first
    clip_norm: np.floating  # 0: not clipped
    clip_value: np.floating


@inlined
def reorder(batches, step, work):
    """Write the order of the samples in the epoch of step 0, 1, ... to work.order."""
    epoch = step // batches.per_epoch if batches.reshuffle else 0
    # The workspace remembers its epoch, so that a permutation is drawn once per epoch and not once per step.
    if work.epoch[0] != epoch:
        permute(batches.seed, _SHUFFLE, epoch, work.order)
        work.epoch[0] = epoch


class SampledTraining(Watched, Generic[P]):
    """A trial on samples: its parameters and the number of its steps. Not to be shared between threads."""

    def __init__(self, problem: P, batches: Batches, target: Target | None, points: Sequence[int], width: int) -> None:
        super().__init__(target, arrays.copied(problem.initial(batches.seed)), points, width)
        self.problem, self.batches = problem, batches

    def over_batch(self, problem: Derivatives) -> Objective:
        """The objective over the batch of the next step."""
        batches = self.batches

        # A line search asks for the same batch many times.
        @lru_cache(maxsize=1)
        def rows(step: int) -> np.ndarray:
            return self.problem.batch(batches.seed, step, batches.size)

        whole = batches.size == self.problem.n
        version = None if whole else lambda: self.steps  # a full batch is the same at every step
        return Objective.of_rows(problem, lambda: rows(1 if whole else self.steps + 1), version)


def steps_per_epoch(n: int, batch_size: int, drop_last: bool) -> int:
    """The number of steps in one pass over n samples; drop_last leaves out an incomplete last batch."""
    return n // batch_size if drop_last else -(-n // batch_size)


def batch(seed: int, step: int, size: int | str, *, n: int, reshuffle: bool, drop_last: bool) -> np.ndarray:
    """The row numbers (int64) that step 1, 2, ... uses, in order; size is a number or "full". Raises UsageError."""
    check_seed(seed)
    if isinstance(step, bool) or not isinstance(step, int | np.integer) or step < 1:
        raise UsageError(f"step = {step!r} must be a whole number, 1 or more: the first step is step 1")
    size = n if size == "full" else size
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or not 1 <= size <= n:
        raise UsageError(f'size = {size!r} must be a whole number from 1 to {n} (all samples), or "full"')
    if size == n:
        return np.arange(n)
    epoch, position = divmod(step - 1, steps_per_epoch(n, int(size), drop_last))
    order = permutation(seed, Stream.SHUFFLE, n, epoch if reshuffle else 0)
    return order[position * size : (position + 1) * size]


def check_seed(seed: Any) -> int:
    """The seed as an int; raises UsageError otherwise."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise UsageError(f"seed = {seed!r} must be a whole number, 0 or more")
    return int(seed)


def check_rows(rows: Any, n: int) -> np.ndarray:
    """Row numbers as an int64 vector; None means all n rows. Raises UsageError for anything else."""
    if rows is None:
        return np.arange(n)
    rows = np.asarray(rows)
    numbers = rows.dtype.kind in "iu" and rows.ndim == 1 and rows.size > 0
    if not numbers or rows.min() < 0 or rows.max() >= n:
        raise UsageError(f"rows must be a list of row numbers from 0 to {n - 1}")
    return np.ascontiguousarray(rows, np.int64)


def check_vector(name: str, given: Any, size: int, dtype: str) -> np.ndarray:
    """`given` as a vector of `size` numbers of `dtype`, copied only if need be; raises UsageError if it is not one."""
    vector = np.asarray(given)
    if vector.dtype.kind not in "fiu":
        raise UsageError(f"{name} has dtype {vector.dtype}; parameters are real numbers")
    if vector.shape != (size,):
        raise UsageError(f"{name} has shape {vector.shape}; this problem has {size} parameters in one vector")
    return np.ascontiguousarray(vector, dtype)
