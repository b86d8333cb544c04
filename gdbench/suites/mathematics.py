"""`gdbench.problem`: the mathematics of a problem, for checks and notebooks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gdbench import suites
from gdbench.data.problems import build
from gdbench.errors import UsageError, shown
from gdbench.kernels.problem import Problem


def problem(given: str | Mapping[str, Any], *, dtype: str = "float64") -> Problem:
    """The mathematics of a problem: initial parameters, batches, loss, gradient and Hessian.

    given: a data set's name or path (for a network with one hidden layer of 32), a test function's name, a suite's file
    (FILE.toml or FILE.toml:NAME), or a dict like a suite's `[problem.NAME]`. dtype: float64 or float32. Raises
    UsageError if these are wrong, or stand for several problems.
    """
    folder = Path.cwd()
    if isinstance(given, str | Path):
        _, given, folder = suites.problem_table(str(given))
    if not isinstance(given, Mapping):
        raise UsageError(
            f"problem {shown(given)} must be the name of a data set or a function, or a dict such as "
            "{'kind': 'mlp', 'dataset': 'iris'}"
        )
    dtype = dtype if isinstance(dtype, str) else getattr(dtype, "__name__", str(dtype))  # numpy.float64 is accepted too
    table = {"problem": {"problem": dict(given)}, "rule": {"sgd": {}}, "batch_size": 1, "dtype": dtype}
    definitions = suites.load(table, folder=folder).problems
    if len(definitions) != 1:
        raise UsageError(f"a problem must have one value for each key; this one stands for {len(definitions)} problems")
    built: Problem = build(next(iter(definitions.values())), dtype)
    return built
