"""What a run says about its rules: the unit they are ranked in, whether its times can be trusted, and the comparisons.

found = judgement(run)
found.unit, found.trust.trusted, found.rules

Everything that a page, a terminal or a notebook says about rules comes from here.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from gdbench.reports import text
from gdbench.reports.results import Results, has_batches, once, target
from gdbench.stats.choice import choose
from gdbench.stats.soonest import Costs, Judged, soonest
from gdbench.stats.timings import step_costs
from gdbench.stats.trust import Trust, trust

RANKING = (
    *("problem", "rule", "lr", "batch_size", "unit", "to_target", "low", "high"),
    *("ratio", "ratio_low", "ratio_high", "p_holm", "group", "reached", "test"),
)


class Judgement(NamedTuple):
    """unit: `time` where the timing is trusted and every chosen setting was timed, else `epochs` (`steps` where nothing
    has epochs); `loss` without a target. trust: of the timing. judged: in that unit."""

    unit: str
    trust: Trust
    judged: Judged

    @property
    def rules(self) -> pd.DataFrame:
        """A row per problem and rule (`Judged.rules`)."""
        return self.judged.rules


def judgement(results: Results, unit: str | None = None) -> Judgement:
    """Judge the rules of a run. unit: of `units`; by default the first of them."""
    whole, unit = _whole(results), unit or units(results)[0]
    found = _judgements(whole)[unit]
    if whole is results:
        return found
    problems = set(results.trials["problem"])
    rules, batches = (frame[frame["problem"].isin(problems)] for frame in found.judged[:2])
    return found._replace(judged=found.judged._replace(rules=rules, batches=batches))


def units(results: Results) -> list[str]:
    """The units that a run can be ranked in, the best first."""
    return list(_judgements(_whole(results)))


def ranking(results: Results, unit: str | None = None) -> pd.DataFrame:
    """A row per problem and rule, the soonest first: the columns `RANKING` (stats/soonest.py).

    `to_target` is in epochs, steps (for functions), or seconds; without a target it is the final loss.
    """
    return judgement(results, unit).rules[list(RANKING)].copy()


def _whole(results: Results) -> Results:
    """The run of which these results may be the part of one problem: all of it is judged together."""
    return getattr(results, "whole", None) or results


@once
def _trust(results: Results) -> Trust:
    return trust(results.timings, results.subjects, earlier(results.environment))


def earlier(environment: Mapping[str, Any]) -> dict[str, list[float]]:
    """The costs of references in earlier sessions, by reference (runner/timing.py); what is not a number is ignored."""
    found: dict[str, list[float]] = {}
    for line in environment.get("references_before") or ():
        name, _, cost = str(line).partition(" = ")
        try:
            found.setdefault(name, []).append(float(cost))
        except ValueError:
            continue
    return found


@once
def _judgements(results: Results) -> dict[str, Judgement]:
    sure, trials = _trust(results), results.trials
    if target(results) is None:
        return {"loss": Judgement("loss", sure, soonest(trials, ["loss"])["loss"])}
    seconds = step_costs(results.timings, results.subjects) if sure.trusted else {}
    data = ["epochs", "steps"] if has_batches(trials) else ["steps"]  # functions have no epochs
    found = soonest(trials, [*(["time"] if _all_timed(trials, seconds) else []), *data], seconds)
    return {unit: Judgement(unit, sure, judged) for unit, judged in found.items()}


def _all_timed(trials: pd.DataFrame, seconds: Costs) -> bool:
    chosen = choose(trials)
    names = {(row.problem, row.rule, int(row.batch_size)) for row in chosen.itertuples()}
    return bool(names) and names <= set(seconds)


def cost(value: float, unit: str) -> str:
    """A cost to the target in words, such as "1.2 epochs", "0.3 s", "1,024 steps"; of a loss its number."""
    if unit == "time":
        return text.seconds(value)
    if unit == "loss":
        return text.number(value)
    words = text.steps(value) if unit == "steps" else text.number(value, 2)
    return f"{words} {unit[:-1] if words == '1' else unit}"


def times(ratio: float) -> str:
    """A ratio in words.

    >>> times(2.04), times(13.7), times(float("inf"))
    ('2 ×', '14 ×', '∞ ×')
    """
    return f"{text.number(ratio, 2)} ×"
