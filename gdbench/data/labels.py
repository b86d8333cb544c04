"""From the contents of files to a data set: labels numbered 0, 1, 2, ..., the test file as the training file has it."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice

import numpy as np

from gdbench.data.contents import Contents
from gdbench.data.dataset import Dataset
from gdbench.data.tables import is_number
from gdbench.errors import UsageError, nearest

TASKS = ("classification", "regression")


def assemble(train: Contents, test: Contents | None = None, task: str | None = None) -> Dataset:
    """The data set of one file to split, or of a training and a test file.

    task: `classification`, `regression`, or None to tell by the training file: text and whole numbers are labels,
    floats are targets. Raises UsageError for labels that leave gaps or do not agree between the files.
    """
    parts = [train] if test is None else [train, _aligned(train, test)]
    if task == "regression" or (task is None and train.y.dtype.kind == "f"):
        answers = [_targets(part) for part in parts]
        if answers[-1].shape[1] != answers[0].shape[1]:
            raise UsageError(
                f"{parts[-1].path} has {answers[-1].shape[1]} targets a sample where {train.path} has "
                f"{answers[0].shape[1]}; give both the same"
            )
    else:
        if task is None:
            _check_mixture(train)
        numbers = _numbering(train)
        answers = [_labels(part, numbers) for part in parts]
    first, *rest = [Dataset(part.path.name, part.x, y) for part, y in zip(parts, answers, strict=True)]
    return replace(first, test=rest[0]) if rest else first


def _aligned(train: Contents, test: Contents) -> Contents:
    """The test file with the training file's features, in its order."""
    if train.columns is None or test.columns is None:
        count, needed = test.x.shape[1], train.x.shape[1]
        if count != needed:
            raise UsageError(f"{test.path} has {count} features where {train.path} has {needed}; give both the same")
        return test
    places = {name: j for j, name in enumerate(test.columns)}
    for name in train.columns:
        if name not in places:
            raise UsageError(f"{test.path} has no column {name!r}, which {train.path} has{nearest(name, test.columns)}")
    known = set(train.columns)
    more = next((name for name in test.columns if name not in known), None)
    if more is not None:
        raise UsageError(f"{test.path} has a column {more!r}, which {train.path} does not have; leave it out")
    return replace(test, x=test.x[:, [places[name] for name in train.columns]])


def _targets(part: Contents) -> np.ndarray:
    if part.y.dtype.kind == "O":
        row = next((i for i, text in enumerate(part.y) if not is_number(text)), 0)
        raise UsageError(f"{part.place(row)}, is {part.y[row]!r}; a regression needs numbers")
    return np.ascontiguousarray(part.y.reshape(len(part.x), -1), np.float64)


def _check_mixture(train: Contents) -> None:
    """A text among numbers is rather a slip than a class."""
    if train.y.dtype.kind != "O":
        return
    numeric = np.array([is_number(text) for text in train.y])
    if numeric.any():
        few = bool(numeric.mean() <= 0.5)
        row = int(np.argmax(numeric == few))
        kind = "a number among texts" if few else "a text among numbers"
        raise UsageError(
            f'{train.place(row)}, is {train.y[row]!r}, {kind}; mend it, or say task = "classification" if it is a label'
        )


def _found(part: Contents) -> np.ndarray:
    """The labels as the file has them, int64 or text."""
    if part.y.dtype.kind != "f":
        return part.y
    if part.y.shape[1] > 1:
        raise UsageError(f'{part.path}: task = "classification" with {part.y.shape[1]} targets; labels are one column')
    y = part.y[:, 0]
    bad = np.flatnonzero((y != np.floor(y)) | (np.abs(y) > 2**53))
    if bad.size:
        raise UsageError(f"{part.place(int(bad[0]))}, is {y[bad[0]]}; a label is a whole number or text")
    return y.astype(np.int64)


def _numbering(train: Contents) -> Mapping[str, int]:
    """The number of each label: of text by its place in sorted order, of a whole number itself."""
    found = _found(train)
    if found.dtype.kind == "O":
        names = sorted(set(found))
        if len(names) < 2:
            raise UsageError(f"{train.place(0)}, and all others, are {names[0]!r}; there must be two classes or more")
        return {name: i for i, name in enumerate(names)}
    if found.min() < 0:
        row = int(found.argmin())
        raise UsageError(f"{train.place(row)}, is {found[row]}; labels must be 0, 1, 2, ...")
    present = set(found.tolist())
    top = max(*present, 1)
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
        names = [*islice(numbers, 21)]
        known = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        raise UsageError(f"{part.place(row)}, is {found[row]!r}, no label of the training file, which has {known}")
    return labels
