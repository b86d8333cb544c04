"""Count the problems and trials of a suite's table by multiplication, without checking or expanding anything.

    how_many({"problem": ..., "rule": {"sgd": {"lr": {"log": [1e-3, 1.0, 10**9]}}}})     # (1, 10000000000)

Anything that makes no sense counts as one value; the check of the table reports it later.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from gdbench.errors import UsageError, shown
from gdbench.inputs import limits
from gdbench.kernels.functions.contract import MAX_DIMENSION
from gdbench.suites.grid import KINDS
from gdbench.suites.trials import TUNE_SEED

SEEDS = 5  # unless the suite sets them
_AXES = ("schedule", "dtype", "clip_norm", "clip_value")  # of every trial, beside batch_size


def check_counts(table: Mapping[str, Any], seeds: int = SEEDS) -> None:
    """Raise UsageError, with the key, for too many problems or trials, or a list that is too long."""
    for key, value, most in _lists(table):
        if isinstance(value, list | tuple) and len(value) > most:
            raise UsageError(f"{key} = {shown(value)} has {len(value):,} values; at most {most:,} are allowed")
    problems, trials = how_many(table, seeds)
    if problems > limits.PROBLEMS:
        raise UsageError(
            f"{_greatest(table, 'problem')} and {problems:,} problems; at most {limits.PROBLEMS:,} are allowed, so "
            "give fewer"
        )
    if trials > limits.TRIALS:
        raise UsageError(
            f"{_greatest(table, 'problem', 'rule')} and {trials:,} trials; at most {limits.TRIALS:,} are allowed, so "
            "give fewer values or seeds"
        )


def _lists(table: Mapping[str, Any]) -> Iterator[tuple[str, Any, int]]:
    """Lists that are one value of an axis: their key, the list, and the most values that it may have."""
    for label, problem in _table(table, "problem").items():
        for name, most in (("hidden", limits.LAYERS), ("start", MAX_DIMENSION)):
            value = problem.get(name) if isinstance(problem, Mapping) else None
            several = isinstance(value, list | tuple) and axis_size(value, lists=True) > 1
            for each in list(value or ()) if several else [value]:
                yield f"problem.{label}.{name}", each, most


def _greatest(table: Mapping[str, Any], *groups: str) -> str:
    """The beginning of a sentence: the axis with the most values, and how many it has."""
    axes = [(name, value) for name, value in table.items() if name in ("batch_size", *_AXES)]
    for group in groups:
        for label, given in _table(table, group).items():
            axes += [(f"{group}.{label}.{name}", v) for name, v in given.items()] if isinstance(given, Mapping) else []
    key, value = max(axes, key=lambda axis: axis_size(axis[1]), default=("", None))
    if axis_size(value) == 1:
        return f"the suite has {len(_table(table, groups[0])):,} tables in {groups[0]}"
    return f"{shown(key)[1:-1]} = {shown(value)} makes {axis_size(value):,} values"


def how_many(table: Mapping[str, Any], seeds: int = SEEDS) -> tuple[int, int]:
    """The numbers of problems and trials. seeds: used if the table sets none."""
    tables = [each for each in _table(table, "problem").values() if isinstance(each, Mapping)]
    rules = [each for each in _table(table, "rule").values() if isinstance(each, Mapping)]
    report = _count(table, "seeds", seeds)
    tune = _count(table, "tune_seeds", report)
    cases = sum(_problems(each) * _batches(each, table) for each in tables)  # problems times batch sizes
    points = sum(math.prod(axis_size(value) for value in rule.values()) for rule in rules)
    settings = cases * points * math.prod(axis_size(table[name], tables=True) for name in _AXES if name in table)
    return sum(map(_problems, tables)), settings * (tune or report) + (2 * cases * len(rules) * report if tune else 0)


def axis_size(value: Any, *, lists: bool = False, tables: bool = False) -> int:
    """The number of values of an axis.

    lists: the values are lists themselves, so that a list of numbers is one value. tables: the values may be tables, so
    that only {values = [...]} is a grid.
    """
    if isinstance(value, Mapping):
        kind = next((kind for kind in KINDS if kind in value and (kind == "values" or not tables)), None)
        if kind == "values":
            return axis_size(value[kind])
        given = value.get(kind)
        whole = isinstance(given, list | tuple) and len(given) == 3 and type(given[2]) is int
        return max(1, given[2]) if whole else 1  # type: ignore[index]
    if isinstance(value, list | tuple) and not (lists and not all(isinstance(each, list | str) for each in value)):
        return max(1, len(value))
    return 1


def _problems(table: Mapping[str, Any]) -> int:
    one = ("kind", "batch_size")
    return math.prod(
        axis_size(value, lists=name in ("hidden", "start"), tables=name == "dataset")
        for name, value in table.items()
        if name not in one
    )


def _batches(problem: Mapping[str, Any], table: Mapping[str, Any]) -> int:
    if problem.get("kind") == "function":
        return 1
    return axis_size(problem["batch_size"] if "batch_size" in problem else table.get("batch_size", 1))


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    given = table.get(key)
    return given if isinstance(given, Mapping) else {}


def _count(table: Mapping[str, Any], key: str, default: int) -> int:
    given = table.get(key)
    return given if type(given) is int and 0 <= given <= TUNE_SEED else default
