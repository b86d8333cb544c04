"""A comparison as one self-contained HTML file: each metric with verdict and interval, and facts of base and head."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from gdbench.gate.comparison import Comparison
from gdbench.gate.verdicts import VERDICTS
from gdbench.reports import text
from gdbench.reports.templates import template
from gdbench.reports.verdicts import table
from gdbench.reports.verdicts.words import counts, headline, margins, metric_name, of_base, ratio, reason, value, why

WIDTH, HEIGHT, EDGE = 180, 18, 6  # pixels of an interval's picture
LEAST, MOST = math.log(1.1), math.log(4.0)  # bounds on how far from 1 the axis goes, as log-ratios
FACTS = ("name", "suite", "state", "commit", "code", "created", "cpu", "machine")


def page(comparison: Comparison) -> str:
    """The page as HTML; it needs no other file and makes no request."""
    found = comparison.findings
    reach = _reach(found)
    metrics = [_metric(row, reach) for row in found.to_dict("records")]
    return template("verdicts/page.html").render(
        verdict=comparison.verdict,
        headline=headline(comparison),
        meaning=VERDICTS[comparison.verdict] if len(found) else "",
        margins=margins(comparison),
        sentences=[*comparison.notes, *table.blind(comparison), *table.explained(found), *table.unseen(comparison)],
        flagged=[metric for metric in metrics if metric["verdict"] != "unchanged"],
        unchanged=[metric for metric in metrics if metric["verdict"] == "unchanged"],
        counts={verdict: count for verdict, count in counts(comparison).items() if count},
        reasons={code: reason(code) for code in dict.fromkeys(found["reason"])},
        facts=[(name, *(_fact(side.get(name)) for side in (comparison.base, comparison.head))) for name in FACTS],
        axis=[text.number(math.exp(-reach)), text.number(math.exp(reach))],
    )


def _fact(fact: Any) -> str:
    return "–" if fact is None else str(fact)


def _metric(row: Mapping[Any, Any], reach: float) -> dict[str, Any]:
    """A metric's cells as text, and its picture as numbers."""
    return {
        "verdict": row["verdict"],
        "name": metric_name(row),
        "family": row["family"],
        "base": value(row, "base"),
        "head": value(row, "head"),
        "ratio": "" if pd.isna(row["ratio"]) else ratio(row),
        "reason": row["reason"],
        "why": why({**row, "ratio": math.nan}),  # the ratio has a column of its own
        "plot": _plot(row, reach),
    }


def _reach(found: pd.DataFrame) -> float:
    """How far from 1 the widest interval goes, within bounds; all metrics share one axis."""
    numbers = found[["ratio", "low", "high"]].astype(float).to_numpy().ravel()
    sizes = [abs(math.log(number)) for number in numbers if 0 < number < math.inf]
    sizes += [2 * math.log1p(margin) for margin in found["margin"].astype(float).dropna()]
    return min(max([LEAST, *sizes]), MOST)


def _plot(row: Mapping[Any, Any], reach: float) -> dict[str, float] | None:
    """The positions of margin, interval and ratio in the picture, on a log scale and cut at its ends."""
    ratio, low, high = of_base(row)
    if math.isnan(ratio):
        return None

    def place(number: float) -> float:
        log = math.log(number) if 0 < number < math.inf else math.copysign(math.inf, number - 1)
        return round(EDGE + (WIDTH - 2 * EDGE) * (1 + min(max(log / reach, -1.0), 1.0)) / 2, 1)

    drawn = {"one": place(1.0), "ratio": place(ratio)}
    if not pd.isna(low):
        drawn |= {"low": place(low), "high": place(high)}
    if not pd.isna(row["margin"]):
        drawn |= {"near": place(1 / (1 + row["margin"])), "far": place(1 + row["margin"])}
    return drawn
