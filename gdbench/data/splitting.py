"""Train, validation and test: the same samples for every trial, scaled by what the training split shows."""

from dataclasses import dataclass

import numpy as np

from gdbench.data.dataset import Dataset
from gdbench.errors import UsageError
from gdbench.kernels.moments import column_means_and_deviations
from gdbench.kernels.random import Stream, permutation

SEED = 0  # one split for all trials, so that seeds differ in weights and batches alone
SCALES = ("standard", "minmax", "none")


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a data set."""

    x: np.ndarray
    y: np.ndarray


def split(
    data: Dataset, *, validation_fraction: float, test_fraction: float, scale: str, subset: int | None
) -> tuple[Split, Split, Split]:
    """Train, validation and test splits, stratified by label, features scaled; targets stay in their own units.

    subset: how many samples of the data to use at all, drawn with the same stratification.
    """
    rows = np.arange(len(data.x))
    if subset is not None:
        if subset > len(rows):
            raise UsageError(f"subset = {subset} is more than the {len(rows)} samples of {data.name}")
        rows, _ = _take(data, rows, subset, step=0)
    test, rest = _take(data, rows, round(test_fraction * len(rows)), step=1)
    validation, train = _take(data, rest, round(validation_fraction * len(rows)), step=2)
    if len(train) == 0:
        raise UsageError(f"validation_fraction and test_fraction leave none of {len(rows)} samples to train on")
    x = _scaled(data.x, train, scale)
    return Split(x[train], data.y[train]), Split(x[validation], data.y[validation]), Split(x[test], data.y[test])


def _take(data: Dataset, rows: np.ndarray, count: int, step: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` rows at random, each class by its share (largest remainders first), and the others; both sorted."""
    shuffled = rows[permutation(SEED, Stream.SPLIT, len(rows), step)]
    labels = data.y[shuffled] if data.classes else np.zeros(len(shuffled), np.int64)
    sizes = np.bincount(labels)
    exact = sizes * (count / max(len(rows), 1))
    taken = np.floor(exact).astype(np.int64)
    for label in np.argsort(taken - exact, kind="stable")[: count - int(taken.sum())]:
        taken[label] += 1
    chosen = np.zeros(len(shuffled), bool)
    for label, size in enumerate(taken):
        chosen[np.flatnonzero(labels == label)[:size]] = True
    return np.sort(shuffled[chosen]), np.sort(shuffled[~chosen])


def _scaled(x: np.ndarray, train: np.ndarray, scale: str) -> np.ndarray:
    """Features scaled by the training rows; a feature that is constant there is only shifted."""
    if scale == "none":
        return x
    if scale == "minmax":
        low = x[train].min(axis=0)
        width = x[train].max(axis=0) - low
    else:
        low, width = column_means_and_deviations(x[train])
    scaled: np.ndarray = (x - low) / np.where(width > 0, width, 1.0)
    return scaled
