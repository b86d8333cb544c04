"""Problems by name outside a suite: a data set, a test function, or a table in a suite's file.

label, table, folder = problem_table("rosenbrock")
label, table, folder = problem_table("mine.toml:iris")
"""

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gdbench.data.files import is_place
from gdbench.data.formats import format_of, of_files
from gdbench.data.names import SHIPPED, SYNTHETIC
from gdbench.errors import UsageError, nearest, shown
from gdbench.inputs.paths import user_path
from gdbench.inputs.visible import visible
from gdbench.kernels import FUNCTIONS
from gdbench.suites.reading import read
from gdbench.suites.schema import LABEL, label_of


def problem_table(name: str) -> tuple[str, dict[str, Any], Path]:
    """The problem's label, its table as in a suite's `[problem.NAME]`, and the folder where its relative paths begin.

    name: a test function; a data set's name or path (for a network with one hidden layer of 32); FILE.toml if it has
    one problem, or FILE.toml:NAME. Raises UsageError for anything else.
    """
    file, _, label = name.rpartition(":") if ".toml:" in name else (name, "", "")
    if file.endswith(".toml"):
        return _of_file(file, label)
    if name in FUNCTIONS:
        return name, {"kind": "function", "function": name}, Path.cwd()
    if name in (*SHIPPED, *SYNTHETIC) or is_place(name, Path.cwd()):
        return label_of(Path(name).stem or "data"), {"kind": "mlp", "dataset": name}, Path.cwd()
    raise UsageError(f"unknown problem {shown(name)}{nearest(name, [*SHIPPED, *SYNTHETIC, *FUNCTIONS])}")


def data_table(
    file: str, predict: str, encode: bool = False, folder: Path | None = None
) -> tuple[str, dict[str, Any], Path]:
    """What `problem_table` returns, for a file of data and the column to predict.

    For a format without names of columns predict must be `y`. encode: whether texts become columns of 0 and 1. folder:
    where a relative path begins, the current one by default. Raises UsageError for another kind of file or column.
    """
    folder = folder or Path.cwd()
    known = format_of(folder / user_path(file))
    if known is None:
        raise UsageError(f"--predict is for a file of data ({of_files()[1]}) or a folder of IDX files, and not {file}")
    columns = {"target": predict, **({"encode": "onehot"} if encode else {})}
    if not known.columns:
        if predict != "y" or encode:
            raise UsageError(f"{file} has no names of columns; say --predict y" + " without --encode" * encode)
        columns = {}
    label = label_of(visible(Path(file).name.partition(".")[0]) or "data")
    return label, {"kind": "mlp", "dataset": {"file": file, **columns}}, folder


def distinct_labels(names: Iterable[str]) -> dict[str, str]:
    """The label of each problem by its name; labels that would be the same are numbered."""
    labels: dict[str, str] = {}
    for name in dict.fromkeys(names):
        label = problem_table(name)[0]
        endings = (f" {number}" for number in itertools.count(2))
        numbered = (label[: LABEL - len(ending)] + ending for ending in endings)
        taken = set(labels.values())
        labels[name] = next(each for each in itertools.chain([label], numbered) if each not in taken)
    return labels


def _of_file(file: str, label: str) -> tuple[str, dict[str, Any], Path]:
    path = user_path(file)
    problems = read(path).get("problem")
    if not isinstance(problems, dict) or not problems:
        raise UsageError(f"{file}: problem is missing (add a table such as [problem.digits])")
    if not label and len(problems) > 1:
        raise UsageError(f"{file} has {len(problems)} problems; write {file}:{next(iter(problems))} for one of them")
    label = label or next(iter(problems))
    if label not in problems:
        raise UsageError(f"{file} has no problem {shown(label)}{nearest(label, problems)}")
    if not isinstance(problems[label], dict):
        raise UsageError(f"{file}: problem.{label} = {shown(problems[label])} must be a table")
    # The batch sizes belong to the suite, not to the problem.
    return label, {key: value for key, value in problems[label].items() if key != "batch_size"}, path.parent
