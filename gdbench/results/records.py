"""Rows of the store, as the program uses them."""

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from gdbench.results.curves import LOST, Curves, Points
from gdbench.results.metrics import OBJECTIVES

DONE = ("reached", "exhausted", "diverged", "stalled")  # a failed trial is tried again


@dataclass(frozen=True)
class RunRecord:
    """One execution of a suite, as stored."""

    run: str
    suite: str
    title: str
    description: str
    identity: str
    table: dict[str, Any]
    target: dict[str, list[float]] | None
    state: str
    created: float
    finished: float | None
    heartbeat: float
    host: str
    process: int
    process_started: float
    code: str
    backend: str
    trials: int
    environment: dict[str, Any]
    git_commit: str | None
    git_dirty: bool | None
    stored: int | None = None
    done: int | None = None
    timed: str | None = None
    hash: str | None = None
    damage: str | None = None  # what is wrong with its row, a sentence


class StoredRun(NamedTuple):
    """A run at one moment, checked.

    trials: the values by column of the table, numbers as arrays with NaN for missing ones. `definition` is the
    definition of the trial's setting. curves: those of all trials, in the same order, with these `points`. timings,
    subjects: rows. notices: sentences about what was left out or could not be checked.
    """

    record: RunRecord
    trials: dict[str, Any]
    curves: list[Curves]
    points: Points
    timings: list[dict[str, Any]]
    subjects: list[dict[str, Any]]
    notices: list[str]


@dataclass(frozen=True, eq=False)
class TrialRecord:
    """A trial and its results. curve: points x columns, float64. columns: their names, step first."""

    trial: int
    key: str
    setting: str
    problem: str
    rule: str
    role: str
    seed: int
    batch_size: int
    dtype: str
    definition: dict[str, Any]
    status: str
    steps: int
    epochs: float
    seconds: float
    steps_to_target: float | None
    crossings: list[float] = field(default_factory=list)  # of the target's levels; infinite where there was none
    diverged_step: float = math.inf
    crossing_seconds: float = 0.0
    parameters: int | None = None
    gradient_evaluations: int | None = None
    function_evaluations: int | None = None
    whole: dict[str, float] = field(default_factory=dict)  # over all training samples, where the curve is over some
    columns: tuple[str, ...] = ()
    curve: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    error: str | None = None

    @property
    def final(self) -> dict[str, float]:
        """The values at the end of the trial, by name, those of training over all samples; empty for a failed trial."""
        if not len(self.curve):
            return {}
        return {**dict(zip(self.columns, map(float, self.curve[-1]), strict=True)), **self.whole}

    @property
    def loss(self) -> float:
        """The last value of the metric that the trial is judged by; infinite for a lost trial."""
        final = self.final
        values = (final[name] for name in OBJECTIVES if not math.isnan(final.get(name, math.nan)))
        lost = self.status in LOST or math.isfinite(self.diverged_step)
        return math.inf if lost else next(values, math.inf)
