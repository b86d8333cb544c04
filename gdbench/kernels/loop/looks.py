"""Where a trial crosses the levels of its target, known to the step whatever its evaluations are.

    looks = looks_of(Target("val_accuracy", (0.9, 0.95), every=1))
    while due(looks, step):
        ended = crossed(looks, step, value)

A look computes one metric of one split, and stops as soon as it is certain that the next level is not crossed. It adds
no point to the curve and counts as no evaluation. The compiled loops look by themselves; Python calls the same
functions.
"""

from typing import NamedTuple

import numpy as np

from gdbench.kernels.compile.jit import inlined
from gdbench.kernels.problem import Target


class Looks(NamedTuple):
    """The looks of one trial. They change in place, and each worker of a team has looks of its own."""

    every: int  # steps between two looks; 0: none
    stop: bool  # whether the trial ends where it crosses the last level
    rises: bool  # whether a level is crossed from below
    levels: np.ndarray  # float64, in the order in which they are crossed
    crossed: np.ndarray  # int64, one element: how many of them are
    steps: np.ndarray  # int64: where
    nanoseconds: np.ndarray  # int64, one element: what the looks took


def looks_of(target: Target | None) -> Looks:
    """The looks that a trial begins with; without a target there are none."""
    target = target or Target("", (), every=0)
    levels = np.array(target.levels, np.float64)
    number = np.zeros(1, np.int64)
    return Looks(
        target.every, target.stop, target.rises, levels, number, np.zeros(levels.size, np.int64), number.copy()
    )


@inlined
def due(looks, step):
    """Whether to look after `step` steps."""
    return looks.every > 0 and looks.crossed[0] < looks.levels.size and step % looks.every == 0


@inlined
def level(looks):
    """The next level."""
    return looks.levels[looks.crossed[0]]


@inlined
def crossed(looks, step, value):
    """Note which levels the target's metric has crossed, by its value after `step` steps; returns whether that is the
    end of the trial. NaN crosses nothing."""
    number = looks.crossed[0]
    while number < looks.levels.size and (
        value >= looks.levels[number] if looks.rises else value <= looks.levels[number]
    ):
        looks.steps[number] = step
        number += 1
    looks.crossed[0] = number
    return looks.stop and number == looks.levels.size


def kept(looks: Looks) -> tuple[np.ndarray, np.ndarray]:
    """A copy of what has been crossed, for `restore`."""
    return looks.crossed.copy(), looks.steps.copy()


def restore(looks: Looks, before: tuple[np.ndarray, np.ndarray]) -> None:
    """Forget the crossings since `kept`: their steps are taken again."""
    looks.crossed[:], looks.steps[:] = before
