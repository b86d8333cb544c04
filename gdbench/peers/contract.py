"""What a library is given to train, and what it gives back.

A `Task` holds trials as plain arrays, the same for every library: data, first parameters, the rows of each step. An
`Adapter` makes a library's own training loop of it, written for speed as that library's users write it.
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
    widths, outputs. hyperparameters: all but lr. dtype: of all floats. seeds, lrs: one per trial. thetas: parameters at
    step 0, trials x parameters, layer by layer W (inputs x outputs, row-major), then b. rows: trials x steps x
    batch_size, int64: the training rows of each step, which start again at their end. chunk: steps per call; the steps
    of `rows` are a multiple of it.
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
        """How many there are."""
        return len(self.seeds)

    @property
    def batch_size(self) -> int:
        """Samples in a batch, the same in every step."""
        return int(self.rows.shape[2])

    @property
    def chunks(self) -> int:
        """How many calls it takes until the rows begin again."""
        return int(self.rows.shape[1]) // self.chunk

    def rows_of(self, trial: int, call: int) -> np.ndarray:
        """The rows of the steps of a trial's call 0, 1, ...: chunk x batch_size."""
        first = call % self.chunks * self.chunk
        return np.asarray(self.rows[trial, first : first + self.chunk])

    def only(self, trials: slice) -> "Task":
        """The task with these of its trials alone."""
        return replace(
            self,
            seeds=self.seeds[trials],
            lrs=self.lrs[trials],
            thetas=self.thetas[trials],
            rows=self.rows[trials],
        )


class Trial(Protocol):
    """One trial in a library's hands."""

    def advance(self, call: int) -> None:
        """Take the steps of call 0, 1, ... and return when they are done."""
        ...

    def theta(self) -> np.ndarray:
        """The parameters now, laid out as the task's."""
        ...


class Training(Protocol):
    """All trials of a task in a library's hands, ready to go on from where they are.

    at_once: the trials that a call of `run` takes a chunk further, one or all of them.
    """

    at_once: int

    def run(self) -> None:
        """The next chunk of steps, of all trials or of the one whose turn it is; returns when they are done."""
        ...

    def thetas(self) -> np.ndarray:
        """The parameters now, laid out as the task's."""
        ...


class Adapter(Protocol):
    """A library, or one way to use it."""

    def prepare(self, task: Task, threads: int) -> Training:
        """The task at step 0, on that many threads. Raises UnsupportedError when the library cannot express it."""
        ...


def its(library: str, kind: str, known: Mapping[str, T], name: str) -> T:
    """What a library has for one of our losses or activations; raises UnsupportedError where it has none."""
    if name not in known:
        raise UnsupportedError(f"{library} has no {kind} {name} here")
    return known[name]


class InTurns:
    """A `Training` of trials one after another: each call takes the next one a chunk further."""

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
    """Views of the flat parameters (the last axis): W, b of the first layer, W, b of the second, ...

    >>> [view.shape for view in layers(np.zeros(17), (3, 2, 3))]
    [(3, 2), (2,), (2, 3), (3,)]
    """
    return [part.of(theta) for part in Layers(sizes).parts]


def flat(views: Sequence[np.ndarray], leading: int = 0) -> np.ndarray:
    """`layers` undone; leading: axes before the layers' own."""
    return np.concatenate([np.reshape(view, (*np.shape(view)[:leading], -1)) for view in views], axis=-1)
