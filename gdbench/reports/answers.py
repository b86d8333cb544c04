"""A run's answer for each problem, a paragraph: which rule was first, in steps and in time, and how sure that is.

from gdbench.reports.ranking_table import ranking
list(answers(ranking(run), run))
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from gdbench.reports import text
from gdbench.reports.results import Results, target
from gdbench.results.curves import LOST
from gdbench.stats import FEW, GROUP, Interval, bootstrap_quotient, censored_steps, reported
from gdbench.stats.timings import step_costs
from gdbench.stats.tolerance import FACTOR, tolerance

NAMED = 5  # rules that a list names; the others are counted
BASE = "sgd"  # the rule that the others are compared with


def answers(frame: pd.DataFrame, results: Results) -> Iterator[str]:
    """A paragraph for each problem. frame: the ranking of `results`."""
    goal = target(results)
    samples, widths = _Samples(results), tolerance(results.trials)
    for problem, rows in frame.groupby("problem", sort=False) if len(frame) else []:
        best = rows.iloc[0]
        judged = text.metric_title(best["objective"])
        if lost := _all_lost(results.trials[results.trials["problem"] == problem]):
            yield f"{problem}: {lost}."
        elif not best["trials"]:
            yield f"{problem}: no reporting trial has finished yet."
        elif goal and np.isfinite(best["steps_to_target"]):
            equal = rows[rows["best_batch"] & (rows["steps_to_target"] == best["steps_to_target"])]["rule"].tolist()[1:]
            tie = f" ({', '.join(equal)} as many; the order is by {judged})" if equal else ""
            steps = text.interval(text.steps, best, "steps_to_target")
            timed = "time_to_target" in rows and not np.isnan(best["time_to_target"])
            sooner = "" if timed else _sooner(best, rows[rows["best_batch"]], samples)
            yield (
                f"{problem}: {_setting(best)} needs the fewest steps to {text.metric_title(goal[0])} "
                f"{text.metric(*goal)}: {steps}{tie}{sooner}.{_in_time(best, rows, samples) if timed else ''}"
                f"{_least_sensitive(rows, widths)}"
            )
        elif goal:
            yield f"{problem}: no rule reached {text.metric_title(goal[0])} {text.metric(*goal)} within its budget."
        elif np.isinf(best["loss"]):
            yield f"{problem}: no rule ends at a finite {judged}, since its median reporting trial diverged or failed."
        else:
            loss = text.interval(text.number, best, "loss")
            yield f"{problem}: {_setting(best)} ends at the lowest {judged}, {loss}."


def _all_lost(trials: pd.DataFrame) -> str:
    """Says that every trial diverged or failed, and at which steps; empty if one did neither."""
    if trials.empty or not trials["status"].isin(LOST).all():
        return ""
    diverged = trials.loc[trials["status"] == "diverged", "steps"]
    failed = len(trials) - len(diverged)
    if diverged.empty:
        return f"all {failed:,} trials failed, so nothing was measured"
    steps = [text.steps(each) for each in (diverged.min(), diverged.max())]
    when = f"at step {steps[0]}" if steps[0] == steps[1] else f"at steps {steps[0]} to {steps[1]}"
    some = f"{len(diverged):,} of {len(trials):,} trials diverged {when} and {failed:,} failed"
    every = f"all {len(trials):,} trials diverged, {when}" if len(trials) > 1 else f"the only trial diverged, {when}"
    return f"{some if failed else every}, so nothing was measured; a smaller learning rate or scaled data may help"


class _Samples:
    """The samples behind a ranking's rows: steps to target, one a seed, and seconds a step, one a round."""

    def __init__(self, results: Results) -> None:
        final = reported(results.trials)
        groups = final.assign(_steps=censored_steps(final)).groupby(GROUP)["_steps"]
        self._steps = {key: steps.to_numpy() for key, steps in groups}
        self._costs = step_costs(results.timings, results.subjects)

    def over(self, row: pd.Series, base: pd.Series, timed: bool) -> Interval:
        """The time of `row`, or its steps, as a multiple of those of `base`, with its interval."""
        return bootstrap_quotient(self._of(row, timed), self._of(base, timed))

    def _of(self, row: pd.Series, timed: bool) -> list[np.ndarray]:
        key = tuple(row[GROUP])
        none = np.zeros(0)
        return [self._steps.get(key, none), *([self._costs.get(key, none)] if timed else [])]


def _in_time(best: pd.Series, rows: pd.DataFrame, samples: _Samples) -> str:
    """Says how long the fewest steps take, which setting takes the least time, and which others may be as fast."""
    soonest = rows.loc[rows["time_to_target"].idxmin()]
    quickest = rows.sort_values("time_to_target", kind="stable").drop_duplicates("rule")
    others = [row for _, row in quickest.iterrows() if row["rule"] != soonest["rule"]]
    level = [row["rule"] for row in others if _may_be_one(samples.over(row, soonest, timed=True))]
    tie = f" ({_listed(level)} cannot be told from it)" if level else ""
    words = f" They take {text.interval(text.seconds, best, 'time_to_target')}"
    sooner = _sooner(soonest, quickest, samples, timed=True)
    if soonest.name == best.name:
        return f"{words}, the least time too{tie}{sooner}."
    least = text.interval(text.seconds, soonest, "time_to_target")
    return f"{words}; {_setting(soonest)} takes the least time: {least}{tie}{sooner}."


def _may_be_one(ratio: Interval) -> bool:
    return not (ratio.low > 1.0 or ratio.high < 1.0)  # also true of NaN: without an interval nothing is ruled out


def _sooner(best: pd.Series, rows: pd.DataFrame, samples: _Samples, timed: bool = False) -> str:
    """The factor by which `best` beats the tuned base rule, with its interval; empty without another base rule."""
    base = rows[rows["rule"] == BASE]
    if base.empty or best["rule"] == BASE:
        return ""
    ratio = samples.over(base.iloc[0], best, timed)
    if np.isinf(base.iloc[0]["steps_to_target"]):
        return f"; tuned {BASE} does not get there"
    if np.isinf(ratio.estimate):  # the best rule starts at the target, so it takes 0 steps
        return f"; tuned {BASE} needs {text.steps(base.iloc[0]['steps_to_target'])}"
    if np.isnan(ratio.estimate):
        return ""
    words = text.bounded(_times, *ratio)
    if words == _times(1.0):
        return f", as soon as tuned {BASE}"
    return f", {words} sooner than tuned {BASE}{', which may be chance' if _may_be_one(ratio) else ''}"


def _times(ratio: float) -> str:
    return f"{text.number(ratio, 2)}x"


def _least_sensitive(rows: pd.DataFrame, widths: pd.DataFrame) -> str:
    """Says which rules do nearly as well over the most decades of learning rates (`tolerance`).

    Each rule is taken at its best batch size.
    """
    widths = rows[rows["best_batch"]][GROUP].merge(widths, on=GROUP)
    if len(widths) < 2:
        return ""
    if widths["decades"].max() == 0:
        return (
            " No learning rate next to a best one does nearly as well: a finer grid would show which rule is sensitive."
        )
    widest = widths[np.isclose(widths["decades"], widths["decades"].max())]
    names = _listed(widest["rule"].tolist())
    if len(widest) == len(widths):
        return f" Over all learning rates tried, {names} are equally sensitive to them."
    width = widest["decades"].iloc[0]
    cut = widths[widths["at_edge"] & (widths["decades"] < width * 0.999)]["rule"].tolist()
    wider = f" ({_listed(cut)} may do so over more, beyond the edge of the grid)" if cut else ""
    number = text.number(width, 2)
    decades = f"{'at least ' if widest['at_edge'].any() else ''}{number} decade{'' if number == '1' else 's'}"
    return (
        f" Over all learning rates tried, {names} {'is' if len(widest) == 1 else 'are'} the least sensitive: the "
        f"median trial takes at most {text.number(FACTOR)} times the best one’s steps over {decades} of them{wider}."
    )


def _listed(names: Sequence[str]) -> str:
    *first, last = names if len(names) <= NAMED else [*names[:NAMED], f"{len(names) - NAMED} more"]
    return f"{', '.join(first)} and {last}" if first else str(last)


def _setting(row: pd.Series) -> str:
    """A setting as the beginning of a sentence: `adam at lr 0.1`, or `adam at lr 0.1, batch size 16,`."""
    batch = "" if row["objective"] == "value" else f"batch size {row['batch_size']}"
    more = ", ".join(words for words in (row["other"], batch) if words)
    return f"{row['rule']} at lr {text.number(row['lr'])}" + (f", {more}," if more else "")


def timing_notes(frame: pd.DataFrame, results: Results) -> Iterator[str]:
    """Says how far to trust the times in the ranking, or why there are none."""
    facts = results.environment
    if "timing_error" in facts:
        yield f"Steps could not be timed ({facts['timing_error']})."
    elif "step" in frame and facts.get("timing_rounds", FEW) < FEW:
        few = facts["timing_rounds"]
        intervals = "the intervals are narrower than they should be" if few > 1 else "there are no intervals"
        yield f"Times come from {few} round{'s' if few > 1 else ''}: there was no time for more, and {intervals}."
