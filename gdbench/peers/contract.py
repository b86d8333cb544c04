"""What a library gets to train, and what it returns.

A `Task` holds trials as plain arrays, the same for every library: data, first parameters, the rows of each step. An
`Adapter` turns it into a training loop of its library, written for speed, as that library's users write it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np

from gdbench.errors import GdbenchError
from gdbench.kernels.layers import Layers

T = TypeVar("T")


class UnsupportedError(GdbenchError):
    """A library cannot express the task; the message says what it lacks."""


@dataclass(frozen=True, eq=False)
class Task:
    """Trials of one network and one rule that differ in learning rate and seed.

    x: samples x features. y: labels (int64) for cross-entropy, else targets (samples x outputs). sizes: inputs, hidden
    widths, outputs. hyperparameters: all but lr. reshuffle: whether every epoch has a new order of the samples. dtype:
    of all floats. seeds, lrs: one per trial. thetas: parameters at step 0, trials x parameters, layer by layer W
    (inputs x outputs, row-major), then b. rows: the training rows of each step, trials x steps x batch_size, int64;
    after the last step they start again. chunk: steps per call; the steps of `rows` are a multiple of it.
    """

    x: np.ndarray
    y: np.ndarray
    sizes: tuple[int, ...]
    activation: str
    loss: str
    l2: float
    rule: str
    hyperparameters: Mapping[str, float | bool]
    reshuffle: bool
    dtype: str
    seeds: tuple[int, ...]
    lrs: np.ndarray
    thetas: np.ndarray
    rows: np.ndarray
    chunk: int

    @property
    def trials(self) -> int:
        """The number of trials."""
        return len(self.seeds)

    @property
    def batch_size(self) -> int:
        """The samples in a batch, as many in every step."""
        return int(self.rows.shape[2])

    @property
    def chunks(self) -> int:
        """The number of calls after which the rows start again."""
        return int(self.rows.shape[1]) // self.chunk

    def rows_of(self, trial: int, call: int) -> np.ndarray:
        """The rows of a trial's steps in call 0, 1, ...: chunk x batch_size."""
        first = call % self.chunks * self.chunk
        return np.asarray(self.rows[trial, first : first + self.chunk])

    def only(self, trials: slice) -> "Task":
        """The task with only these trials."""
        return replace(
            self,
            seeds=self.seeds[trials],
            lrs=self.lrs[trials],
            thetas=self.thetas[trials],
            rows=self.rows[trials],
        )


class Trial(Protocol):
    """One trial as a library trains it."""

    def advance(self, call: int) -> None:
        """Take the steps of call 0, 1, ... and return when they are done."""
        ...

    def theta(self) -> np.ndarray:
        """The present parameters, in the layout of the task's (parameters)."""
        ...


class Training(Protocol):
    """All trials of a task as a library trains them.

    at_once: how many trials a call of `run` trains for a chunk of steps, one or all.
    """

    at_once: int

    def run(self) -> None:
        """Take the next chunk of steps, of all trials or of the next one in turn; returns when they are done."""
        ...

    def thetas(self) -> np.ndarray:
        """The present parameters, in the layout of the task's (trials x parameters)."""
        ...


class Adapter(Protocol):
    """A library, or one way to use it."""

    def prepare(self, task: Task, threads: int) -> Training:
        """A training of the task at step 0, on so many threads. Raises UnsupportedError if it cannot be expressed."""
        ...


def its(library: str, kind: str, known: Mapping[str, T], name: str) -> T:
    """The library's function for one of our losses or activations. Raises UnsupportedError if it has none."""
    if name not in known:
        raise UnsupportedError(f"{library} has no {kind} {name} here")
    return known[name]


class InTurns:
    """A `Training` of trials in turn: each call trains the next one for a chunk of steps."""

    at_once = 1

    def __init__(self, trials: Sequence[Trial]) -> None:
        self.trials, self.done = trials, 0

    def run(self) -> None:
        """See `Training`."""
        call, turn = divmod(self.done, len(self.trials))
        self.trials[turn].advance(call)
        self.done += 1

    def thetas(self) -> np.ndarray:
        """See `Training`."""
        return np.stack([trial.theta() for trial in self.trials])


def layers(theta: np.ndarray, sizes: Sequence[int]) -> list[np.ndarray]:
    """Views of the flat parameters (the last axis): W and b of the first layer, W and b of the second, ...

    >>> [view.shape for view in layers(np.zeros(17), (3, 2, 3))]
    [(3, 2), (2,), (2, 3), (3,)]
    """
    return [part.of(theta) for part in Layers(sizes).parts]


def flat(views: Sequence[np.ndarray], leading: int = 0) -> np.ndarray:
    """The flat parameters of such views: the inverse of `layers`. leading: how many axes precede the layers' own."""
    return np.concatenate([np.reshape(view, (*np.shape(view)[:leading], -1)) for view in views], axis=-1)
