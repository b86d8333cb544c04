"""Whether a timing can be trusted, so that its seconds may be shown as facts.

    found = trust(run.timings, run.subjects, before)
    found.trusted, found.reasons

A busy machine makes steps look slower, each by a different factor, and the references too. So the references must agree
over the faster half of the rounds, from which costs are taken, and with earlier sessions on this machine; and no step
may look impossible.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gdbench.stats.timings import POSSIBLE, REFERENCES, faster_half, roofline

AGREEMENT = 0.10  # by which references may differ, over the faster half of the rounds and from earlier sessions
ROUNDS = 5  # at least
FAST = 0.10  # the share of a round's samples whose slowest counts: others were disturbed
DAYS, SESSIONS = 90, 10  # earlier sessions that count, and how many of the best of them
CLEARLY = 1.25  # times cheaper than what does strictly less: beyond any noise of a quiet machine
MORE = 5 / 3 - 1e-9  # times the bytes of an update without slots, if it has one: then it does more in every respect


class Trust(NamedTuple):
    """reasons: why the timing is not trusted, in sentences; none if it is. notes: what a reader should know anyway."""

    reasons: list[str]
    notes: list[str]

    @property
    def trusted(self) -> bool:
        """Whether seconds may be shown as facts."""
        return not self.reasons


def trust(timings: pd.DataFrame, subjects: pd.DataFrame, before: Mapping[str, list[float]] | None = None) -> Trust:
    """Judge a timing.

    timings, subjects: of a run. before: for each reference, its cost in earlier sessions on the same machine with the
    same versions, at most `DAYS` days ago (`reference_costs`).
    """
    timings, subjects = _of_one_job(timings, subjects)
    if timings.empty:
        return Trust(["no step was timed"], [])
    found = roofline(timings, subjects)
    reasons = [*_rounds(timings), *_moved(timings, subjects), *_slower(timings, subjects, before or {})]
    reasons += [*_impossible(found), *_backwards(found)]
    notes = [] if before else ["no earlier timing on this machine confirms this one"]
    return Trust(reasons, notes)


def reference_costs(timings: pd.DataFrame, subjects: pd.DataFrame) -> dict[str, float]:
    """Seconds per FLOP or byte of each reference: of the rounds' fastest tenths, the median of the `faster_half`."""
    timings, subjects = _of_one_job(timings, subjects)
    return {str(name): float(np.median(faster_half(own))) for name, own in _fast(timings, subjects).items()}


def _of_one_job(timings: pd.DataFrame, subjects: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the seconds of a ranking rest on: threads side by side are timed to show what they gain."""
    own = subjects[subjects["jobs"] == 1]
    return timings[timings["subject"].isin(own["subject"])], own


def _fast(timings: pd.DataFrame, subjects: pd.DataFrame) -> dict[Any, "pd.Series[float]"]:
    """For each reference, the fastest tenth of each round's samples, as seconds per FLOP or byte."""
    own = subjects[subjects["part"].isin(REFERENCES)]
    work = own["flops"].fillna(own["bytes"]).set_axis(own["subject"])
    mine = timings[timings["subject"].isin(own["subject"])]
    costs = (
        (mine["seconds"] / mine["steps"] / mine["subject"].map(work).astype(float))
        .groupby([mine["subject"], mine["round"]])
        .quantile(FAST)
        .dropna()  # a reference without known work says nothing
    )
    return {name: own.droplevel(0) for name, own in costs.groupby(level=0)}


def _rounds(timings: pd.DataFrame) -> list[str]:
    rounds = timings["round"].nunique()
    return [] if rounds >= ROUNDS else [f"there were {rounds} rounds of measurements, and {ROUNDS} are needed"]


def _moved(timings: pd.DataFrame, subjects: pd.DataFrame) -> list[str]:
    spread = {name: faster_half(own)[-1] / own.min() - 1.0 for name, own in _fast(timings, subjects).items()}
    if not spread:
        return ["no reference was timed beside the steps"]
    worst = max(spread, key=lambda name: spread[name])
    if spread[worst] <= AGREEMENT:
        return []
    longer = f"{100 * spread[worst]:.0f} %"
    return [f"the machine was busy: in half of the rounds {worst} took at least {longer} longer than in the fastest"]


def _slower(timings: pd.DataFrame, subjects: pd.DataFrame, before: Mapping[str, list[float]]) -> list[str]:
    now, slow = reference_costs(timings, subjects), {}
    for name, costs in before.items():
        if name in now and costs:
            usual = float(np.median(sorted(costs)[:SESSIONS]))
            slow[name] = now[name] / usual - 1.0
    worst = max(slow, key=lambda name: slow[name], default=None)
    if worst is None or slow[worst] <= AGREEMENT:
        return []
    return [
        f"the machine was slower than before: {worst} took {100 * slow[worst]:.0f} % longer than in its best sessions"
    ]


def _impossible(found: pd.DataFrame) -> list[str]:
    below = found[found["ratio"] < POSSIBLE]
    if below.empty:
        return []
    return [f"{len(below)} of {len(found)} subjects came out faster than this machine can compute"]


def _backwards(found: pd.DataFrame) -> list[str]:
    """Steps that do strictly more, and cost clearly less: a larger batch of one rule, or a rule with more slots."""
    steps = found[(found["part"] == "step") & found["flops"].notna() & (found["jobs"] == 1)]
    for (problem, dtype), own in steps.groupby(["problem", "dtype"]):
        for less in own.itertuples():
            more = own[(own["flops"] >= less.flops) & (own["bytes"] >= less.bytes)]
            larger = (more["flops"] > less.flops) & (more["rule"] == less.rule)
            more = more[larger | (more["bytes"] >= MORE * less.bytes)]
            cheaper = more[more["high"].fillna(more["median"]) * CLEARLY < less.median]
            for other in cheaper.itertuples():
                return [
                    f"{problem}, {dtype}: a step of {other.rule} at batch {other.batch_size:.0f} came out cheaper than "
                    f"one of {less.rule} at batch {less.batch_size:.0f}, which does less"
                ]
    return []
