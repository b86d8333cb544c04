"""What a run answers, in a sentence a problem: which rule got there first, in steps and in time.

from gdbench.reports import ranking
list(answers(ranking(run), run))
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from gdbench.reports import text
from gdbench.reports.results import Results, target
from gdbench.stats import FEW


def answers(frame: pd.DataFrame, results: Results) -> Iterator[str]:
    """frame: the ranking of `results`."""
    goal = target(results)
    for problem, rows in frame.groupby("problem", sort=False) if len(frame) else []:
        best = rows.iloc[0]
        judged = text.metric_title(best["objective"])
        if goal and np.isfinite(best["steps_to_target"]):
            equal = rows[rows["best_batch"] & (rows["steps_to_target"] == best["steps_to_target"])]["rule"].tolist()[1:]
            tie = f" ({', '.join(equal)} as many; the order is by {judged})" if equal else ""
            steps = text.interval(text.steps, best, "steps_to_target")
            yield (
                f"{problem}: {_setting(best)}, needs the fewest steps to {text.metric_title(goal[0])} "
                f"{text.metric(*goal)}: {steps}{tie}.{_in_time(best, rows)}"
            )
        elif goal:
            yield f"{problem}: no rule reached {text.metric_title(goal[0])} {text.metric(*goal)} within its budget."
        else:
            yield f"{problem}: {_setting(best)}, ends at the lowest {judged}, {text.number(best['loss'])}."


def _in_time(best: pd.Series, rows: pd.DataFrame) -> str:
    """How long the fewest steps take, and which setting takes the least time; nothing where no step was timed."""
    if "time_to_target" not in rows or np.isnan(best["time_to_target"]):
        return ""
    soonest = rows.loc[rows["time_to_target"].idxmin()]
    words = f" They take {text.interval(text.seconds, best, 'time_to_target')}"
    if soonest.name == best.name:
        return f"{words}, the least time too."
    return (
        f"{words}; {_setting(soonest)}, takes the least time: {text.interval(text.seconds, soonest, 'time_to_target')}."
    )


def _setting(row: pd.Series) -> str:
    other = f", {row['other']}" if row["other"] else ""
    batch = "" if row["objective"] == "value" else f", batch size {row['batch_size']}"
    return f"{row['rule']} at lr {text.number(row['lr'])}{other}{batch}"


def timing_notes(frame: pd.DataFrame, results: Results) -> Iterator[str]:
    """What to know of the times in the ranking, or why there are none."""
    facts = results.environment
    if "timing_error" in facts:
        yield f"Steps could not be timed ({facts['timing_error']})."
    elif "step" in frame and facts.get("timing_rounds", FEW) < FEW:
        few = facts["timing_rounds"]
        intervals = "the intervals are narrower than they should be" if few > 1 else "there are no intervals"
        yield f"Times come from {few} round{'s' if few > 1 else ''}: there was no time for more, and {intervals}."
