"""Search the learning rate on a small random subset of the data, then train with the best one on all data.

search = tune("adam", "digits", lr=[1e-4, 1e-3, 1e-2, 1e-1])
search.best, search.edge, search.winner

The search tries learning rates that differ by factors, on few samples and several seeds. Then the best one and the
rule's default are trained on all data with other seeds.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gdbench.data import loading
from gdbench.errors import GdbenchError, UsageError, nearest, shown
from gdbench.inputs.limits import check_name
from gdbench.kernels.rules.registry import BaseRule
from gdbench.kernels.rules.registry import find as find_rule
from gdbench.machine.environment import usable_cores
from gdbench.runner.backends.contract import Backend, orders_of
from gdbench.runner.backends.threads import Threads
from gdbench.runner.extending import EXTRA
from gdbench.runner.run import Watcher
from gdbench.store import TrialRecord
from gdbench.suites import Suite, Trial, data_table, load, problem_table
from gdbench.suites.grid import expand
from gdbench.suites.schema import SuiteModel

GRID = {"log": [1e-4, 1.0, 9]}
SHARE = 5  # a subset is a fifth of the data,
BATCHES = 4  # but it has at least so many batches of 32 training samples
_SAMPLES = {"mlp": "subset", "quadratic": "samples"}  # the key of a problem that takes fewer samples
_BUDGETS = {"mlp": {"epochs": 30}, "quadratic": {"epochs": 30}, "function": {"steps": 1000}}


@dataclass(eq=False)
class Search:
    """The result of `tune`.

    tried: the trials on the subset by lr, in increasing order. winner, default: the trials on all data, with the best
    lr and with the rule's default. samples, of: the number of samples in the subset and in all data; None for a
    function.
    """

    rule: str
    problem: str
    default_lr: float
    samples: int | None
    of: int | None
    tried: dict[float, list[TrialRecord]] = field(default_factory=dict)
    winner: list[TrialRecord] = field(default_factory=list)
    default: list[TrialRecord] = field(default_factory=list)

    @property
    def best(self) -> float | None:
        """The lr with the least median loss, the smaller one of a tie; None if all medians are infinite."""
        medians = {lr: float(np.median([trial.loss for trial in trials])) for lr, trials in self.tried.items()}
        best = min(medians, key=lambda lr: (medians[lr], lr), default=None)
        return None if best is None or np.isinf(medians[best]) else best

    @property
    def edge(self) -> str:
        """The edge of the grid at which the best lr stands: "low", "high", or "" for neither.

        It is "low" if all trials diverged, since a smaller lr may not diverge, and "" if a single lr was tried.
        """
        best = self.best
        if best is not None and len(self.tried) == 1:
            return ""
        if best is None or best == min(self.tried):
            return "low"
        return "high" if best == max(self.tried) else ""


class AllDivergedError(GdbenchError):
    """At every learning rate the median trial diverged. Exit code 3: nothing was measured."""


def tune(
    rule: str,
    problem: str | Mapping[str, Any],
    *,
    predict: str | None = None,
    encode: bool = False,
    lr: Any = GRID,
    settings: Sequence[str] = (),
    subset: int | float | None = None,
    seeds: int = 5,
    jobs: int | None = None,
    extend: bool = False,
    backend: Backend | None = None,
    watcher: Watcher | None = None,
) -> Search:
    """Search the learning rate of a rule on a problem.

    problem: what `gdbench.suites.problem_table` takes, or a table like a suite's `[problem.NAME]`; or a file of data.
    predict: its column to predict. encode: whether its texts become columns of 0 and 1.
    lr: learning rates, or a grid as a suite spells it. settings: texts `KEY=VALUE`, where KEY is another hyperparameter
    of the rule, a key of a suite, or `problem.KEY` for a key of the problem.
    subset: the number of samples to search on (an int) or their share (a float); a fifth by default. A subset is split
    into training and validation samples like all data. seeds: how many to search with, and how many others to report.
    jobs: threads, one per core by default. backend: what trains; threads by default.
    extend: while the best lr stands at an edge, try one more beyond it, by the grid's factor, at most `EXTRA` times.
    Raises UsageError for a mistake, AllDivergedError if all median trials diverged, GdbenchError if a trial failed.
    """
    check_name("rule", rule)
    chosen = find_rule(rule)
    label, table, folder = _problem(problem, predict, encode)
    rates = _rates(chosen, lr)
    overrides = [_placed(text, chosen, label) for text in settings]

    def suite(lrs: Sequence[float], **keys: Any) -> Suite:
        given = {
            "title": f"{chosen.name} on {label}",
            "seeds": seeds,
            "budget": _BUDGETS.get(str(table.get("kind")), {"epochs": 30}),
            "evaluate": {"points": 12},
            "problem": {label: {**table, **keys}},
            "rule": {"rule": {"rule": chosen.name, "lr": list(lrs)}},
        }
        made = load(given, overrides=overrides, folder=folder)
        if len(made.settings) != len(lrs):
            raise UsageError("tune searches the learning rate alone; give every other key one value")
        return made

    whole = suite(rates)
    watcher = watcher or Watcher()
    watcher.notices(whole.notices)
    ((label, definition),) = whole.problems.items()
    search = Search(chosen.name, label, float(chosen.defaults["lr"]), *_subset(definition, subset))
    fewer = {} if search.samples == search.of else {_SAMPLES[definition["kind"]]: search.samples}
    train = partial(_train, backend or Threads(jobs or usable_cores()), watcher)
    _search(search, rates, lambda lrs: train(suite(lrs, **fewer), "tune"), EXTRA if extend else 0)
    best = search.best
    if best is None:
        raise AllDivergedError(
            f"every median trial diverged, at each of {len(search.tried)} learning rates from {min(search.tried):g} to "
            f"{max(search.tried):g}; try smaller ones{'' if extend else ' (--extend continues downwards)'}"
        )
    final = train(suite(sorted({best, search.default_lr})), "report")
    search.winner, search.default = final[best], final[search.default_lr]
    return search


def _search(search: Search, rates: list[float], train: Any, extra: int) -> None:
    """Try the rates, then up to `extra` more beyond the edge, while the best one stands at it."""
    search.tried = train(rates)
    up = rates[-1] / rates[-2] if len(rates) > 1 else 10.0**0.5
    down = rates[0] / rates[1] if len(rates) > 1 else 10.0**-0.5
    for _ in range(extra):
        if not search.edge:
            return
        edge, factor = (min(search.tried), down) if search.edge == "low" else (max(search.tried), up)
        search.tried |= train([float(f"{edge * factor:.12g}")])  # 12 digits, like the values of a grid
        search.tried = dict(sorted(search.tried.items()))


def _train(backend: Backend, watcher: Watcher, suite: Suite, role: str) -> dict[float, list[TrialRecord]]:
    """Train every lr of the suite with the seeds of a role; returns the records by lr, in the order of lr and seed."""
    seeds = suite.tune_seeds if role == "tune" else suite.seeds
    trials = [
        Trial(number, setting, seed, role, None)
        for number, (setting, seed) in enumerate((setting, seed) for setting in suite.settings for seed in seeds)
    ]
    watcher.compiling()
    backend.prepare(suite.settings)
    watcher.started("", suite, len(trials), 0)
    records = []
    with closing(backend.train(orders_of(trials))) as found:
        for record in (record for _, ended in found for record in ended):
            if record.status == "failed":
                raise GdbenchError(f"a trial failed: {record.error}")
            records.append(record)
            watcher.finished(record)
    by_lr: dict[float, list[TrialRecord]] = {}
    for record in sorted(records, key=lambda record: record.trial):
        by_lr.setdefault(record.definition["hyperparameters"]["lr"], []).append(record)
    return by_lr


def _rates(rule: BaseRule, given: Any) -> list[float]:
    """The learning rates in increasing order. Raises UsageError for anything but a grid of them."""
    try:
        values = expand(given)
    except ValueError as error:
        raise UsageError(f"lr = {shown(given)} {error}") from None
    return sorted(float(rule.with_defaults({"lr": value})["lr"]) for value in values)


def _problem(
    problem: str | Mapping[str, Any], predict: str | None, encode: bool
) -> tuple[str, Mapping[str, Any], Path]:
    """The problem's label, table and folder."""
    if encode and predict is None:
        raise UsageError("--encode is for a file of data; add --predict COLUMN")
    if not isinstance(problem, str):
        return "problem", problem, Path.cwd()
    return problem_table(problem) if predict is None else data_table(problem, predict, encode)


def _placed(text: str, rule: BaseRule, label: str) -> str:
    """A text `KEY=VALUE` with its key as the suite's path. Raises UsageError for an unknown key and for lr."""
    key, _, value = text.partition("=")
    first, _, rest = key.strip().partition(".")
    if first == "lr":
        raise UsageError(f"--set {shown(text)}: tune searches lr; give its values with --lr")
    if key.strip() in rule.defaults:
        return f"rule.rule.{key.strip()}={value}"
    if first == "problem" and rest:
        return f"problem.{json.dumps(label, ensure_ascii=False)}.{rest}={value}"
    keys = [name for name in SuiteModel.model_fields if name not in ("rule", "problem", "target", "stop_at_target")]
    if first not in keys:
        raise UsageError(f"--set {shown(text)}: unknown key {first!r}{nearest(first, [*rule.defaults, *keys])}")
    return text


def _subset(definition: Mapping[str, Any], asked: int | float | None) -> tuple[int | None, int | None]:
    """The number of samples to search on, and of all samples; None for a function. Raises UsageError."""
    kind = definition["kind"]
    if kind == "function":
        if asked is not None:
            raise UsageError(f"subset = {asked} is of no use, since a function has no samples; leave it out")
        return None, None
    every = definition[_SAMPLES[kind]] or len(loading.load(definition["dataset"]).x)
    if asked is None:
        trained = 1.0 - definition.get("validation_fraction", 0.0) - definition.get("test_fraction", 0.0)
        return min(every, max(every // SHARE, int(BATCHES * 32 / max(trained, 0.1)))), every
    count = asked if isinstance(asked, int) else round(asked * every)
    if not 0 < count <= every:
        raise UsageError(f"subset = {asked} must be a number of samples up to {every}, or a share such as 0.2")
    return count, every
