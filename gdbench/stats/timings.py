"""Costs from raw timing samples: the minimum of a visit, the median over rounds, ratios within rounds."""

import pandas as pd

from gdbench.stats.intervals import summarise


def visits(timings: pd.DataFrame) -> pd.DataFrame:
    """`subject`, `round` and `cost`, the seconds a step of the fastest sample of each visit.

    timings: a row a sample, with `subject, round, seconds, steps` (Run.timings).
    """
    costs = timings.assign(cost=timings["seconds"] / timings["steps"])
    return costs.groupby(["subject", "round"], sort=True)["cost"].min().reset_index()


def costs(timings: pd.DataFrame) -> pd.DataFrame:
    """Seconds a step of each subject: `median` over rounds and the bounds `low`, `high` of its bootstrap interval."""
    return summarise(visits(timings), ["subject"], "cost")


def ratios(timings: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Each subject's cost over that of `reference` in the same round: `median`, `low` and `high` over rounds."""
    wide = visits(timings).pivot(index="round", columns="subject", values="cost")
    compared = wide.div(wide[reference], axis=0).melt(value_name="ratio", ignore_index=False).reset_index()
    return summarise(compared, ["subject"], "ratio")
