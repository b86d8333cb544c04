"""The words that every form of a comparison shares: names, numbers, reasons and the headline."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from gdbench.gate.comparison import PEAK, UNITS, Comparison
from gdbench.gate.measures import kind
from gdbench.gate.verdicts import REASONS, VERDICTS
from gdbench.inputs.visible import visible
from gdbench.reports import text

GRAVE = ("regressed", "failed", "missing")  # verdicts that fail a check
# In a name: the separators of a metric's own name, and spaces that are hard to see.
_MISTAKABLE = re.compile(r'[,:"]|(?<!\S)(of|on)(?!\S)|^\s|\s$|\s\s|[^\S ]')
NOTHING = "nothing was compared: base and head have no metric in common"


def metric_name(row: Mapping[Any, Any]) -> str:
    """One metric's name: the same in every run, different from every other's, printable and on one line.

    >>> metric_name({"metric": "step", "rule": "adam", "problem": "iris", "batch_size": 16.0, "dtype": "float32"})
    'step of adam on iris, batch 16, float32'
    """
    given = {name: row[name] for name in ("rule", "problem", "batch_size", "dtype") if has(row[name])}
    return (
        str(row["metric"])
        + (f" of {label(given['rule'])}" if "rule" in given else "")
        + (f" on {label(given['problem'])}" if "problem" in given else "")
        + (f", batch {given['batch_size']:.0f}" if "batch_size" in given else "")
        + (f", {given['dtype']}" if "dtype" in given else "")
    )


def has(name: Any) -> bool:
    """Whether a part of a metric's name is there: a missing one, such as a kernel's rule, is NaN, empty or 0."""
    return bool(name) and not pd.isna(name)


def label(name: object) -> str:
    r"""A user's own name as it is, but in quotes if it could be taken for something else.

    >>> print(label("größe eins"), label("a, b\n"))
    größe eins "a, b\n"
    """
    name = str(name)
    plain = name and name == visible(name) and not _MISTAKABLE.search(name)
    return name if plain else visible(json.dumps(name, ensure_ascii=False))


def of_base(row: Mapping[Any, Any]) -> tuple[float, float, float]:
    """Head as a multiple of base, and the bounds of its interval. (`ratio` is above 1 where head is worse.)

    >>> of_base({"metric": "success", "ratio": 2.0, "low": math.nan, "high": math.nan})
    (0.5, nan, nan)
    """
    middle, low, high = (float(row[name]) for name in ("ratio", "low", "high"))
    if kind(str(row["metric"])) != "success":
        return middle, low, high
    middle, low, high = (math.inf if each == 0 else 1 / each for each in (middle, high, low))
    return middle, low, high


def ratio(row: Mapping[Any, Any], digits: int = 4) -> str:
    """Head as a multiple of base, with its interval if it has one."""
    return text.bounded(lambda value: text.number(value, digits), *of_base(row))


def value(row: Mapping[Any, Any], side: str) -> str:
    """A metric's value in `base` or `head`, in its unit."""
    if row["unit"] == UNITS["success"]:
        return text.percent(row[side], 0)
    if row["unit"] == "s":
        return text.seconds(row[side])
    if row["unit"] == PEAK:
        return f"{text.number(row[side])} × peak"
    whole = row["unit"] == UNITS["steps_to_target"] or row["family"] == "count"
    return text.steps(row[side]) if whole else text.number(row[side], 4)


def why(row: Mapping[Any, Any]) -> str:
    """The reason for a verdict in words, with the numbers behind it."""
    numbers = [
        f"{ratio(row)} of base" if not pd.isna(row["ratio"]) else "",
        f"margin {text.percent(row['margin'], 0)}" if not pd.isna(row["margin"]) else "",
        f"q = {text.number(row['q'], 2)}" if not pd.isna(row["q"]) else "",
        str(row["detail"]) if not pd.isna(row["detail"]) else "",
    ]
    return "; ".join([reason(row["reason"]), *filter(None, numbers)])


def reason(code: str) -> str:
    """A reason's code in words."""
    return REASONS.get(code, code)


def counts(comparison: Comparison) -> dict[str, int]:
    """How many metrics have each verdict, the gravest first."""
    found = comparison.findings["verdict"].value_counts()
    return {verdict: int(found.get(verdict, 0)) for verdict in VERDICTS}


def headline(comparison: Comparison) -> str:
    """The gravest verdict, and how many metrics have each verdict.

    `regressed: 2 of 145 metrics; changed: 3, unchanged: 140`
    """
    found = comparison.findings
    if not len(found):
        return f"{comparison.verdict}: {NOTHING}"
    first, *others = [(verdict, count) for verdict, count in counts(comparison).items() if count]
    rest = ", ".join(f"{verdict}: {count}" for verdict, count in others)
    return f"{first[0]}: {first[1]} of {plural(len(found), 'metric')}" + (f"; {rest}" if rest else "")


def touched(comparison: Comparison) -> list[str]:
    """The rules with a metric that is neither unchanged nor inconclusive, which may be noise alone."""
    found = comparison.findings
    moved = found[~found["verdict"].isin(["unchanged", "inconclusive"])]
    return [str(rule) for rule in dict.fromkeys(moved["rule"]) if has(rule)]


def margins(comparison: Comparison) -> str:
    """The margins within which head may differ, and the rate of false discoveries."""
    words = f"margin {percent(comparison.margin)}"
    for family, margin in comparison.findings.groupby("family", sort=False)["margin"].max().dropna().items():
        if margin != comparison.margin:
            words += f", of {family} {percent(margin)}"
    return f"{words}; false discovery rate {percent(comparison.level)} of each family"


def percent(share: float) -> str:
    """A share that a user chose, as a percentage with all its digits.

    >>> percent(0.03), percent(0.125)
    ('3 %', '12.5 %')
    """
    return f"{text.number(100 * share, 4)} %"


def side(facts: Mapping[str, Any]) -> str:
    """A side in a line: its name, suite, commit, time and processor."""
    commit = str(facts.get("commit") or "")[:12]
    parts = [
        str(facts["name"]) + (f" of {label(facts['suite'])}" if facts.get("suite") else ""),
        f"commit {commit}" + (" with uncommitted changes" if facts.get("dirty") else "") if commit else "",
        str(facts.get("created") or ""),
        str(facts.get("cpu") or ""),
        f"{facts['state']}, not complete" if facts.get("state", "complete") != "complete" else "",
    ]
    return ", ".join(filter(None, parts))


def plural(count: int, noun: str) -> str:
    """A count with its noun: `1 metric`, `2 metrics`."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def listed(names: list[str], most: int, between: str = ", ") -> str:
    """Names in a row; those beyond `most` are counted."""
    more = len(names) - most
    return between.join(names[:most]) + (f" and {more} more" if more > 0 else "")
