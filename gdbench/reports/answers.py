"""What a reader is told first: for each problem, in at most 60 words, what to use and what is certain.

    for advice in advices(run):
        print(advice.instruction, *advice.sentences)

Nothing is called sooner, later, best or lowest without a test of gdbench/stats/claims.py. What limits the answer stands
in `caveats.py`.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gdbench.reports import text
from gdbench.reports.judgement import Judgement, cost, judgement
from gdbench.reports.results import Results, target
from gdbench.results.curves import LOST
from gdbench.stats.claims import LEVEL, fewest_pairs

WORDS = 60  # of an advice
NAMED = 3  # rules or claims that a sentence names; the others are counted


class Advice(NamedTuple):
    """What to do about a problem, and what is known about it. instruction: empty where nothing can be advised."""

    problem: str
    instruction: str
    sentences: list[str]

    @property
    def words(self) -> str:
        """All of it, as a paragraph."""
        return " ".join(filter(None, [self.instruction, *self.sentences]))


def advices(results: Results, unit: str | None = None) -> list[Advice]:
    """The advice for each problem."""
    found = judgement(results, unit)
    return [
        _advice(problem, rows, found, results)
        for problem, rows in found.rules.groupby("problem", sort=False)
        if len(rows)
    ]


def overall(results: Results, unit: str | None = None) -> str:
    """A sentence over several problems: in how many of them each rule is among the soonest; empty for one problem."""
    found, goal = judgement(results, unit), target(results)
    problems = found.rules["problem"].nunique()
    if problems < 2:
        return ""
    first = found.rules[(found.rules["group"] == 1) & ((found.rules["reached"] > 0) | (goal is None))]
    counts = first.groupby("rule", sort=False)["problem"].nunique().sort_values(ascending=False, kind="stable")
    if counts.empty:
        return f"No rule reached the target of any of the {problems} problems."
    most = counts[counts == counts.iloc[0]].index.tolist()
    where = "among the soonest" if goal else "among those of the lowest loss"
    return f"{_listed(most)} {_is(most)} {where} on {counts.iloc[0]} of {problems} problems."


def _advice(problem: str, rows: pd.DataFrame, found: Judgement, results: Results) -> Advice:
    goal = target(results)
    own = results.trials[results.trials["problem"] == problem]
    if lost := _all_lost(own):
        return Advice(problem, "", [f"{lost}."])
    if not rows["seeds"].max():
        return Advice(problem, "", ["No reporting trial has finished yet."])
    if goal and not rows["reached"].any():
        level = f"{text.level(*goal)} {text.metric_title(goal[0])}"
        return Advice(problem, "", [f"No rule reached {level} within its budget."])
    first = rows[(rows["group"] == 1) & ((rows["reached"] > 0) | (goal is None))]
    instruction = _instruction(first)
    told = [(_result(first, goal, rows["unit"].iloc[0]),), *_claims(problem, rows, found)]
    return Advice(problem, instruction, _within(WORDS - len(instruction.split()), told))


def _within(words: int, sentences: Iterable[Sequence[str]]) -> list[str]:
    """The sentences that so many words are enough for; of each the first form that fits, or none."""
    kept = []
    for forms in sentences:
        fits = next((form for form in forms if len(form.split()) <= words), "")
        kept += [fits] if fits else []
        words -= len(fits.split())
    return kept


def _instruction(first: pd.DataFrame) -> str:
    """`Use adam (learning rate 0.003), batch 32.`"""
    named = first if len(first) <= NAMED else first.iloc[:1]
    batched, one_batch = bool(first["batched"].any()), named["batch_size"].nunique() == 1
    parts = []
    for place, row in enumerate(named.itertuples()):
        rate = f"{'' if place else 'learning rate '}{text.number(row.lr, 2)}"
        batch = f", {'' if place else 'batch '}{row.batch_size}" if batched and not one_batch else ""
        parts.append(f"{row.rule} ({rate}{batch})")
    words = f"Use {_listed(parts, 'or')}" + (f", batch {named['batch_size'].iloc[0]}" if batched and one_batch else "")
    left = len(first) - len(named)
    others = f"{left} others" if left > 1 else "another one"
    return f"{words}; {others} may be as good." if left else f"{words}."


def _result(first: pd.DataFrame, goal: tuple[str, float] | None, unit: str) -> str:
    """Where the advised settings get, and how many of their seeds do."""
    shown = first if len(first) <= NAMED else first.iloc[:1]
    who = "It" if len(shown) == 1 else "Both" if len(shown) == 2 else "They"
    low, high = (cost(value, unit) for value in (shown["to_target_from"].min(), shown["to_target"].max()))
    if goal is None:
        return f"{who} end{'s' if len(shown) == 1 else ''} at a loss of {_between(low, high)}."
    fewest, seeds = int(shown["reached"].min()), int(shown["seeds"].max())
    reached = f"{fewest}{' or more' if shown['reached'].nunique() > 1 else ''} of {_count(seeds, 'seed')}"
    get = f"{who} reach{'es' if len(shown) == 1 else ''} {text.level(*goal)} {text.metric_title(goal[0])}"
    if math.isinf(shown["to_target"].max()):  # half of the seeds or more never got there
        return f"{get} in only {reached}."
    return f"{get} after {_between(low, high)}, in {reached}."


def _between(low: str, high: str) -> str:
    (number, _, unit), (_, _, other) = low.partition(" "), high.partition(" ")
    same = unit and unit.rstrip("s") == other.rstrip("s")
    return low if low == high else f"{number if same else low} to {high}"


def _claims(problem: str, rows: pd.DataFrame, found: Judgement) -> Iterator[Sequence[str]]:
    """What is certain, and what is not: comparisons with the reference, since no others were made.

    Each sentence has one form or more, the longest first.
    """
    judged, first, reference = found.judged, rows[rows["group"] == 1], rows["reference"].iloc[0]
    if 0 < judged.pairs < (needed := fewest_pairs(judged.comparisons)):
        seeds = _count(judged.pairs, "seed")
        yield (f"{seeds} can show no difference between {_count(len(rows), 'rule')}; {needed} can.",)
        return
    what = {"time": "the time", "loss": "the loss"}.get(found.unit, f"the {rows['unit'].iloc[0]}")
    if reference not in set(first["rule"]):
        yield from _sooner(first, rows[rows["rule"] == reference].iloc[0], what)
        if len(first) > 1:
            yield ("They were not compared with each other.",)
        return
    batches = judged.batches[(judged.batches["problem"] == problem) & (judged.batches["p_holm"] <= LEVEL)]
    batches = batches[~batches["chosen"] & (batches["rule"] == reference) & (batches["sign"] > 0)]
    yield from _later(rows[rows["group"] > 1], batches, what, found.unit)
    if len(first) > 1 and judged.pairs:
        which = f"{_listed(first['rule'].tolist())}" if len(first) == 2 else f"these {len(first)} rules"
        yield (f"{_count(judged.pairs, 'seed')} cannot tell {which} apart.",)


def _sooner(first: pd.DataFrame, reference: Any, what: str) -> Iterator[Sequence[str]]:
    """What is certain of rules that are sooner than the one that the tuning seeds chose."""
    who, chosen = _listed(first["rule"].tolist()), f"{reference.rule}, which the tuning seeds chose"
    ends = "s" if len(first) == 1 else ""
    if first["ratio"].isna().any():  # of negative losses there are no ratios
        yield (f"Certain: {who} end{ends} at a lower loss than {chosen}.",)
    elif not reference.reached and what != "the loss":
        yield (f"Certain: {who} get{ends} there, unlike {chosen}.",)
    else:
        yield (f"Certain: {_listed(_factors(first, 'rule', 'others', sooner=True))} {what} of {chosen}.",)


def _later(rules: pd.DataFrame, batches: pd.DataFrame, what: str, unit: str) -> Iterator[Sequence[str]]:
    """What is certain of the rules and of the batch sizes that come later than the chosen ones."""
    have = [np.isfinite(rows["ratio_low"].astype(float)) for rows in (rules, batches)]  # a ratio
    rates, sizes = rules[have[0]], batches[have[1]].assign(batch=lambda rows: "batch " + rows["batch_size"].astype(str))
    certain = [*_factors(rates, "rule", "others"), *_factors(sizes, "batch", "other batches")]
    if certain:
        yield f"Certain: {_listed(certain)} {what}.", f"Certain: {_listed(_summed(rates, sizes))} {what}."
    never, large = rules[~have[0]], batches[~have[1]]
    who = [*never["rule"], *(f"batch {batch}" for batch in large["batch_size"])]
    if who:
        ends = "s" if len(who) == 1 else ""
        verb = f"end{ends} at a higher loss" if unit == "loss" else f"rarely or never get{ends} there"
        yield f"Certain: {_listed(who)} {verb}.", f"Certain: {_count(len(who), 'other')} {verb}."


def _factors(rows: pd.DataFrame, name: str, others: str, *, sooner: bool = False) -> list[str]:
    """`sgd takes 1.6 to 2.6 ×` for each row, those that take most summed up as so many `others` if they are many."""

    def factor(rows: pd.DataFrame) -> str:
        return _factor(rows["ratio_low"].min(), rows["ratio_high"].max(), sooner=sooner)

    told = [f"{name} takes {factor(rows.iloc[[place]])}" for place, name in enumerate(rows[name])]
    if len(told) <= NAMED:
        return told
    left = rows.iloc[NAMED - 1 :]
    return [*told[: NAMED - 1], f"{len(left)} {others} take {factor(left)}"]


def _summed(later: pd.DataFrame, batches: pd.DataFrame) -> list[str]:
    """`4 other rules take 1.3 to 2 ×`, and the same of batch sizes."""
    sizes = sorted(batches["batch_size"])
    who = f"batch{'es' if len(sizes) > 1 else ''} {_listed(list(map(str, sizes)))}" if sizes else ""
    told = []
    for rows, named in ((later, _count(len(later), "other rule")), (batches, who)):
        if len(rows):
            factor = _factor(rows["ratio_low"].min(), rows["ratio_high"].max())
            told.append(f"{named} take{'s' if len(rows) == 1 else ''} {factor}")
    return told


def _factor(low: float, high: float, *, sooner: bool = False) -> str:
    """The 95 % interval of a ratio that a test tells from 1, in words; beyond 1 there is nothing of it.

    >>> _factor(1.62, 2.55), _factor(1.62, math.inf), _factor(0.99, 1.8), _factor(1.0, 1.0)
    ('1.6 to 2.6 ×', 'at least 1.6 ×', 'more, up to 1.8 ×', 'more than 1 ×')
    >>> _factor(0.4, 0.6, sooner=True), _factor(0.4, 1.05, sooner=True), _factor(1.0, 1.0, sooner=True)
    ('0.4 to 0.6 ×', '0.4 to 1 ×', 'less than 1 ×')
    """
    low, high = (min(low, 1.0), min(high, 1.0)) if sooner else (max(low, 1.0), max(high, 1.0))
    least, most = text.number(low, 2), text.number(high, 2)
    if least == most:
        return f"{'less' if sooner else 'more'} than 1 ×" if most == "1" else f"{least} ×"
    if sooner and least == "0":
        return f"at most {most} ×"
    if math.isinf(high):
        return "more than 1 ×" if least == "1" else f"at least {least} ×"
    if not sooner and least == "1":
        return f"more, up to {most} ×"
    return f"{least} to {most} ×"


def _all_lost(trials: pd.DataFrame) -> str:
    """Says that every trial diverged or failed, and at which steps; empty if one did neither."""
    if trials.empty or not trials["status"].isin(LOST).all():
        return ""
    diverged = trials.loc[trials["status"] == "diverged", "steps"]
    failed = len(trials) - len(diverged)
    if diverged.empty:
        return f"All {failed:,} trials failed, so nothing was measured"
    steps = [text.steps(each) for each in (diverged.min(), diverged.max())]
    when = f"at step {steps[0]}" if steps[0] == steps[1] else f"at steps {steps[0]} to {steps[1]}"
    some = f"{len(diverged):,} of {len(trials):,} trials diverged {when} and {failed:,} failed"
    every = f"All {len(trials):,} trials diverged, {when}" if len(trials) > 1 else f"The only trial diverged, {when}"
    return f"{some if failed else every}, so nothing was measured; a smaller learning rate or scaled data may help"


def _listed(names: Sequence[str], joint: str = "and") -> str:
    *first, last = names
    return f"{', '.join(first)} {joint} {last}" if first else str(last)


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def facts(results: Results) -> Mapping[str, str]:
    """For each problem what it is and what was tried, in sentences."""
    goal, trials = target(results), results.trials
    known = dict(str(line).partition(": ")[::2] for line in results.environment.get("problems") or ())
    found = {}
    for problem, own in trials.groupby("problem", sort=False):
        tuned = own[own["role"] != "default"]
        seeds = own.loc[own["role"] == "report", "seed"].nunique()
        tuning = own.loc[own["role"] == "tune", "seed"].nunique()
        rates = tuned.groupby("rule")["lr"].nunique()
        tried = f"{_count(tuned['rule'].nunique(), 'rule')} × {_range(rates)} learning rates"
        if tuned["batch_size"].nunique() > 1:
            tried += f" × {tuned['batch_size'].nunique()} batch sizes"
        how = f"each tuned on {tuning} seeds and reported on {seeds} others" if tuning else f"on {seeds} seeds"
        aim = f"Target: {text.level(*goal)} {text.metric_title(goal[0])}. " if goal else ""
        found[str(problem)] = " ".join(filter(None, [known.get(str(problem), ""), f"{aim}{tried}, {how}."]))
    return found


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _range(counts: "pd.Series[int]") -> str:
    low, high = int(counts.min()), int(counts.max())
    return str(low) if low == high else f"{low} to {high}"
