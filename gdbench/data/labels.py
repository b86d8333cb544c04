"""From the contents of files to a data set: the same rules for answers in every format.

Text and whole numbers (booleans too) are labels. So are rows of 0 with a single 1, each in its label's column.
Other numbers are the targets of a regression. A single column of answers is the same as a vector.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice

import numpy as np

from gdbench.data.contents import Contents, named
from gdbench.data.dataset import Dataset
from gdbench.data.tables import is_number
from gdbench.errors import UsageError, nearest, shown
from gdbench.inputs.limits import CLASSES

TASKS = ("classification", "regression")


def assemble(train: Contents, test: Contents | None = None, task: str | None = None) -> Dataset:
    """The data set of one file to split, or of a training and a test file.

    task: `classification`, `regression`, or None to infer it from the training file. Raises UsageError for labels with
    gaps, and for two files that do not agree.
    """
    parts = [_squeezed(part) for part in ([train] if test is None else [train, _aligned(train, test)])]
    first, last = parts[0], parts[-1]
    if first.y.ndim == last.y.ndim == 2 and first.y.shape[1] != last.y.shape[1]:
        raise UsageError(
            f"{last.path} has {last.y.shape[1]} targets a sample where {first.path} has {first.y.shape[1]}; give both "
            "the same"
        )
    guessed, names = task is None, tuple[str, ...]()
    task = task or _task(first)
    if task == "regression":
        answers = [_targets(part) for part in parts]
        if answers[-1].shape[1] != answers[0].shape[1]:
            raise UsageError(
                f"{last.path} has {answers[-1].shape[1]} targets a sample where {first.path} has "
                f"{answers[0].shape[1]}; give both the same"
            )
    else:
        numbers = _numbering(first)
        answers, names = [_labels(part, numbers) for part in parts], tuple(numbers)
    columns = tuple(first.columns or ())
    sets = [
        Dataset(part.path.name, part.x, y, columns=columns, names=names, guessed=guessed)
        for part, y in zip(parts, answers, strict=True)
    ]
    return replace(sets[0], test=sets[1]) if len(sets) > 1 else sets[0]


def _squeezed(part: Contents) -> Contents:
    """The contents with a single column of answers as a vector; Keras' data sets have such columns of labels."""
    return replace(part, y=part.y.reshape(-1)) if part.y.ndim == 2 and part.y.shape[1] == 1 else part


def _aligned(train: Contents, test: Contents) -> Contents:
    """The test file with its features in the order of the training file."""
    if train.columns is None or test.columns is None:
        count, needed = test.x.shape[1], train.x.shape[1]
        if count != needed:
            raise UsageError(f"{test.path} has {count} features where {train.path} has {needed}; give both the same")
        return test
    columns = test.columns
    places = {name: j for j, name in enumerate(columns)}
    missing = [name for name in train.encoded if name not in places]  # texts that the test file does not hold
    x = np.hstack([test.x, np.zeros((len(test.x), len(missing)))])
    places |= {name: len(places) + j for j, name in enumerate(missing)}
    for name in train.columns:
        if name not in places:
            raise UsageError(
                f"{test.path} has no column {shown(name)}, which {train.path} has{nearest(name, map(named, columns))}"
            )
    known = set(train.columns)
    more = next((name for name in columns if name not in known), None)
    if more is not None:
        raise UsageError(f"{test.path} has a column {shown(more)}, which {train.path} does not have; leave it out")
    return replace(test, x=x[:, [places[name] for name in train.columns]])


def _task(train: Contents) -> str:
    """The task that the training file's answers suggest; raises UsageError where they look like a mistake."""
    y = train.y
    if y.ndim == 2:
        if not _is_zero_or_one(y).all():
            return "regression"
        row = _not_one_hot(y)
        if row is not None:
            raise UsageError(
                f"{train.place(row)}, has {int(np.count_nonzero(y[row]))} ones in {y.shape[1]} columns; a label has "
                'one: mend it, or say task = "regression"'
            )
        return "classification"
    if y.dtype.kind == "O":
        _check_mixture(train)
    return "regression" if y.dtype.kind == "f" else "classification"


def _is_zero_or_one(y: np.ndarray) -> np.ndarray:
    return np.isin(y, (0, 1))


def _not_one_hot(y: np.ndarray) -> int | None:
    """The first row that is not zeros with a single one; None if there is none."""
    wrong = ~_is_zero_or_one(y).all(axis=1) | (np.count_nonzero(y, axis=1) != 1)
    return int(np.argmax(wrong)) if wrong.any() else None


def _targets(part: Contents) -> np.ndarray:
    if part.y.dtype.kind == "O":
        row = next((i for i, text in enumerate(part.y) if not is_number(text)), 0)
        raise UsageError(f"{part.place(row)}, is {shown(part.y[row])}; a regression needs numbers")
    return np.ascontiguousarray(part.y.reshape(len(part.x), -1), np.float64)


def _check_mixture(train: Contents) -> None:
    """Raise UsageError for a text among numbers, or a number among texts: it is more likely a mistake than a class."""
    known = {text: is_number(text) for text in set(train.y)}
    numeric = np.array([known[text] for text in train.y])
    if numeric.any():
        few = bool(numeric.mean() <= 0.5)
        row = int(np.argmax(numeric == few))
        kind = "a number among texts" if few else "a text among numbers"
        raise UsageError(
            f'{train.place(row)}, is {shown(train.y[row])}, {kind}; mend it, or say task = "classification" if it is '
            "a label"
        )


def _found(part: Contents) -> np.ndarray:
    """The labels as the file has them, whole numbers or text; for rows of 0 with a single 1, the column of the 1."""
    y = part.y
    if y.ndim == 2:
        row = _not_one_hot(y)
        if row is not None:
            raise UsageError(
                f'{part.place(row)}, is {shown(y[row].tolist())}; for task = "classification" with {y.shape[1]} '
                "targets, each row has a single 1 and zeros, else labels are one column"
            )
        return np.asarray(y.argmax(axis=1))
    if y.dtype.kind != "f":
        return y.astype(np.int64) if y.dtype.kind == "b" else y
    bad = np.flatnonzero((y != np.floor(y)) | (np.abs(y) > 2**53))
    if bad.size:
        raise UsageError(f"{part.place(int(bad[0]))}, is {y[bad[0]]}; a label is a whole number or text")
    return y.astype(np.int64)


def _numbering(train: Contents) -> Mapping[str, int]:
    """The number of each label: a whole number is its own, texts are numbered in sorted order."""
    found = _found(train)
    present = set(found.tolist())
    if len(present) > CLASSES:
        raise UsageError(
            f"{train.path} has {len(present):,} different labels, and at most {CLASSES:,} are supported; numbers that "
            'are no labels need task = "regression"'
        )
    if found.dtype.kind == "O":
        names = sorted(present)
        if len(names) < 2:
            raise UsageError(
                f"{train.place(0)}, and all others, are {shown(names[0])}; there must be two classes or more"
            )
        return {name: i for i, name in enumerate(names)}
    if found.min() < 0:
        row = int(found.argmin())
        raise UsageError(
            f"{train.place(row)}, is {found[row]}; labels must be 0, 1, 2, ... or 1, 2, 3, ... (numbers that are no "
            'labels need task = "regression")'
        )
    if train.y.ndim == 1 and present == set(range(1, len(present) + 1)) and len(present) > 1:
        return {str(k): k - 1 for k in sorted(present)}  # counted from 1
    top = max(*present, 1, train.y.shape[1] - 1 if train.y.ndim == 2 else 1)
    missing = list(islice((k for k in range(top + 1) if k not in present), 6))
    if missing:
        row = int(np.argmax(found > missing[0]))  # the first label beyond the gap, or the first of all
        some = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
        raise UsageError(
            f"{train.place(row)}, is {found[row]}, but there is no sample of class {some}; labels must be 0, 1, 2, ... "
            'without gaps (numbers that are no labels need task = "regression")'
        )
    return {str(k): k for k in range(top + 1)}


def _labels(part: Contents, numbers: Mapping[str, int]) -> np.ndarray:
    found = _found(part).tolist()
    labels = np.array([numbers.get(str(label), -1) for label in found], np.int64)
    if labels.min() < 0:
        row = int(labels.argmin())
        names = [named(name) for name in islice(numbers, 21)]
        known = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        raise UsageError(f"{part.place(row)}, is {shown(found[row])}, no label of the training file, which has {known}")
    return labels
