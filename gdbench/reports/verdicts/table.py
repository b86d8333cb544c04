"""A comparison for a terminal: rows of a table for the metrics that matter, and sentences about the whole.

print(headline(found)); rows(found); sentences(found)
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from gdbench.gate.comparison import TAKEN_APART, UNITS, Comparison
from gdbench.gate.verdicts import FEW_PAIRS
from gdbench.reports import text
from gdbench.reports.verdicts.words import (
    GRAVE,
    has,
    label,
    listed,
    margins,
    metric_name,
    percent,
    plural,
    ratio,
    reason,
    side,
    touched,
    value,
)

FEW = 10  # rows of one family, verdict and reason that are listed unless they are grave
RULES = 12  # rules that a sentence names


def sides(comparison: Comparison) -> list[tuple[str, str]]:
    """The sides that were compared, and the margins."""
    return [("base", side(comparison.base)), ("head", side(comparison.head)), ("by", margins(comparison))]


def shown(comparison: Comparison, everything: bool = False) -> pd.DataFrame:
    """The findings that are listed: all grave ones, and the first few of each other kind except `unchanged`."""
    found = comparison.findings
    if everything:
        return found
    few = found.groupby(["family", "verdict", "reason"], sort=False).cumcount() < FEW
    grave = found["verdict"].isin(GRAVE) | (found["reason"] == FEW_PAIRS)
    return found[grave | (few & (found["verdict"] != "unchanged"))]


def rows(comparison: Comparison, everything: bool = False) -> list[dict[str, str]]:
    """A row a metric, the gravest first; `finds` is the smallest slow-down that such data show four times in five."""
    found = shown(comparison, everything)
    once = set(_shared(found))
    cells = [_cells(row, once) for row in found.to_dict("records")]
    used = {name for row in cells for name, cell in row.items() if cell}
    return [{name: cell for name, cell in row.items() if name in used} for row in cells]


def _cells(row: dict[Any, Any], once: set[str]) -> dict[str, str]:
    detail = "" if pd.isna(row["detail"]) or row["detail"] in once else f": {row['detail']}"
    return {
        "verdict": row["verdict"],
        "metric": row["metric"],
        "problem": label(row["problem"]) if has(row["problem"]) else "",
        "rule": label(row["rule"]) if has(row["rule"]) else "",
        "batch": f"{row['batch_size']:.0f}" if has(row["batch_size"]) else "",
        "dtype": row["dtype"] if has(row["dtype"]) else "",
        "base": "" if pd.isna(row["base"]) else value(row, "base"),
        "head": "" if pd.isna(row["head"]) else value(row, "head"),
        "head / base": "" if pd.isna(row["ratio"]) else ratio(row),
        "finds": "" if pd.isna(row["detectable"]) else text.number(row["detectable"]),
        "q": "" if pd.isna(row["q"]) else text.number(row["q"], 2),
        "reason": row["reason"] + detail,
    }


def _shared(found: pd.DataFrame) -> list[str]:
    """The details that are the same in all rows of a family, so that one sentence is enough."""
    details = found.dropna(subset="detail").groupby("family", sort=False)["detail"]
    return list(dict.fromkeys(group.iloc[0] for _, group in details if len(group) > 1 and group.nunique() == 1))


def sentences(comparison: Comparison, everything: bool = False) -> Iterator[str]:
    """Sentences about what the rows have in common, what they leave out, and what could not have been seen."""
    rules = touched(comparison)
    if rules:
        yield f"touched: {listed([label(rule) for rule in rules], RULES)}"
    yield from comparison.notes
    yield from blind(comparison)
    found = shown(comparison, everything)
    left = comparison.findings.drop(found.index)
    for (verdict, code), group in left[left["verdict"] != "unchanged"].groupby(["verdict", "reason"], sort=False):
        yield f"{plural(len(group), 'more metric')} {verdict} ({code})"
    for code in dict.fromkeys(found["reason"]):
        yield f"{code}: {reason(code)}"
    yield from _shared(found)
    yield from explained(found)
    yield from unseen(comparison)


def blind(comparison: Comparison) -> Iterator[str]:
    """Says that the check fails for want of pairs."""
    if many := comparison.blind:
        have = "has" if many == 1 else "have"
        yield f"{plural(many, 'metric')} {have} too few pairs, which fails the check; --allow-few-pairs accepts it"


def explained(found: pd.DataFrame) -> Iterator[str]:
    """How head / base was computed where it is not head's number divided by base's."""
    listed = found[found["ratio"].notna()]
    if listed["unit"].isin([UNITS["steps_to_target"], UNITS["final_loss"]]).any():
        yield "head / base of steps and losses is that of the median pair of trials, not of the two medians"
    if (listed["family"] == "cost").any():
        apart = (listed["detail"] == TAKEN_APART).any()
        what = "relative to the peak's cost in the same round" if apart else "the mean over pairs of processes"
        yield f"head / base of costs is {what}, not the ratio of the two medians"


def unseen(comparison: Comparison) -> Iterator[str]:
    """Sentences about the smallest slow-downs that data like these show four times in five."""
    found = comparison.findings
    tested = found[np.isfinite(found["detectable"].astype(float))]
    for family, group in tested.groupby("family", sort=False):
        least = group["detectable"].astype(float)
        worst = f"{percent_more(least.max())} in {metric_name(group.loc[least.idxmax()])}"
        many = f"{percent_more(least.median())} in the middle of {len(group)} metrics, and at worst {worst},"
        yield f"{family}: a rise by {worst if len(group) == 1 else many} is found four times in five, a smaller one not"


def percent_more(factor: float) -> str:
    """A factor as the percentage by which it exceeds one."""
    return percent(float(text.number(factor - 1, 2)))
