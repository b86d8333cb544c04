"""Training, validation and test splits: the same samples for every trial, scaled by the training split."""

from dataclasses import dataclass

import numpy as np

from gdbench.data.dataset import Dataset
from gdbench.data.scaling import scaling
from gdbench.errors import UsageError
from gdbench.kernels.arithmetic.random import Stream, permutation

SEED = 0  # one split for all trials, so that seeds differ in weights and batches alone


@dataclass(frozen=True, eq=False)
class Split:
    """One split: features x (float64, samples x features) and their labels or targets y."""

    x: np.ndarray
    y: np.ndarray


def split(
    data: Dataset, *, validation_fraction: float, test_fraction: float, scale: str, subset: int | None
) -> tuple[Split, Split, Split]:
    """Training, validation and test splits, stratified by label, features scaled; targets stay in their own units.

    subset: the number of samples to use, drawn from each split with the same stratification; a trial on a subset never
    trains on a test sample of the whole. If the data has a test file, that is the test split, whole and in its order,
    and the other splits come from the training file. Raises the errors of `rows`.
    """
    train, validation, test = rows(data, validation_fraction, test_fraction, subset)
    scaled = scaling(data.x[train], scale)

    def part(source: Dataset, chosen: np.ndarray | slice) -> Split:
        return Split(scaled(source.x[chosen]), source.y[chosen])

    tested = part(data.test, slice(None)) if data.test else part(data, test)
    return part(data, train), part(data, validation), tested


def rows(
    data: Dataset, validation_fraction: float, test_fraction: float, subset: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The samples of the training, validation and test splits: row numbers of `data.x`, ascending, as int64.

    Raises UsageError for a subset of more samples than the data has, and if no sample is left to train on.
    """
    count = len(data.x)
    if data.test:
        test_fraction = 0.0
    test, rest = _take(data, np.arange(count), round(test_fraction * count), step=1)
    validation, train = _take(data, rest, round(validation_fraction * count), step=2)
    if subset is not None:
        if subset > count:
            raise UsageError(f"subset = {subset} is more than the {count} samples of {data.name}")
        count = subset
        tested, validated = round(test_fraction * count), round(validation_fraction * count)
        # If both fractions are rounded down, the training split may have too few samples; validation takes the rest.
        more = max(0, count - tested - validated - len(train))
        validated, tested = _shared(validated + more, len(validation), tested)
        test, validation, train = (
            _take(data, whole, few, step=step)[0]
            for whole, few, step in (
                (test, tested, 3),
                (validation, validated, 4),
                (train, max(0, count - tested - validated), 5),
            )
        )
    if len(train) == 0:
        raise UsageError(f"validation_fraction and test_fraction leave none of {count} samples to train on")
    return train, validation, test


def _shared(wanted: int, most: int, others: int) -> tuple[int, int]:
    """`wanted`, but at most `most`, and `others` plus what exceeds it."""
    return min(wanted, most), others + max(0, wanted - most)


def _take(data: Dataset, rows: np.ndarray, count: int, step: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` random rows, each class by its share (largest remainders first), and the other rows; both sorted."""
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
