"""The data of a report: the frames of one run, wherever they come from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from gdbench.stats import objective, score_name


class Results(Protocol):
    """The frames of `gdbench.Run`."""

    @property
    def about(self) -> Mapping[str, Any]:
        """The run's facts: run, suite, title, description, target ..."""

    @property
    def environment(self) -> Mapping[str, Any]:
        """The facts of the machine and the software."""

    @property
    def trials(self) -> pd.DataFrame:
        """A row a trial."""

    @property
    def curves(self) -> pd.DataFrame:
        """A row an evaluation point."""

    @property
    def timings(self) -> pd.DataFrame:
        """A row a sample of the cost of a step."""

    @property
    def subjects(self) -> pd.DataFrame:
        """A row for each subject of `timings`, with what it does."""


@dataclass(frozen=True, eq=False)
class Part:
    """The results of some of a run's trials."""

    about: Mapping[str, Any]
    environment: Mapping[str, Any]
    trials: pd.DataFrame
    curves: pd.DataFrame
    timings: pd.DataFrame
    subjects: pd.DataFrame
    whole: Results | None = None  # of which this is the part of one problem: rules are judged over all problems


T = TypeVar("T")


def once(compute: Callable[[Results], T]) -> Callable[[Results], T]:
    """Compute a function once for each results: a figure, its table, its data and its caption need the same value.

    Callers share the value and must not change it.
    """
    known: WeakKeyDictionary[Results, T] = WeakKeyDictionary()

    @wraps(compute)
    def remembered(results: Results) -> T:
        try:
            return known[results]
        except KeyError:
            return known.setdefault(results, compute(results))
        except TypeError:  # results of a type without weak references are not remembered
            return compute(results)

    return remembered


def only_problem(results: Results, problem: str) -> Part:
    """The results of one problem."""
    trials = results.trials[results.trials["problem"] == problem]
    curves = results.curves[results.curves["trial"].isin(trials["trial"])]
    subjects = results.subjects[results.subjects["problem"].isna() | (results.subjects["problem"] == problem)]
    timings = results.timings[results.timings["subject"].isin(subjects["subject"])]
    return Part(results.about, results.environment, trials, curves, timings, subjects, results)


def target(results: Results) -> tuple[str, float] | None:
    """The target's metric and its hardest level; None without a target."""
    for metric, levels in results.about["target"].items():
        return metric, levels[-1]
    return None


def bracketed(results: Results) -> bool:
    """Whether some crossing of the target is known to evaluated points alone (results/retarget.py)."""
    if "crossed_after" not in results.trials:
        return False
    steps = results.trials["steps_to_target"]
    return bool((np.isfinite(steps) & (results.trials["crossed_after"] + 1 < steps)).any())


def score_of(results: Results) -> str:
    """The metric on test data that a table of all problems shows: that of the first problem which has one."""
    return next(filter(None, (score_name(own) for _, own in results.trials.groupby("problem", sort=False))), "")


def has_batches(trials: pd.DataFrame) -> bool:
    """Whether any of these trials has batches of samples; those of a function have none."""
    return objective(trials) != "value"


def part_of_training(results: Results) -> str:
    """A sentence, with a space before it, if the training curves of these problems are over a part of the samples."""
    names = set(results.trials["problem"])
    parts = [str(line).rpartition(": ") for line in results.environment.get("evaluated_over") or ()]
    told = [f"{count} (of {name})" if len(names) > 1 else count for name, _, count in parts if name in names]
    return f" Training losses and scores along a curve are over {', '.join(told)}." if told else ""
