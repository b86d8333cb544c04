"""Costs from raw timing samples: the minimum of a visit, the median over rounds, ratios within rounds.

`timings` has a row per sample, with `subject, round, seconds, steps` (Run.timings). `subjects` has a row per subject,
with its facts (Run.subjects; see gdbench/timing/subjects.py).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from gdbench.stats.intervals import bootstrap_ratio, summarise

REFERENCES = ("peak", "triad")
BESIDE = (*REFERENCES, "shuffle")  # what is timed beside the steps
POSSIBLE = 0.98  # of a floor: a cost below it is impossible, up to the error of the references
MOVED = 0.10  # if a reference's slowest round exceeds its median by this share, the machine changed meanwhile


def visits(timings: pd.DataFrame, names: Sequence[str] = ("subject", "round")) -> pd.DataFrame:
    """`cost`, the seconds per step of the fastest sample of each visit, beside the columns that name the visit."""
    costs = timings.assign(cost=timings["seconds"] / timings["steps"])
    return costs.groupby(list(names), sort=True)["cost"].min().reset_index()


def costs(timings: pd.DataFrame) -> pd.DataFrame:
    """Seconds per step of each subject: `median` over rounds, with the bounds `low`, `high` of its interval."""
    return summarise(visits(timings), ["subject"], "cost")


def faster_half(costs: ArrayLike) -> np.ndarray:
    """The lower half of the costs of a subject, one per round: what all rules are compared by.

    A clock that falls for a moment, or another process, only ever makes a visit slower. Where this happens in a third
    of the rounds, a median of all of them may lie on either side; that of the faster half does not.

    >>> faster_half([1.0, 1.18, 1.01, 1.18, 1.0])
    array([1.  , 1.  , 1.01])
    """
    found = np.sort(np.asarray(costs, np.float64))
    return found[: -(-found.size // 2)]


def step_costs(timings: pd.DataFrame, subjects: pd.DataFrame) -> dict[tuple[str, str, int], np.ndarray]:
    """Seconds per whole step of one job in its `faster_half` of the rounds, by problem, rule and batch size.

    A step's share of its epoch's permutation is part of it, where that was timed (`shuffle`).
    """
    alone = subjects[subjects["jobs"] == 1]
    seen = {subject: faster_half(group["cost"]) for subject, group in visits(timings).groupby("subject")}
    shuffles = {
        (row["problem"], row["batch_size"], row["dtype"]): float(np.median(seen[row["subject"]]))
        for row in alone[alone["part"] == "shuffle"].to_dict("records")
        if row["subject"] in seen
    }
    return {
        (row["problem"], row["rule"], int(row["batch_size"])): seen[row["subject"]]
        + shuffles.get((row["problem"], row["batch_size"], row["dtype"]), 0.0)
        for row in alone[alone["part"] == "step"].to_dict("records")
        if row["subject"] in seen
    }


def ratios(timings: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Each subject's cost over that of `reference` in the same round: `median`, `low` and `high` over rounds."""
    wide = _wide(timings)
    return _over_rounds(wide.div(wide[reference], axis=0))


def relative_costs(timings: pd.DataFrame, subjects: pd.DataFrame) -> pd.DataFrame:
    """`subject, cost, relative` of each subject that is timed beside the peak of its dtype with as many jobs.

    cost: seconds per step, median over rounds. relative: the median of cost over the peak's cost in the same round,
    which a machine that is faster or slower as a whole does not change.
    """
    relative = over_peak(timings, subjects)
    found = pd.DataFrame({"cost": _wide(timings)[relative.columns].median(), "relative": relative.median()})
    return found.rename_axis("subject").reset_index()


def over_peak(timings: pd.DataFrame, subjects: pd.DataFrame) -> pd.DataFrame:
    """The cost of each visit over the cost of the peak of the same dtype, with as many jobs, in the same round.

    A row per round, a column per subject that has such a peak.
    """
    wide = _wide(timings)
    peaks = subjects[subjects["part"] == "peak"].set_index(["dtype", "jobs"])["subject"].to_dict()
    pairs = {row["subject"]: peaks.get((row["dtype"], row["jobs"])) for row in subjects.to_dict("records")}
    found = {
        subject: wide[subject] / wide[peak]
        for subject, peak in pairs.items()
        if subject in wide and peak in wide and subject != peak
    }
    return pd.DataFrame(found, index=wide.index)


def compare(base: pd.DataFrame, head: pd.DataFrame, reference: str) -> pd.DataFrame:
    """`ratio, low, high` of each subject in both timings: its cost in `head` as a multiple of its cost in `base`.

    Costs are relative to `reference` in the same round, so that a machine that was faster or slower as a whole does not
    count. The interval is a bootstrap over the rounds of each timing (`bootstrap_ratio`).
    """
    wide = [costs.div(costs[reference], axis=0) for costs in (_wide(base), _wide(head))]
    rows = [
        (subject, *bootstrap_ratio(wide[1][subject].dropna().to_numpy(), wide[0][subject].dropna().to_numpy()))
        for subject in wide[0].columns.intersection(wide[1].columns)
        if subject != reference
    ]
    return pd.DataFrame(rows, columns=["subject", "ratio", "low", "high"])


def roofline(timings: pd.DataFrame, subjects: pd.DataFrame) -> pd.DataFrame:
    """Each subject's facts and cost (`median`, `low`, `high`, seconds per step), beside what the machine allows.

    `floor`: the seconds of its flops at the peak of its dtype, plus the seconds of its bytes at the triad's speed in
    its level of memory; both with as many jobs, at the greatest speed of all rounds. `ratio`, `ratio_low`,
    `ratio_high`: cost over floor, over rounds. NaN if a subject has neither flops nor bytes, or its reference was not
    measured. A reference has no floor.
    """
    wide = _wide(timings)
    floors = pd.Series(
        {row["subject"]: _floor(row, subjects, wide) for row in subjects.to_dict("records")}, dtype=float
    )
    floors = floors.reindex(wide.columns)
    compared = _over_rounds(wide / floors).rename(columns={"median": "ratio", "low": "ratio_low", "high": "ratio_high"})
    middle = floors.rename("floor").rename_axis("subject").reset_index()
    known = subjects.merge(costs(timings), on="subject", how="left")
    return known.merge(middle, on="subject", how="left").merge(compared, on="subject", how="left")


def held_bytes(moved: float, parameters: float, itemsize: int) -> float:
    """Bytes of the arrays of an update that moves `moved` bytes (gdbench/timing/work.py): what a cache must hold.

    Parameters, gradient and slots are 2 + slots arrays. All are read and all but the gradient are written: 3 + 2 slots.

    >>> held_bytes(2800.0, parameters=100, itemsize=4)
    1600.0
    """
    return (moved + parameters * itemsize) / 2


def spreads(timings: pd.DataFrame, subjects: pd.DataFrame) -> pd.DataFrame:
    """`subject` and `spread` of each reference: by which share of the median its slowest round exceeds the median."""
    references = subjects.loc[subjects["part"].isin(REFERENCES), "subject"]
    seen = visits(timings)
    groups = seen[seen["subject"].isin(references)].groupby("subject")["cost"]
    return (groups.max() / groups.median() - 1.0).rename("spread").reset_index()


def _wide(timings: pd.DataFrame) -> pd.DataFrame:
    """The cost of each visit: a row per round, a column per subject."""
    return visits(timings).pivot(index="round", columns="subject", values="cost")


def _over_rounds(wide: pd.DataFrame) -> pd.DataFrame:
    return summarise(wide.melt(value_name="ratio", ignore_index=False).reset_index(), ["subject"], "ratio")


def _floor(row: Mapping[Any, Any], subjects: pd.DataFrame, wide: pd.DataFrame) -> float:
    """The floor of one subject: no machine is faster than the greatest speed that it showed."""
    if row["part"] in REFERENCES or (pd.isna(row["flops"]) and pd.isna(row["bytes"])):
        return math.nan
    total = 0.0
    for amount, part, at in (("flops", "peak", "dtype"), ("bytes", "triad", "memory")):
        if pd.notna(row[amount]) and pd.notna(row[at]):
            same = (subjects["part"] == part) & (subjects[at] == row[at]) & (subjects["jobs"] == row["jobs"])
            others = (other for other in subjects[same].to_dict("records") if other["subject"] in wide)
            speeds = [wide[other["subject"]].min() / other[amount] for other in others]
            total += row[amount] * (speeds[0] if speeds else math.nan)
    return total
