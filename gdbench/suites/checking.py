"""From a validated table to a suite: find its rules, load its data, and check what depends on these.

suite = checked_suite("digits", "digits.toml", folder, table, model)
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gdbench.data.problems import build
from gdbench.errors import UsageError, nearest, shown
from gdbench.inputs import limits
from gdbench.kernels.arithmetic import linear
from gdbench.kernels.problem import Problem
from gdbench.kernels.rules.contract import is_scalar
from gdbench.kernels.rules.registry import BaseRule
from gdbench.kernels.rules.registry import find as find_rule
from gdbench.suites.definitions import check_work, drafts
from gdbench.suites.grid import expand
from gdbench.suites.schema import ProblemModel, SampledModel, SuiteModel
from gdbench.suites.suite import Suite


def checked_suite(name: str, where: str, folder: Path, table: dict[str, Any], model: SuiteModel) -> Suite:
    """The suite of a table. where: its name in errors. folder: where its relative paths begin.

    Loads the data sets. Raises UsageError that names file, key and value, and says what would be right.
    """
    rules = {label: _rule(where, label, given) for label, given in model.rule.items()}
    problems: dict[str, dict[str, Any]] = {}
    batch_sizes: dict[str, list[Any]] = {}
    found = [
        draft
        for label, problem in model.problem.items()
        for draft in drafts(label, problem, folder, f"{where}: problem.{label}")
    ]
    check_work(found)
    for draft in found:
        if draft.name in problems:
            raise UsageError(f"{draft.place}: two problems are called {shown(draft.name)}; give one another label")
        problems[draft.name] = draft.complete(model.dtype)
        batch_sizes[draft.name] = _batch_sizes(draft.model, model)
    suite = Suite(name, table, model, rules, problems, batch_sizes)
    for label in problems:
        _check_against_data(suite, where, label)
    return suite


def _batch_sizes(problem: ProblemModel, model: SuiteModel) -> list[Any]:
    """A problem's own batch sizes, or those of the suite. A function has no samples, so its batch size is 1."""
    if isinstance(problem, SampledModel):
        return problem.batch_size or model.batch_size
    return [1]


def _rule(where: str, label: str, given: dict[str, Any]) -> tuple[BaseRule, dict[str, list[Any]]]:
    """The rule and the checked axes of its hyperparameters."""
    place = f"{where}: rule.{label}"
    given = dict(given)
    name, inner = given.pop("rule", label), given.pop("inner", None)
    try:
        for each in (name, inner):
            limits.check_name("rule", each)
        rule = find_rule(name, inner)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from None
    axes = {}
    for name, value in given.items():
        try:
            axes[name] = expand(value)
        except ValueError as error:
            raise UsageError(f"{place}.{name} = {shown(value)} {error}") from None
        if name not in rule.defaults:
            raise UsageError(
                f"{place}: rule {rule.name!r} has no hyperparameter {shown(name)}{nearest(name, rule.defaults)}"
            )
        takes = rule.hyperparameter(name)
        for item in axes[name]:
            if not isinstance(item, int | float):
                kind = "true or false" if isinstance(rule.defaults[name], bool) else "a number"
                raise UsageError(f"{place}.{name} = {shown(item)} must be {kind}")
            try:
                takes.check(name, item)
            except UsageError as error:
                raise UsageError(f"{place}.{error}") from None
    return rule, axes


def _check_against_data(suite: Suite, where: str, label: str) -> None:
    """Check what depends on a problem's data: whether batches fit, the target exists, and rules have enough memory."""
    definition, model, place = suite.problems[label], suite.model, f"{where}: problem.{label}"
    try:
        problem = build(definition, model.dtype[0])
        for rule, grid in suite.rules.values():
            _check_rule(rule, grid, problem, model)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from None
    if problem.batched:
        _check_batches(suite.batch_sizes[label], problem, where, label)
    try:
        for size in suite.batch_sizes[label]:
            model.check_looks(problem.steps_per_epoch(problem.n if size == "full" else size))
    except ValueError as error:
        raise UsageError(f"{place}: {error}") from None
    if suite.target:
        _check_target(suite.target[0], problem, model.evaluate.train, where, label)


def _check_target(metric: str, problem: Problem, train: int | str | None, where: str, label: str) -> None:
    if metric not in problem.columns:
        known = ", ".join(c for c in problem.columns if c != "grad_norm" and not c.startswith("test"))
        raise UsageError(f"{where}: target = {metric!r} is not a metric of problem.{label}; it has {known}")
    if metric.startswith("train_") and isinstance(train, int):
        raise UsageError(
            f"{where}: target = {metric!r} looks at all training samples, and evaluate.train = {train} at some; leave "
            "one of them out"
        )
    if metric.startswith("val_") and not problem.judged_by.startswith("val_"):
        raise UsageError(
            f"{where}: target = {metric!r} needs validation data, and problem.{label} has none "
            "(validation_fraction = 0, or too small a subset); use a training metric"
        )


def _check_rule(rule: BaseRule, grid: Mapping[str, list[Any]], problem: Problem, model: SuiteModel) -> None:
    if is_scalar(rule):
        return
    if "history" in rule.defaults and rule.hyperparameter("history").whole:  # keeps this many pairs of float64 vectors
        history = int(max(grid.get("history", [rule.defaults["history"]])))
        if 2 * 8 * problem.size * min(history, model.total_steps(problem.n)) > limits.NETWORK_BYTES:
            raise UsageError(
                f"history = {history:,} of rule {rule.name!r} with {problem.size:,} parameters takes more than "
                f"{limits.NETWORK_BYTES / 2**30:g} GB; remember fewer steps"
            )
    if rule.dense:
        linear.check_order(problem.size)
    for name in ("clip_norm", "clip_value"):
        if any(getattr(model, name)):
            raise UsageError(f"{name} does not go with rule {rule.name!r}, which uses whole gradients; leave it out")


def _check_batches(sizes: list[Any], problem: Problem, where: str, label: str) -> None:
    if problem.n in sizes and "full" in sizes:
        raise UsageError(f'{where}: batch_size holds {problem.n} and "full", the same for problem.{label}; give one')
    for size in sizes:
        if size != "full" and size > problem.n:
            raise UsageError(
                f"{where}: batch_size = {size} is larger than the {problem.n} training samples of "
                f'problem.{label}; use at most that, or "full"'
            )
