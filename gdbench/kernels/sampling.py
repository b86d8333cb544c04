"""Training on samples: which of them a step uses, and the checks that every problem makes of what it is given."""

from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from gdbench.errors import UsageError
from gdbench.kernels.arithmetic import arrays
from gdbench.kernels.arithmetic.random import Stream, permutation, permute
from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.directions.objective import Derivatives, Objective
from gdbench.kernels.problem import Problem

P = TypeVar("P", bound=Problem)

_SHUFFLE = int(Stream.SHUFFLE)


class Batches(NamedTuple):
    """Which samples a step uses, and what is done to their gradient."""

    seed: int
    size: int
    per_epoch: int  # steps an epoch
    reshuffle: bool  # a new permutation every epoch, or the first one's again
    clip_norm: np.floating  # 0: not clipped
    clip_value: np.floating


@inlined
def reorder(batches, step, work):
    """Let work.order be the order in which the epoch of step (0, 1, ...) visits the samples."""
    epoch = step // batches.per_epoch if batches.reshuffle else 0
    if work.epoch[0] != epoch:
        permute(batches.seed, _SHUFFLE, epoch, work.order)
        work.epoch[0] = epoch


class SampledTraining(Generic[P]):
    """A trial on samples: its parameters, and how many steps led there. Not shared between threads."""

    def __init__(self, problem: P, batches: Batches) -> None:
        self.problem, self.batches = problem, batches
        self.theta = arrays.copied(problem.initial(batches.seed))
        self.steps = 0

    def move(self, x: np.ndarray) -> None:
        """Take one step to x."""
        self.theta[:] = x
        self.steps += 1

    def over_batch(self, problem: Derivatives) -> Objective:
        """An objective over the batch of the next step."""
        batches = self.batches

        @lru_cache(maxsize=1)
        def rows(step: int) -> np.ndarray:
            return self.problem.batch(batches.seed, step, batches.size)

        whole = batches.size == self.problem.n
        version = None if whole else lambda: self.steps
        return Objective.of_rows(problem, lambda: rows(1 if whole else self.steps + 1), version)


def steps_per_epoch(n: int, batch_size: int, drop_last: bool) -> int:
    """How many steps pass over n samples once."""
    return n // batch_size if drop_last else -(-n // batch_size)


def batch(seed: int, step: int, size: int | str, *, n: int, reshuffle: bool, drop_last: bool) -> np.ndarray:
    """The rows of n that step 1, 2, ... uses, in order, as int64; size is a number or "full"."""
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
    """Row numbers as an int64 vector, all of them for None; raises UsageError otherwise."""
    if rows is None:
        return np.arange(n)
    rows = np.asarray(rows)
    numbers = rows.dtype.kind in "iu" and rows.ndim == 1 and rows.size > 0
    if not numbers or rows.min() < 0 or rows.max() >= n:
        raise UsageError(f"rows must be a list of row numbers from 0 to {n - 1}")
    return np.ascontiguousarray(rows, np.int64)


def check_vector(name: str, given: Any, size: int, dtype: str) -> np.ndarray:
    """A number for each parameter as a vector of `dtype`, not copied where it is one; raises UsageError otherwise."""
    vector = np.asarray(given)
    if vector.dtype.kind not in "fiu":
        raise UsageError(f"{name} has dtype {vector.dtype}; parameters are real numbers")
    if vector.shape != (size,):
        raise UsageError(f"{name} has shape {vector.shape}; this problem has {size} parameters in one vector")
    return np.ascontiguousarray(vector, dtype)
