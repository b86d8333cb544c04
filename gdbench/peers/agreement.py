"""Check that a library trains as gdbench does: compare losses after a few steps, all computed by gdbench in float64."""

from dataclasses import replace

import numpy as np

from gdbench.peers.contract import Task
from gdbench.peers.ours import problem_of

STEPS = 20


def losses(task: Task, thetas: np.ndarray) -> np.ndarray:
    """The training objective over all samples, float64 (trials). thetas: parameters, trials x parameters."""
    y = task.y if task.y.dtype == np.int64 else task.y.astype(np.float64)
    problem = problem_of(replace(task, x=task.x.astype(np.float64), y=y, dtype="float64"))
    work = problem.workspace()
    return np.array([problem.loss(theta.astype(np.float64), work=work) for theta in thetas])


def difference(theirs: np.ndarray, ours: np.ndarray) -> float:
    """The largest relative difference of two vectors of losses; infinite if only one of a pair is finite.

    >>> difference(np.array([1.0, 2.2]), np.array([1.0, 2.0]))
    0.10000000000000009
    """
    finite = np.isfinite(theirs)
    if (finite != np.isfinite(ours)).any():
        return float("inf")
    apart = np.abs(theirs[finite] - ours[finite]) / np.maximum(np.abs(ours[finite]), np.finfo(np.float64).tiny)
    return float(apart.max(initial=0.0))
