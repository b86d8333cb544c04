"""Which rule reaches the target soonest, in epochs, steps or time, and which rules cannot be told from it.

    judged = soonest(run.trials, unit="epochs")
    judged.rules[["problem", "rule", "lr", "batch_size", "to_target", "ratio", "p_holm", "group"]]

Without a target the unit is "loss", the final loss by which the trials are judged, and the lowest comes first.

The tuning seeds choose: within a batch size the setting (`choose`), between batch sizes the one with the least cost in
the unit, and among the rules the reference. The reporting seeds then say what each rule costs, and whether it differs
from the reference (gdbench/stats/claims.py). So no number chooses and judges. Without tuning seeds all pairs of rules
are tested, and the reference is the rule with the least cost.
"""

import math
from collections.abc import Mapping
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
    score_name,
)
from gdbench.stats.claims import LEVEL, Comparison, differences, tested
from gdbench.stats.intervals import bootstrap_median
from gdbench.stats.paired import BETWEEN_PROCESSES

UNITS = ("epochs", "steps", "time", "loss")  # time in seconds
COST = ("to_target", "low", "high")
BESIDE = ("ratio", "ratio_low", "ratio_high", "p_holm")
COLUMNS = (
    *("problem", "rule", "lr", "batch_size", "unit", *COST, *BESIDE, "group", "reached", "test"),
    *("seeds", "setting", "reference"),
)
BATCHES = ("problem", "rule", "lr", "batch_size", *COST, *BESIDE, "reached", "seeds", "setting", "chosen")

Name = tuple[str, str, int]  # of a problem and of a rule, and a batch size
Costs = Mapping[Name, np.ndarray]  # seconds per step, one number per round (`timings.step_costs`)


class Judged(NamedTuple):
    """What the reporting seeds say of all rules, and of the batch sizes of the reference.

    rules: `COLUMNS`, a row per problem and rule, by group, the reference first in its own, then by cost. `to_target` is
    the median over the reporting seeds, with its 95 % interval `low`, `high`. `ratio` is the median over seeds of the
    cost as a multiple of the reference's, with its interval; `p_holm` is adjusted for all comparisons of both frames.
    Rules of one `group` (1, 2, 3) cannot be told from the reference, or are all sooner, or all later. `reached` and
    `seeds` count reporting trials; `test` is their median on test data.
    batches: `BATCHES`, a row per problem, rule and batch size; `chosen` marks those of `rules`. Other batch sizes of
    the reference are compared with the chosen one; those of other rules are not.
    comparisons: how many were tested together. gaps: the differences of each comparison of two rules.
    """

    rules: pd.DataFrame
    batches: pd.DataFrame
    comparisons: int
    gaps: dict[tuple[str, str], np.ndarray]

    @property
    def pairs(self) -> int:
        """The fewest seeds that a comparison of two rules has; 0 without one."""
        return min((gap.size for gap in self.gaps.values()), default=0)


def soonest(trials: pd.DataFrame, unit: str = "epochs", seconds: Costs | None = None) -> Judged:
    """Judge the rules of a run.

    trials: `Run.trials`. unit: of `UNITS`. seconds: needed for time alone; a setting that was not timed has no cost.
    """
    if unit not in UNITS:
        raise ValueError(f"unit {unit!r} is not one of {', '.join(UNITS)}")
    per_step = _PerStep(unit, seconds or {}, epochs_a_step(trials))
    settings = _chosen(trials, per_step)
    if settings.empty:
        return Judged(pd.DataFrame(columns=list(COLUMNS)), pd.DataFrame(columns=list(BATCHES)), 0, {})
    rows_of = {_name(row): row for row in settings.itertuples()}
    found = {name: _by_seed(trials, row, per_step) for name, row in rows_of.items()}
    chosen = settings[settings["chosen"]]
    references = {problem: _reference(own, found, _is_tuned(trials)) for problem, own in chosen.groupby("problem")}
    rules = _pairs(trials, chosen, references)
    own_batches = settings[~settings["chosen"] & (settings["rule"] == settings["problem"].map(_second(references)))]
    pairs = [*rules, *((_name(row), references[row.problem]) for row in own_batches.itertuples())]
    gaps = [differences(*(each.to_numpy() for each in found[a].align(found[b], join="inner"))) for a, b in pairs]
    slack = [per_step.slack(rows_of[a], rows_of[b], len(pairs)) for a, b in pairs]
    comparisons = dict(zip(pairs, tested(gaps, slack), strict=True))
    beside = {name: _beside(comparisons, name, references[name[0]]) for name in rows_of}
    scores = {problem: score_name(own) for problem, own in trials.groupby("problem")}
    batches = pd.DataFrame(
        [_row(row, found[name], beside[name], trials, scores[row.problem]) for name, row in rows_of.items()]
    )
    negative = {name[0] for name, costs in found.items() if costs.min() < 0}  # of such values there are no ratios
    batches.loc[batches["problem"].isin(negative), ["ratio", "ratio_low", "ratio_high"]] = math.nan
    frame = batches[batches["chosen"]].assign(unit=unit, reference=lambda own: own["problem"].map(_second(references)))
    frame["unit"] = frame["unit"].where((unit != "epochs") | frame["batched"], "steps")  # a function has no epochs
    frame["group"] = [_side(beside[_name(row)]) for row in frame.itertuples()]
    frame["group"] = frame.groupby("problem")["group"].rank(method="dense").astype(int)
    frame["_place"] = frame["problem"].map({name: i for i, name in enumerate(dict.fromkeys(trials["problem"]))})
    frame["_other"] = frame["rule"] != frame["reference"]
    frame = frame.sort_values(["_place", "group", "_other", "to_target"], kind="stable").reset_index(drop=True)
    return Judged(
        frame[list(COLUMNS)],
        batches[list(BATCHES)],
        len(pairs),
        {(a[1], b[1]): gap for (a, b), gap in zip(rules, gaps, strict=False)},
    )


def _name(row: Any) -> Name:
    return row.problem, row.rule, int(row.batch_size)


def _second(references: Mapping[str, Name]) -> dict[str, str]:
    """The reference rule of each problem."""
    return {problem: name[1] for problem, name in references.items()}


def _is_tuned(trials: pd.DataFrame) -> bool:
    return bool((trials["role"] == "tune").any())


@dataclass(frozen=True)
class _PerStep:
    """What a step costs in a unit. epochs: by problem and batch size."""

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
        rounds = min(each.size for each in logs)
        if rounds < 2:
            return math.inf
        spread = math.sqrt(sum(each.var(ddof=1) / each.size for each in logs) + 2 * BETWEEN_PROCESSES**2)
        return float(stats.t.ppf(1 - LEVEL / 20 / comparisons, rounds - 1) * spread)

    def _rounds(self, row: Any) -> np.ndarray:
        return self.seconds.get(_name(row), np.zeros(0))


def _chosen(trials: pd.DataFrame, per_step: _PerStep) -> pd.DataFrame:
    """The setting of each problem, rule and batch size; `chosen` marks a rule's best batch size in the unit, by the
    trials that choose. The best comes first within a problem."""
    settings = choose(trials)
    if settings.empty:
        return settings
    steps = [per_step(row) for row in settings.itertuples()]
    loss = per_step.unit == "loss"
    settings["cost"] = settings["median_loss"] if loss else times(settings["median_steps"], steps)
    settings = settings.sort_values(["problem", "cost", "median_loss", "lr"], kind="stable", na_position="last")
    settings["chosen"] = ~settings.duplicated(["problem", "rule"])
    return settings.reset_index(drop=True)


def _by_seed(trials: pd.DataFrame, row: Any, per_step: _PerStep) -> "pd.Series[float]":
    """The cost of each reporting seed of a setting: to the target, or the final loss."""
    mine = _reporting(trials, row)
    steps = censored_steps(mine).to_numpy()
    # 0 and infinity are the same in any unit, also if no trial took a step.
    costs = np.where((steps == 0) | np.isinf(steps), steps, times(steps, per_step(row)))
    costs = final_loss(mine) if per_step.unit == "loss" else costs
    return pd.Series(np.asarray(costs), index=mine["seed"].to_numpy()).sort_index()


def _reporting(trials: pd.DataFrame, row: Any) -> pd.DataFrame:
    mine = trials[(trials["role"] == "report") & (trials["setting"] == row.setting) & (trials["rule"] == row.rule)]
    return mine[(mine["problem"] == row.problem) & (mine["batch_size"] == row.batch_size)]


def _pairs(trials: pd.DataFrame, chosen: pd.DataFrame, references: Mapping[str, Name]) -> list[tuple[Name, Name]]:
    """What is compared: each rule with the reference that the tuning seeds chose; without these, every two rules."""
    pairs: list[tuple[Name, Name]] = []
    for problem, own in chosen.groupby("problem", sort=False):
        names = [_name(row) for row in own.itertuples()]
        reference = references[str(problem)]
        others = [name for name in names if name != reference]
        pairs += [(name, reference) for name in others] if _is_tuned(trials) else list(combinations(names, 2))
    return pairs


def _reference(own: pd.DataFrame, found: Mapping[Name, pd.Series], tuned: bool) -> Name:
    """The rule that the tuning seeds chose; without tuning seeds, the one with the least median cost."""
    names = [_name(row) for row in own.itertuples()]
    if tuned:
        return names[0]
    medians = [float(found[name].median()) for name in names]
    return names[min(range(len(names)), key=lambda place: (math.isnan(medians[place]), medians[place]))]


def _beside(comparisons: Mapping[tuple[Name, Name], Comparison], name: Name, reference: Name) -> Comparison | None:
    """The comparison of a setting with the reference, either way round; None for one that was not compared."""
    if (name, reference) in comparisons:
        return comparisons[name, reference]
    if (reference, name) in comparisons:
        there = comparisons[reference, name]
        ratio, low, high = (1 / value if value else math.inf for value in (there.ratio, there.high, there.low))
        return there._replace(ratio=ratio, low=low, high=high)
    return None


def _side(beside: Comparison | None) -> int:
    """-1 for a rule that is sooner than the reference, 1 for one that is later, 0 if the seeds cannot tell."""
    return (1 if beside.ratio > 1 else -1) if beside is not None and beside.differs else 0


def _row(row: Any, costs: pd.Series, beside: Comparison | None, trials: pd.DataFrame, score: str) -> dict[str, Any]:
    middle, mine = bootstrap_median(costs.to_numpy()), _reporting(trials, row)
    itself = 1.0 if row.chosen else math.nan
    return {
        **{name: getattr(row, name) for name in ("problem", "rule", "lr", "batch_size", "setting", "chosen")},
        "to_target": middle.estimate,
        "low": middle.low,
        "high": middle.high,
        "ratio": beside.ratio if beside else itself,
        "ratio_low": beside.low if beside else math.nan,
        "ratio_high": beside.high if beside else math.nan,
        "p_holm": beside.adjusted if beside else math.nan,
        "reached": int(np.isfinite(censored_steps(mine)).sum()),
        "test": float(final_score(mine, score).median()) if score else math.nan,
        "seeds": len(costs),
        "batched": objective(mine) != "value",
    }
