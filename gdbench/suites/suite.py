"""A checked suite and its trials."""

import itertools
import math
import shlex
from collections.abc import Iterable, Iterator, Mapping
from copy import copy, deepcopy
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

from gdbench.data.notices import notices
from gdbench.data.problems import build
from gdbench.kernels.networks.mlp import is_network
from gdbench.kernels.rules.contract import is_scalar
from gdbench.kernels.rules.registry import BaseRule
from gdbench.suites.schema import SuiteModel
from gdbench.suites.trials import TUNE_SEED, Setting, Trial

FEW = 100  # validation samples, below which all training samples are evaluated


class Kind(NamedTuple):
    """Trials that cost the same: their problem, batch size, dtype and rule (by its label), and how many there are."""

    problem: str
    batch_size: int | str
    dtype: str
    rule: str
    trials: int


class Suite:
    """A named set of trials: problems x rules x hyperparameters x batch sizes x seeds.

    table: what the user wrote, with overrides. rules: by label, the rule and the axes of its hyperparameters. problems:
    by label, the complete definition. batch_sizes: by label of the problem. added: learning rates, each with the label
    of its rule, that `extended` appended to the grid. command: runs the suite again; empty if it has no file. The table
    was checked before (suites/checking.py).
    """

    def __init__(
        self,
        name: str,
        table: dict[str, Any],
        model: SuiteModel,
        rules: dict[str, tuple[BaseRule, dict[str, list[Any]]]],
        problems: dict[str, dict[str, Any]],
        batch_sizes: dict[str, list[Any]],
    ) -> None:
        self.name, self.table, self.model = name, table, model
        self.rules, self.problems, self.batch_sizes = rules, problems, batch_sizes
        self.added: tuple[tuple[str, float], ...] = ()
        self._evaluate = cache(self._evaluated)  # a suite may have many settings, and few problems
        self.command = ""
        self.title = model.title or name

    def add_plugins(self, files: Iterable[str | Path]) -> None:
        """Add the files of plug-ins to `command`."""
        if self.command:
            self.command += "".join(f" --plugin {shlex.quote(str(file))}" for file in files)

    @property
    def tune_seeds(self) -> list[int]:
        """The seeds that choose settings; none if the whole grid is reported."""
        count = self.model.seeds if self.model.tune_seeds is None else self.model.tune_seeds
        return [TUNE_SEED + i for i in range(count)]

    @property
    def seeds(self) -> list[int]:
        """The seeds of the reported trials."""
        return list(range(self.model.seeds))

    @property
    def target(self) -> tuple[str, list[float]] | None:
        """The metric that trials must reach, and its levels, the hardest last."""
        return next(iter(self.model.target.items())) if self.model.target else None

    @cached_property
    def notices(self) -> list[str]:
        """What a reader should know about the problems' data, each sentence once."""
        return list(dict.fromkeys(text for definition in self.problems.values() for text in notices(definition)))

    @property
    def definition(self) -> dict[str, Any]:
        """What two runs of the same suite have in common: settings, defaults, seeds and target."""
        return {
            "settings": [[s.problem, s.rule, s.hash] for s in self.settings],
            "defaults": [[s.problem, s.rule, s.hash] for s in self.defaults],
            "seeds": self.model.seeds,
            "tune_seeds": len(self.tune_seeds),
            "target": self.model.target,
        }

    @cached_property
    def settings(self) -> list[Setting]:
        """The whole grid, in the order of the suite's text; then what was added, so that no other setting moves."""
        appended = {label: [lr for name, lr in self.added if name == label] for label in self.rules}
        grids = {
            label: {
                name: [v for v in values if name != "lr" or v not in appended[label]] for name, values in own.items()
            }
            for label, (_, own) in self.rules.items()
        }
        whole = [(problem, label, grid) for problem in self.problems for label, grid in grids.items()]
        whole += [
            (problem, label, {**grids[label], "lr": [lr]}) for label, lr in self.added for problem in self.problems
        ]
        return [
            self._setting(problem, label, self.rules[label][0], dict(zip(grid, values, strict=True)), *axes)
            for problem, label, grid in whole
            for values in itertools.product(*grid.values())
            for axes in self._axes(problem)
        ]

    def extended(self, rates: Mapping[str, float]) -> "Suite":
        """The suite with one more learning rate for each of these rules, by label; its table holds them too."""
        new = copy(self)
        new.__dict__.pop("settings", None)
        new.added = (*self.added, *rates.items())
        new.rules = dict(self.rules)
        new.table = deepcopy(self.table)
        for label, lr in rates.items():
            rule, grid = self.rules[label]
            new.rules[label] = rule, {**grid, "lr": [*grid["lr"], lr]}
            new.table["rule"][label]["lr"] = {"values": sorted(new.rules[label][1]["lr"])}
        return new

    @cached_property
    def defaults(self) -> list[Setting]:
        """Each rule's defaults for each problem and batch size; the other axes have their first value."""
        settings = []
        for problem in self.problems:
            first = {axes[0]: axes for axes in reversed(list(self._axes(problem)))}  # by batch size
            settings += [
                self._setting(problem, label, rule, {}, *axes)
                for label, (rule, _) in self.rules.items()
                for axes in reversed(first.values())
            ]
        return settings

    def first_trials(self) -> list[Trial]:
        """The grid on the tuning seeds; without tuning seeds, on the reporting seeds."""
        if self.tune_seeds:
            return self._number(self.settings, self.tune_seeds, "tune", 0)
        return self._number(self.settings, self.seeds, "report", 0)

    def second_trials(self, best: Iterable[Setting]) -> list[Trial]:
        """The chosen settings and the defaults, on the reporting seeds; nothing if the grid itself was reported."""
        if not self.tune_seeds:
            return []
        first = len(self.settings) * len(self.tune_seeds)
        report = self._number(best, self.seeds, "report", first)
        return report + self._number(self.defaults, self.seeds, "default", first + len(report))

    def count(self) -> int:
        """The number of trials of the suite."""
        return sum(kind.trials for kind in self.kinds())

    def kinds(self) -> Iterator[Kind]:
        """Every problem, batch size, dtype and rule, with its number of trials."""
        model = self.model
        others = len(model.schedule) * len(model.clip_norm) * len(model.clip_value)
        seeds = len(self.tune_seeds) or len(self.seeds)
        for problem, sizes in self.batch_sizes.items():
            for size, dtype, label in itertools.product(sizes, model.dtype, self.rules):
                count = math.prod(len(values) for values in self.rules[label][1].values()) * others * seeds
                if self.tune_seeds and dtype == model.dtype[0]:
                    count += 2 * len(self.seeds)  # the best setting, and the defaults
                yield Kind(problem, size, dtype, label, count)

    def example(self, kind: Kind) -> Setting:
        """The first setting of a kind."""
        rule, grid = self.rules[kind.rule]
        first = {name: values[0] for name, values in grid.items()}
        axes = (kind.batch_size, self.model.schedule[0], kind.dtype, self.model.clip_norm[0], self.model.clip_value[0])
        return self._setting(kind.problem, kind.rule, rule, first, *axes)

    def _evaluated(self, label: str, scalar: bool) -> dict[str, Any]:
        """When a trial is evaluated, over how many training samples, and whether with the gradient's norm.

        As many training samples are evaluated as validate, unless the suite says otherwise; all where few validate, and
        where the target is a training metric. Only scalar rules on networks are ever evaluated over a part.
        """
        asked, problem = self.model.evaluate, build(self.problems[label], self.model.dtype[0])
        if not (is_network(problem) and scalar):
            return {**asked.when(), "train": "all", "gradient": True}
        validating = len(problem.splits[1].x)
        of_training = self.target is not None and self.target[0].startswith("train_")
        usual = "all" if of_training or validating < FEW else validating
        train = usual if asked.train is None else asked.train
        return {
            **asked.when(),
            "train": "all" if train == "all" or int(train) >= problem.n else train,
            "gradient": asked.gradient,
        }

    def _number(self, settings: Iterable[Setting], seeds: list[int], role: str, first: int) -> list[Trial]:
        target = (self.target[0], tuple(self.target[1])) if self.target else None
        pairs = itertools.product(settings, seeds)
        return [Trial(first + i, setting, seed, role, target) for i, (setting, seed) in enumerate(pairs)]

    def _axes(self, problem: str) -> Iterator[tuple[Any, ...]]:
        model, sizes = self.model, self.batch_sizes[problem]
        return itertools.product(sizes, model.schedule, model.dtype, model.clip_norm, model.clip_value)

    def _setting(
        self, problem: str, label: str, rule: BaseRule, given: Mapping[str, Any], batch_size: Any, *others: Any
    ) -> Setting:
        schedule, dtype, clip_norm, clip_value = others
        definition = {
            "problem": self.problems[problem],
            "rule": rule.name,
            "hyperparameters": rule.with_defaults(given),
            "schedule": schedule,
            "batch_size": batch_size,
            "dtype": dtype,
            "clip_norm": float(clip_norm),
            "clip_value": float(clip_value),
            "budget": self.model.budget.model_dump(exclude_none=True),
            "evaluate": dict(self._evaluate(problem, is_scalar(rule))),
            "stop": [self.target[0], self.target[1][-1]] if self.target and self.model.stop_at_target else None,
        }
        return Setting(problem, label, definition)
