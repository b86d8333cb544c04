"""The ranking as text, for a terminal or a page: a row for each problem and rule, the soonest first."""

import math
from typing import Any

from gdbench.reports import text
from gdbench.reports.judgement import Judgement, cost, times
from gdbench.reports.results import Results, has_batches, score_of, target
from gdbench.stats import choose
from gdbench.stats.claims import LEVEL


def readable(found: Judgement, results: Results, *, wide: bool = True) -> list[dict[str, str]]:
    """The ranking's rows with every number as text. wide: with the intervals of ratios and the metric on test data."""
    frame, goal = found.rules, target(results)
    several, batches = frame["problem"].nunique() > 1, has_batches(results.trials)
    edges = choose(results.trials).set_index(["problem", "rule", "batch_size"])["at_edge"] if len(frame) else {}
    score = score_of(results)
    rows = []
    for row in frame.to_dict("records"):
        edge = edges[row["problem"], row["rule"], row["batch_size"]]
        at_edge = (f" ({edge} edge)" if wide else " (edge)") if edge else ""
        cells = {"problem": row["problem"]} if several else {}
        cells |= {
            "rule": row["rule"],
            "learning rate": text.number(row["lr"]) + at_edge,
        }
        if batches:
            cells["batch"] = str(row["batch_size"]) if row["batched"] else text.NONE
        cells[_cost_title(found.unit, goal)] = _cost(row, found.unit, mixed=frame["unit"].nunique() > 1)
        cells[f"× {beside(found)}"] = _ratio(row, wide)
        if goal:
            cells["reached"] = f"{row['reached']} of {row['seeds']}"
        if wide and score:
            cells[text.metric_title(score)] = text.metric(score, row["test"])
        rows.append(cells)
    return rows


def _cost_title(unit: str, goal: tuple[str, float] | None) -> str:
    if goal is None:
        return "final loss"
    return f"{unit} to {text.level(*goal)}"


def _cost(row: dict[str, Any], unit: str, *, mixed: bool) -> str:
    """The cost, or the bracket that it is known to lie in."""

    def written(value: float) -> str:
        if unit == "time" or mixed:
            return cost(value, row["unit"])
        return text.steps(value) if row["unit"] == "steps" else text.number(value, 2)

    least, most = written(row["to_target_from"]), written(row["to_target"])
    return most if least == most else f"{least} to {most}"


def _ratio(row: dict[str, Any], wide: bool) -> str:
    """The paired ratio, and whether the seeds can tell it from 1."""
    if row["rule"] == row["reference"]:
        return "1"
    words = text.NONE if math.isnan(row["ratio"]) else times(row["ratio"])
    if wide and not math.isnan(row["ratio_low"]):
        words += f" [{text.number(row['ratio_low'], 2)}, {text.number(row['ratio_high'], 2)}]"
    return words if row["p_holm"] <= LEVEL else f"{words} (not told apart)"


def beside(found: Judgement) -> str:
    """What the ratios are taken to: a rule, if it is the same for all problems."""
    references = found.rules["reference"].unique()
    return str(references[0]) if len(references) == 1 else "the reference"


def explained(found: Judgement, results: Results, *, wide: bool = True) -> str:
    """What the columns mean, in a sentence or two. wide: as for `readable`."""
    tuned = (results.trials["role"] == "tune").any()
    which = "which the tuning seeds chose" if tuned else "whose median is the least"
    who = "the rule" if beside(found) == "the reference" else beside(found)
    if not wide:
        return f"× {beside(found)}: beside {who}, {which}, paired by seed; not the quotient of two medians."
    words = (
        f"× {beside(found)}: the cost beside that of {who}, {which}, paired by seed (so it is not the quotient of two "
        "medians), with its 95 % bootstrap interval."
    )
    tied = (found.rules["group"] == 1).sum() > 1
    words += " Rules are told apart by all comparisons of the page together, not by one interval." if tied else ""
    notes = found.trust.notes if found.unit == "time" else []
    return " ".join([words, *(f"Of the seconds: {note}." for note in notes)])
