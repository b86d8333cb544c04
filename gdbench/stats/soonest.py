"""Which rule reaches the target soonest, in epochs, steps or time, and which rules cannot be told from it.

    judged = soonest(run.trials, ["epochs", "steps"])["epochs"]
    judged.rules[["problem", "rule", "lr", "batch_size", "to_target", "ratio", "p_holm", "group"]]

Without a target the unit is "loss", the final loss by which the trials are judged, and the lowest comes first.

The tuning seeds choose: within a batch size the setting (`choose`), between batch sizes the one with the least cost in
the unit, and among the rules the reference. The reporting seeds then say what each rule costs, and whether it differs
from the reference (gdbench/stats/claims.py). So no number chooses and judges. The units of a page are tested together.
Without tuning seeds all pairs of settings count as tested, since the reporting seeds choose among them, and the
reference is the rule with the least cost.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from gdbench.stats.censored import times
from gdbench.stats.choice import (
    censored_steps,
    choose,
    epochs_a_step,
    final_loss,
    final_score,
    objective,
    reported,
    score_name,
)
from gdbench.stats.claims import LEVEL, SHARE_OF_TIMING, Comparison, Range, differences, tested
from gdbench.stats.intervals import bootstrap_median
from gdbench.stats.paired import welch

UNITS = ("epochs", "steps", "time", "loss")  # time in seconds
DATA = ("epochs", "steps")  # whose ratio is fixed at a batch size
COST = ("to_target", "low", "high")
BESIDE = ("ratio", "ratio_low", "ratio_high", "p_holm")
COLUMNS = (
    *("problem", "rule", "lr", "batch_size", "unit", *COST, *BESIDE, "group", "reached", "test"),
    *("seeds", "setting", "batched", "to_target_from", "reference"),
)
BATCHES = ("problem", "rule", "lr", "batch_size", *COST, *BESIDE, "sign", "reached", "seeds", "setting", "chosen")

Name = tuple[str, str, int]  # of a problem and of a rule, and a batch size
Costs = Mapping[Name, np.ndarray]  # seconds per step, one number per round (`timings.step_costs`)


class Judged(NamedTuple):
    """What the reporting seeds say of all rules, and of the batch sizes of the reference.

    rules: `COLUMNS`, a row per problem and rule, by group, the reference first in its own, then by cost. `to_target` is
    the median over the reporting seeds, with its 95 % interval `low`, `high`. `ratio` is the median over seeds of the
    cost as a multiple of the reference's, with its interval; `p_holm` is adjusted for all comparisons of both frames.
    Rules of one `group` (1, 2, 3) cannot be told from the reference, or are all sooner, or all later. `reached` and
    `seeds` count reporting trials; `test` is their median on test data. `batched` is false for a function.
    `to_target_from` is the median of the brackets' lower ends where crossings are known to brackets alone.
    batches: `BATCHES`, a row per problem, rule and batch size; `chosen` marks those of `rules`. Other batch sizes of
    the reference are compared with the chosen one; those of other rules are not. `sign` is 1 for a cost that is larger
    by the test, -1 for a smaller one, 0 where none was made.
    comparisons: how many were tested together, those of other units included. gaps: the differences of each comparison
    of two rules, by problem, rule and reference.
    """

    rules: pd.DataFrame
    batches: pd.DataFrame
    comparisons: int
    gaps: dict[tuple[str, str, str], np.ndarray]

    @property
    def pairs(self) -> int:
        """The fewest seeds that a comparison of two rules has; 0 without one."""
        return min((gap.size for gap in self.gaps.values()), default=0)


def soonest(
    trials: pd.DataFrame, units: Sequence[str] = ("epochs",), seconds: Costs | None = None
) -> dict[str, Judged]:
    """Judge the rules of a run in each unit; all comparisons of all units are tested together.

    trials: `Run.trials`. units: of `UNITS`. seconds: needed for time alone; a setting that was not timed has no cost.
    """
    for unit in units:
        if unit not in UNITS:
            raise ValueError(f"unit {unit!r} is not one of {', '.join(UNITS)}")
    known = _Known.of(trials)
    views = {unit: _View(known, PerStep(unit, seconds or {}, known.epochs)) for unit in units}
    family: dict[tuple[Any, ...], tuple[_View, Name, Name]] = {}
    for view in views.values():
        for first, second in view.pairs:
            family.setdefault(view.key(first, second), (view, first, second))
    total = len(family) if known.tuned else _all_pairs(trials, units)
    slack = [view.slack(first, second, total) for view, first, second in family.values()]
    ranges = [view.range(first, second) for view, first, second in family.values()]
    found = dict(zip(family, tested(ranges, slack, total), strict=True))
    return {unit: _judged(known, view, found, total) for unit, view in views.items()}


class _Reports(NamedTuple):
    """The reporting trials of a setting, by seed. score: on test data, or NaN. batched: false for a function.

    least: the first step at which a trial may have crossed its target; `steps` unless that is known to a bracket alone.
    """

    seeds: np.ndarray
    steps: np.ndarray
    least: np.ndarray
    loss: np.ndarray
    score: np.ndarray
    batched: bool


@dataclass(frozen=True, eq=False)
class _Known:
    """What is the same in all units: the chosen settings, the reporting trials of each, and epochs per step.

    problems: in the suite's order. tuned: whether other seeds than the reporting ones chose.
    """

    settings: pd.DataFrame
    reports: dict[Name, _Reports]
    epochs: "pd.Series[float]"
    problems: list[str]
    tuned: bool

    @classmethod
    def of(cls, trials: pd.DataFrame) -> "_Known":
        """From `Run.trials`."""
        reports = {}
        for problem, own in reported(trials).groupby("problem", sort=False):
            everything = trials[trials["problem"] == problem]
            name, batched = score_name(everything), objective(everything) != "value"
            score = final_score(own, name).to_numpy() if name else np.full(len(own), math.nan)
            steps = censored_steps(own).to_numpy()
            least = np.minimum(own["crossed_after"].to_numpy() + 1, steps) if "crossed_after" in own else steps
            columns = own["seed"].to_numpy(), steps, least, final_loss(own).to_numpy(), score
            for (rule, batch), places in own.groupby(["rule", "batch_size"]).indices.items():
                in_order = places[np.argsort(columns[0][places], kind="stable")]
                seeds, steps, least, loss, scores = (column[in_order] for column in columns)
                reports[str(problem), str(rule), int(batch)] = _Reports(seeds, steps, least, loss, scores, batched)
        names = list(dict.fromkeys(trials["problem"]))
        return cls(choose(trials), reports, epochs_a_step(trials), names, bool((trials["role"] == "tune").any()))

    def reports_of(self, name: Name) -> _Reports:
        """The reporting trials of a setting, none if none has finished."""
        nothing = np.zeros(0)
        return self.reports.get(name, _Reports(nothing, nothing, nothing, nothing, nothing, True))


class _View:
    """What is to be compared in one unit. pairs: of rules, then the reference's other batch sizes beside its own."""

    def __init__(self, known: _Known, per_step: "PerStep") -> None:
        self.unit, self.per_step = per_step.unit, per_step
        self.settings = _chosen(known.settings, per_step)
        self.rows = {_name(row): row for row in self.settings.itertuples()}
        reports = {name: known.reports_of(name) for name in self.rows}
        self.exact = all((each.least == each.steps).all() for each in reports.values())
        self.found = {name: _by_seed(each, each.steps, self.rows[name], per_step) for name, each in reports.items()}
        self.least = self.found
        if not self.exact:
            self.least = {name: _by_seed(each, each.least, self.rows[name], per_step) for name, each in reports.items()}
        self.references: dict[str, Name] = {}
        self.pairs: list[tuple[Name, Name]] = []
        self.rules = 0  # of the pairs
        if self.settings.empty:
            return
        chosen, tuned = self.settings[self.settings["chosen"]], known.tuned
        for problem, own in chosen.groupby("problem", sort=False):
            names = [_name(row) for row in own.itertuples()]
            best = names[0] if tuned else _least(names, self.found)
            self.references[str(problem)] = best
            self.pairs += [(each, best) for each in names if each != best] if tuned else list(combinations(names, 2))
        self.rules = len(self.pairs)
        own = self.settings[self.settings["rule"] == self.settings["problem"].map(_second(self.references))]
        self.pairs += [(_name(row), self.references[row.problem]) for row in own.itertuples() if not row.chosen]

    def gap(self, first: Name, second: Name) -> np.ndarray:
        """The differences of two settings, paired by seed."""
        return _paired(self.found[first], self.found[second])

    def range(self, first: Name, second: Name) -> Range:
        """The least and the greatest differences that are possible, where crossings are known to a bracket alone."""
        if self.exact:
            return Range.exact(self.gap(first, second))
        least = _paired(self.least[first], self.found[second])
        return Range(self.gap(first, second), least, _paired(self.found[first], self.least[second]))

    def slack(self, first: Name, second: Name, comparisons: int) -> float:
        """See `PerStep.slack`."""
        return self.per_step.slack(self.rows[first], self.rows[second], comparisons)

    def key(self, first: Name, second: Name) -> tuple[Any, ...]:
        """What names a comparison: at one batch size, epochs are as many times the steps, so it is the same one."""
        same = first[2] == second[2] and self.unit in DATA
        return (DATA if same else self.unit, self.rows[first].setting, first, self.rows[second].setting, second)


def _judged(known: _Known, view: _View, found: Mapping[tuple[Any, ...], Comparison], total: int) -> Judged:
    """The frames of one unit."""
    if view.settings.empty:
        return Judged(pd.DataFrame(columns=list(COLUMNS)), pd.DataFrame(columns=list(BATCHES)), 0, {})
    unit, references = view.unit, _second(view.references)
    comparisons = {pair: found[view.key(*pair)] for pair in view.pairs}
    beside = {name: _beside(comparisons, name, view.references[name[0]]) for name in view.rows}
    batches = pd.DataFrame(
        [
            _row(row, view.least[name], view.found[name], beside[name], known.reports_of(name))
            for name, row in view.rows.items()
        ]
    )
    negative = {name[0] for name, costs in view.found.items() if costs.min() < 0}  # of such values there are no ratios
    batches.loc[batches["problem"].isin(negative), ["ratio", "ratio_low", "ratio_high"]] = math.nan
    frame = batches[batches["chosen"]].assign(unit=unit, reference=lambda own: own["problem"].map(references))
    frame["unit"] = frame["unit"].where((unit != "epochs") | frame["batched"], "steps")  # a function has no epochs
    frame["group"] = frame["sign"].where(frame["p_holm"] <= LEVEL, 0)
    frame["group"] = frame.groupby("problem")["group"].rank(method="dense").astype(int)
    frame["_place"] = frame["problem"].map({name: i for i, name in enumerate(known.problems)})
    frame["_other"] = frame["rule"] != frame["reference"]
    frame = frame.sort_values(["_place", "group", "_other", "to_target"], kind="stable").reset_index(drop=True)
    gaps = {(a[0], a[1], b[1]): view.gap(a, b) for a, b in view.pairs[: view.rules]}
    return Judged(frame[list(COLUMNS)], batches[list(BATCHES)], total, gaps)


def _all_pairs(trials: pd.DataFrame, units: Sequence[str]) -> int:
    """How many pairs of settings the reporting seeds could choose to compare, in all units."""
    total = 0
    reports = trials[trials["role"] == "report"]
    for _, own in reports.groupby("problem"):
        settings = own[["rule", "setting", "batch_size"]].drop_duplicates()
        same = settings["batch_size"].nunique() == 1
        ways = {DATA if same and unit in DATA else unit for unit in units}
        total += math.comb(len(settings), 2) * len(ways)
    return total


def _least(names: Sequence[Name], found: Mapping[Name, "pd.Series[float]"]) -> Name:
    """The one with the least median cost."""
    medians = [float(found[name].median()) for name in names]
    return names[min(range(len(names)), key=lambda place: (math.isnan(medians[place]), medians[place]))]


def _name(row: Any) -> Name:
    return row.problem, row.rule, int(row.batch_size)


def _second(references: Mapping[str, Name]) -> dict[str, str]:
    """The rule of the reference of each problem."""
    return {problem: name[1] for problem, name in references.items()}


@dataclass(frozen=True)
class PerStep:
    """What a step costs in a unit. seconds: of each setting; epochs: by problem and batch size (`epochs_a_step`)."""

    unit: str
    seconds: Costs
    epochs: "pd.Series[float]"

    def __call__(self, row: Any) -> float:
        """The cost of a step of a setting; NaN if it was not timed, or if no trial took a step."""
        if self.unit == "time":
            rounds = self._rounds(row)
            return float(np.median(rounds)) if rounds.size else math.nan
        return float(self.epochs.get((row.problem, row.batch_size), math.nan)) if self.unit == "epochs" else 1.0

    def slack(self, first: Any, second: Any, comparisons: int) -> float:
        """By how much the timing of two settings may move all their differences, as a logarithm; 0 in other units.

        A tenth of the level is left to it: Student's t at the level / 10 of one of so many comparisons, with the
        standard errors of both timings' rounds, and the share by which the same code differs between processes.
        """
        if self.unit != "time":
            return 0.0
        logs = [np.log(self._rounds(row)) for row in (first, second)]
        if min(each.size for each in logs) < 2:
            return math.inf
        spread, freedom = welch(*logs)
        return float(stats.t.ppf(1 - SHARE_OF_TIMING * LEVEL / 2 / comparisons, freedom) * spread)

    def _rounds(self, row: Any) -> np.ndarray:
        return self.seconds.get(_name(row), np.zeros(0))


def _chosen(settings: pd.DataFrame, per_step: PerStep) -> pd.DataFrame:
    """The setting of each problem, rule and batch size; `chosen` marks a rule's best batch size in the unit, by the
    trials that choose. The best comes first within a problem."""
    if settings.empty:
        return settings
    settings = settings.copy()
    steps = [per_step(row) for row in settings.itertuples()]
    loss = per_step.unit == "loss"
    settings["cost"] = settings["median_loss"] if loss else times(settings["median_steps"], steps)
    settings = settings.sort_values(["problem", "cost", "median_loss", "lr"], kind="stable", na_position="last")
    settings["chosen"] = ~settings.duplicated(["problem", "rule"])
    return settings.reset_index(drop=True)


def _paired(first: "pd.Series[float]", second: "pd.Series[float]") -> np.ndarray:
    """The differences of two settings by seed, of the seeds that both have."""
    return differences(*(each.to_numpy() for each in first.align(second, join="inner")))


def _by_seed(reports: _Reports, steps: np.ndarray, row: Any, per_step: PerStep) -> "pd.Series[float]":
    """The cost of each reporting seed of a setting: of so many steps to the target, or the final loss."""
    if per_step.unit == "loss":
        return pd.Series(reports.loss, index=reports.seeds)
    # 0 and infinity are the same in any unit, also if no trial took a step.
    same = (steps == 0) | np.isinf(steps)
    return pd.Series(np.where(same, steps, times(steps, per_step(row))), index=reports.seeds)


def _beside(comparisons: Mapping[tuple[Name, Name], Comparison], name: Name, reference: Name) -> Comparison | None:
    """The comparison of a setting with the reference, either way round; None for one that was not compared."""
    if (name, reference) in comparisons:
        return comparisons[name, reference]
    if (reference, name) in comparisons:
        there = comparisons[reference, name]
        ratio, low, high = (1 / value if value else math.inf for value in (there.ratio, there.high, there.low))
        return there._replace(ratio=ratio, low=low, high=high, sign=-there.sign)
    return None


def _row(
    row: Any, least: "pd.Series[float]", costs: "pd.Series[float]", beside: Comparison | None, reports: _Reports
) -> dict[str, Any]:
    middle = bootstrap_median(costs.to_numpy())
    low = middle if least is costs else bootstrap_median(least.to_numpy())
    itself = 1.0 if row.chosen else math.nan
    return {
        **{name: getattr(row, name) for name in ("problem", "rule", "lr", "batch_size", "setting", "chosen")},
        "to_target": middle.estimate,
        "to_target_from": low.estimate,
        "low": low.low,
        "high": middle.high,
        "ratio": beside.ratio if beside else itself,
        "ratio_low": beside.low if beside else math.nan,
        "ratio_high": beside.high if beside else math.nan,
        "p_holm": beside.adjusted if beside else math.nan,
        "sign": beside.sign if beside else 0,
        "reached": int(np.isfinite(reports.steps).sum()),
        "test": float(np.median(reports.score)) if reports.score.size else math.nan,
        "seeds": len(costs),
        "batched": reports.batched,
    }
