"""Compare head with itself: how many false alarms this gate raises here and now, and which slow-down it would find.

    found = selfcheck(place, Workload("quick"), gates=5)
    found.false_alarms, found.smallest

Both sides are the same, so every alarm is false. A slow-down would multiply every ratio of a metric by one factor. So
the same data show how large it must be to be found: then the intervals of both measurements (gdbench/ab/costs.py) lie
above the margin.
"""

from typing import NamedTuple

import pandas as pd

from gdbench.ab import costs
from gdbench.ab.comparison import cost_rows, measured_twice
from gdbench.ab.costs import Taken, Watch, Workload
from gdbench.ab.places import Checkout
from gdbench.gate.comparison import MARGIN, judge
from gdbench.gate.measures import GROUP, metric_of
from gdbench.gate.pairing import LEVEL
from gdbench.stats.paired import POWER, clustered

NAMED = ["metric", *GROUP]


class SelfCheck(NamedTuple):
    """The results of gates of a place with itself.

    metrics: a row per metric and gate: `gate, metric, problem, rule, batch_size, dtype, verdict, ratio, low, high`, and
    `needed`, the least slow-down that would have been found, as a ratio. margin, level: of the gates.
    """

    metrics: pd.DataFrame
    margin: float
    level: float

    @property
    def gates(self) -> int:
        """The number of gates."""
        return int(self.metrics["gate"].nunique())

    @property
    def false_alarms(self) -> int:
        """How many metrics, over all gates, were called regressed or improved."""
        return int(self.metrics["verdict"].isin(["regressed", "improved"]).sum())

    @property
    def alarmed(self) -> int:
        """How many gates called a metric regressed."""
        return int(self.metrics.loc[self.metrics["verdict"] == "regressed", "gate"].nunique())

    @property
    def smallest(self) -> float:
        """The smallest slow-down, as a ratio, that is found four times in five, over all metrics."""
        return float(self.metrics["needed"].quantile(POWER, interpolation="higher"))

    def by_metric(self) -> pd.DataFrame:
        """A frame with a row per metric: `alarms` and `smallest`, as `false_alarms` and `smallest` count them."""
        groups = self.metrics.groupby(NAMED, sort=False, dropna=False)
        found = groups["needed"].quantile(POWER, interpolation="higher").rename("smallest")
        alarms = groups["verdict"].agg(lambda verdicts: verdicts.isin(["regressed", "improved"]).sum()).rename("alarms")
        return pd.concat([alarms, found], axis=1).reset_index()


def selfcheck(
    place: Checkout,
    workload: Workload,
    *,
    gates: int,
    margin: float = MARGIN,
    level: float = LEVEL,
    watch: Watch = lambda text: None,
) -> SelfCheck:
    """Run so many gates of a place with itself, each of which measures everything twice.

    watch: called with a line of progress. Raises SideError if the place cannot run the suite.
    """
    found = []
    for gate in range(gates):

        def watch_gate(text: str, number: int = gate + 1) -> None:
            watch(f"gate {number} of {gates}, {text}")

        first, again = measured_twice((place, place), workload, margin, level, watch_gate, everything=True)
        verdicts = judge(cost_rows(first, again, margin, level), level)
        needed = _needed(first, again, margin, level)
        found.append(verdicts.merge(needed, on=NAMED, how="left").assign(gate=gate))
    columns = ["gate", *NAMED, "verdict", "ratio", "low", "high", "needed"]
    return SelfCheck(pd.concat(found, ignore_index=True)[columns], margin, level)


def _needed(first: Taken, again: Taken, margin: float, level: float) -> pd.DataFrame:
    """By metric, the slow-down, as a ratio, that moves the lower bounds of both measurements to the margin."""
    bounds = [
        {
            name: clustered(rows["ratio"].to_numpy(), rows["pair"].to_numpy(), 0.0, 1 - level).low
            for name, rows in costs.ratios(taken.samples).items()
        }
        for taken in (first, again)
    ]
    facts = [fact for fact in first.subjects[0].to_dict("records") if fact["subject"] in bounds[0]]
    return pd.DataFrame(
        {
            "metric": metric_of(fact),
            **{name: fact[name] for name in GROUP},
            "needed": (1 + margin) / min(low[fact["subject"]] for low in bounds),
        }
        for fact in facts
    )
