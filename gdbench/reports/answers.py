"""What a reader is told first: for each problem an instruction of at most 60 words, and what limits it.

    for advice in advices(run):
        print(advice.instruction, *advice.sentences)
    for caveat in caveats(run):
        print(caveat.title, caveat.words, caveat.command, caveat.takes)

Nothing is called sooner, later, best or lowest without a test of gdbench/stats/claims.py.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from gdbench.reports import text
from gdbench.reports.judgement import Judgement, cost, judgement, times
from gdbench.reports.results import Results, target
from gdbench.results.curves import LOST
from gdbench.stats import choose
from gdbench.stats.claims import LEVEL, detectable, fewest_pairs, pairs_to_halve

NAMED = 3  # rules or claims that a sentence names; the others are counted
MOST = 3  # caveats
NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")


class Advice(NamedTuple):
    """What to do about a problem, and what is known about it. instruction: empty where nothing can be advised."""

    problem: str
    instruction: str
    sentences: list[str]

    @property
    def words(self) -> str:
        """All of it, as a paragraph."""
        return " ".join(filter(None, [self.instruction, *self.sentences]))


class Caveat(NamedTuple):
    """What limits the answer, and what would mend it: a command, and about how long it takes."""

    title: str
    words: str
    command: str = ""
    takes: str = ""


def answers(results: Results) -> list[str]:
    """The page's sentences: a paragraph for each problem, then a line for each caveat."""
    told = [advice.words if _alone(results) else f"{advice.problem}: {advice.words}" for advice in advices(results)]
    return [*told, *(" ".join(filter(None, _line(caveat))) for caveat in caveats(results))]


def _line(caveat: Caveat) -> list[str]:
    takes = f" ({caveat.takes})" if caveat.takes else ""
    return [caveat.title, caveat.words, f"`{caveat.command}`{takes}" if caveat.command else ""]


def _alone(results: Results) -> bool:
    return int(results.trials["problem"].nunique()) < 2


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
    found = judgement(results, unit)
    problems = found.rules["problem"].nunique()
    if problems < 2:
        return ""
    first = found.rules[(found.rules["group"] == 1) & (found.rules["reached"] > 0)]
    counts = first.groupby("rule", sort=False)["problem"].nunique().sort_values(ascending=False, kind="stable")
    if counts.empty:
        return f"No rule reached the target of any of the {problems} problems."
    most = counts[counts == counts.iloc[0]].index.tolist()
    return f"{_listed(most)} {_is(most)} among the soonest on {counts.iloc[0]} of {problems} problems."


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
    instruction = _instruction(first, batched=rows["unit"].iloc[0] != "steps" or (own["batch_size"] > 1).any())
    sentences = [_result(first, goal, rows["unit"].iloc[0], own)]
    sentences += _claims(problem, rows, found)
    return Advice(problem, instruction, sentences)


def _instruction(first: pd.DataFrame, batched: bool) -> str:
    """`Use adam (learning rate 0.003), batch 32.`"""
    named = first if len(first) <= NAMED else first.iloc[:1]
    one_batch = named["batch_size"].nunique() == 1
    parts = []
    for place, row in enumerate(named.itertuples()):
        rate = f"{'' if place else 'learning rate '}{text.number(row.lr, 2)}"
        batch = f", {'' if place else 'batch '}{row.batch_size}" if batched and not one_batch else ""
        parts.append(f"{row.rule} ({rate}{batch})")
    words = f"Use {_listed(parts, 'or')}" + (f", batch {named['batch_size'].iloc[0]}" if batched and one_batch else "")
    left = len(first) - len(named)
    return f"{words}; {left} others may be as good." if left else f"{words}."


def _result(first: pd.DataFrame, goal: tuple[str, float] | None, unit: str, own: pd.DataFrame) -> str:
    """Where the advised settings get, and how many of their seeds do."""
    shown = first if len(first) <= NAMED else first.iloc[:1]
    who = "It" if len(shown) == 1 else "Both" if len(shown) == 2 else "They"
    low, high = (cost(value, unit) for value in (shown["to_target"].min(), shown["to_target"].max()))
    if goal is None:
        return f"{who} end{'s' if len(shown) == 1 else ''} at a loss of {_between(low, high)}."
    reached, seeds = int(shown["reached"].min()), int(shown["seeds"].max())
    level = f"{text.level(*goal)} {text.metric_title(goal[0])}"
    get = f"{who} reach{'es' if len(shown) == 1 else ''} {level}"
    return f"{get} after {_between(low, high)}, in {reached}{' or more' if _differ(shown) else ''} of {seeds} seeds."


def _differ(shown: pd.DataFrame) -> bool:
    return int(shown["reached"].nunique()) > 1


def _between(low: str, high: str) -> str:
    (number, _, unit), (_, _, other) = low.partition(" "), high.partition(" ")
    same = unit and unit.rstrip("s") == other.rstrip("s")
    return low if low == high else f"{number if same else low} to {high}"


def _claims(problem: str, rows: pd.DataFrame, found: Judgement) -> Iterator[str]:
    """What is certain, and what is not."""
    judged, first = found.judged, rows[rows["group"] == 1]
    pairs, comparisons = judged.pairs, judged.comparisons
    if pairs and pairs < fewest_pairs(comparisons):
        needed = fewest_pairs(comparisons)
        yield f"{pairs} seed{'s' if pairs != 1 else ''} can show no difference between {len(rows)} rules; {needed} can."
        return
    later = rows[rows["group"] > 1]
    batches = judged.batches[(judged.batches["problem"] == problem) & (judged.batches["p_holm"] <= LEVEL)]
    batches = batches[~batches["chosen"] & (batches["rule"] == rows["reference"].iloc[0]) & (batches["ratio"] > 1)]
    certain = [*_factors(later, "rule"), *(f"batch {words}" for words in _factors(batches, "batch_size"))]
    if certain:
        what = {"time": "the time", "loss": "the loss"}.get(found.unit, f"the {rows['unit'].iloc[0]}")
        yield f"Certain: {_listed(certain)} {what}."
    if len(first) > 1:
        yield f"{judged.pairs} seeds cannot tell {'these two' if len(first) == 2 else 'them'} apart."


def _factors(rows: pd.DataFrame, name: str) -> list[str]:
    """`sgd takes 2.1 ×` for each row, those that take most summed up if they are many."""
    told = [f"{getattr(row, name)} takes {times(row.ratio)}" for row in rows.itertuples() if not math.isnan(row.ratio)]
    if len(told) <= NAMED:
        return told
    left = rows["ratio"].iloc[NAMED - 1 :]
    return [*told[: NAMED - 1], f"{len(left)} others take {text.number(left.min(), 2)} to {times(left.max())}"]


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


# ------------------------------------------------------------------------------------------------------------ caveats


def caveats(results: Results) -> list[Caveat]:
    """What limits the answer, the gravest first; at most three."""
    found = judgement(results)
    if not any(advice.instruction for advice in advices(results)):
        return []
    return [*_of_time(found, results), *_of_edges(found, results), *_of_seeds(found, results)][:MOST]


def _of_time(found: Judgement, results: Results) -> Iterator[Caveat]:
    if target(results) is None or found.unit == "time":
        return
    unit = "data seen" if found.unit == "epochs" else "steps"
    facts = results.environment
    if "timing_error" in facts:
        yield Caveat(f"Ranked by {unit}, not by seconds.", f"Steps could not be timed ({facts['timing_error']}).")
        return
    if found.trust.reasons == ["no step was timed"]:
        words = "No step was timed."
    else:
        words = (
            f"The seconds cannot be trusted: {found.trust.reasons[0] if found.trust.reasons else 'not all is timed'}."
        )
    takes = text.about(facts.get("timing_seconds", math.nan))
    yield Caveat(
        f"Ranked by {unit}, not by seconds.", words, f"python -m gdbench time --run {results.about['run']}", takes
    )


def _of_edges(found: Judgement, results: Results) -> Iterator[Caveat]:
    edges = choose(results.trials)
    edges = edges[edges["at_edge"] != ""]
    first = found.rules[found.rules["group"] == 1]
    for row in first.merge(edges[["problem", "rule", "batch_size", "at_edge"]], how="inner").itertuples():
        which = {"high": "largest", "low": "smallest"}[row.at_edge]
        where = f"{row.rule} at batch {row.batch_size} does best at {text.number(row.lr, 2)}"
        words = f"{where}, the {which} learning rate tried."
        command = results.environment.get("command", "")
        yield Caveat("The grid ends too early.", words, f"{command} --extend" if command else "")
        return


def _of_seeds(found: Judgement, results: Results) -> Iterator[Caveat]:
    """Which differences so many seeds can show, and how many would show half of it."""
    judged = found.judged
    if not judged.gaps or not judged.pairs:
        return
    seeds, command = judged.pairs, results.environment.get("command", "")
    gap = max(judged.gaps.values(), key=_spread)
    now = detectable(gap, judged.comparisons)
    if math.isinf(now):
        needed = max(fewest_pairs(judged.comparisons), 2 * seeds)
        title, words = f"{_number(seeds)} seeds are too few to tell rules apart.", f"{needed} may do."
    else:
        halved = pairs_to_halve(gap, judged.comparisons)
        title = f"{_number(seeds)} seeds see differences from {times(now)} on."
        if math.isinf(halved):
            yield Caveat(title, "")
            return
        needed, words = int(halved), f"For {times(math.sqrt(now))}:"
    takes = text.about(results.environment.get("wall_seconds", math.nan) * needed / seeds)
    yield Caveat(title, words, f"{_without_seeds(command)} --seeds {needed}" if command else "", takes)


def _spread(gap: Any) -> float:
    finite = gap[pd.notna(gap) & (abs(gap) < math.inf)]
    return float(finite.std()) if finite.size > 1 else 0.0


def _number(count: int) -> str:
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def _without_seeds(command: str) -> str:
    words = command.split()
    if "--seeds" in words:
        place = words.index("--seeds")
        del words[place : place + 2]
    return " ".join(words)


# -------------------------------------------------------------------------------------------------------------- facts


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
