"""The cases of `gdbench time`: networks by their shape, problems by their name."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from gdbench.errors import UsageError, shown
from gdbench.inputs import limits
from gdbench.kernels import MLP, Samples
from gdbench.timing.steps import Case

SHAPES = (("64-32-10", 32), ("64-128-10", 128), ("784-128-10", 32), ("784-128-10", 256))  # by default, with batch sizes
BATCH = 32
SAMPLES = 4096  # of random data for a network, if NUMBERS allows
NUMBERS = 2**26  # inputs in these samples, at most; two batches always fit


def of_shape(text: str, batch_size: int, dtype: str) -> Case:
    """A network such as 784-128-10 (inputs, hidden widths, outputs) on random samples.

    It has relu and cross-entropy; with one output, mean squared error. Raises UsageError if the text is not a shape,
    the batch size not a number, or the network or its data too large.
    """
    if not re.fullmatch(r"[1-9][0-9]{0,8}(-[1-9][0-9]{0,8})+", text):
        raise UsageError(f"net {shown(text)} must be the widths of two layers or more, such as 784-128-10")
    if not isinstance(batch_size, int):
        raise UsageError(f"batch {batch_size!r} needs data; net {shown(text)} has none, so give a number")
    sizes = tuple(int(width) for width in text.split("-"))
    samples = max(2 * batch_size, min(SAMPLES, NUMBERS // sizes[0]))
    try:
        limits.check_network(sizes, samples, np.dtype(dtype).itemsize)
    except ValueError as error:
        raise UsageError(f"net {shown(text)} {error}") from None
    if samples * (sizes[0] + sizes[-1]) > 2 * NUMBERS:
        raise UsageError(f"net {shown(text)} at batch {batch_size:,} needs more data than fits; use a smaller batch")
    return Case(text, _network(sizes, samples, dtype), batch_size)


@lru_cache(maxsize=16)
def _network(sizes: tuple[int, ...], samples: int, dtype: str) -> MLP:
    inputs, *hidden, outputs = sizes
    random = np.random.Generator(np.random.PCG64(0))
    x = random.standard_normal((samples, inputs)).astype(dtype)
    if outputs > 1:
        train = Samples(x, np.arange(samples) % outputs, np.zeros((0, outputs), dtype))
    else:
        train = Samples(x, np.zeros(0, np.int64), random.standard_normal((samples, 1)).astype(dtype))
    none = Samples(x[:0], train.labels[:0], train.targets[:0])
    return MLP(
        [train, none, none],
        outputs,
        hidden=hidden,
        activation="relu",
        loss="cross-entropy" if outputs > 1 else "mse",
        l2=0.0,
        init="he-normal",
        dtype=dtype,
    )


def of_problem(name: str, label: str, batches: Sequence[int | str], dtype: str) -> list[Case]:
    """The cases of a problem at each batch size; a function has one case, since it has no batches.

    name: as `gdbench.problem` takes it. label: what the problem is called.
    """
    # Imported here, since suites need pydantic, and networks by their shape do not.
    from gdbench import suites
    from gdbench.data.problems import build

    _, given, folder = suites.problem_table(name)
    table: dict[str, Any] = {
        "problem": {label: given},
        "rule": {"sgd": {}},
        "batch_size": list(batches),
        "dtype": dtype,
    }
    cases = []
    for title, definition in suites.load(table, folder=folder).problems.items():
        problem = build(definition, dtype)
        sizes = [problem.n if b == "full" else b for b in batches] if problem.batched else [1]
        cases += [Case(title, problem, int(size)) for size in sizes]
    return cases


def cases(
    nets: Sequence[str], problems: Sequence[str], batches: Sequence[int | str], dtypes: Sequence[str]
) -> list[Case]:
    """All networks and problems at all batch sizes in all dtypes; the `SHAPES` if none is named."""
    pairs = [(net, batch) for net in nets for batch in batches or (BATCH,)]
    if not nets and not problems:
        pairs = [(net, batch) for net in dict(SHAPES) for batch in batches] if batches else list(SHAPES)
    found: list[Case] = []
    labels: dict[str, str] = {}
    if problems:
        from gdbench.suites import distinct_labels

        labels = distinct_labels(problems)
    for dtype in dtypes:
        found += [of_shape(net, batch, dtype) for net, batch in pairs]  # type: ignore[arg-type]
        found += [case for name in problems for case in of_problem(name, labels[name], batches or (BATCH,), dtype)]
    return found
