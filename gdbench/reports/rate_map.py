"""The map of learning rates and batch sizes: for each advised rule, what every setting of its grid cost.

for found in rate_maps(run):
    print(found.title, found.rates, found.rows)
"""

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gdbench.reports import text
from gdbench.reports.judgement import judgement
from gdbench.reports.results import Results, has_batches, target
from gdbench.stats import censored_steps, epochs_a_step, final_loss, tuning
from gdbench.stats.censored import times

MOST = 2  # rules that have a map
SHADES = 9  # of a cell, from the best to the worst


class Field(NamedTuple):
    """A cell: its words, its shade from 0 (the least cost) to 9 (the most), -1 for none, and whether it was chosen."""

    words: str
    shade: int
    chosen: bool


class RateMap(NamedTuple):
    """A table: learning rates across, batch sizes down. batch: what the first column is called, if it is shown."""

    title: str
    batch: str
    rates: list[str]
    rows: list[tuple[str, list[Field]]]


def rate_maps(results: Results) -> list[RateMap]:
    """The maps of the first problem's advised rules, at most two; none for a grid of a single setting."""
    found = judgement(results)
    if found.rules.empty:
        return []
    problem = found.rules["problem"].iloc[0]
    first = found.rules[(found.rules["problem"] == problem) & (found.rules["group"] == 1)].head(MOST)
    own = tuning(results.trials)
    maps = (
        _map(own[(own["problem"] == problem) & (own["rule"] == row.rule)], row, results) for row in first.itertuples()
    )
    return [each for each in maps if each is not None]


def _map(own: pd.DataFrame, chosen: Any, results: Results) -> RateMap | None:
    goal = target(results)
    if goal is None:
        cost, what = final_loss(own), "final loss"
    else:
        a_step = epochs_a_step(results.trials)
        each = [a_step.get((row.problem, row.batch_size), math.nan) for row in own.itertuples()]
        cost, what = times(censored_steps(own), each), "epochs"
        if not np.isfinite(each).all() or (own["batch_size"] == 1).all():
            cost, what = censored_steps(own), "steps"
    cells = own.assign(cost=np.asarray(cost)).groupby(["batch_size", "lr", "setting"])["cost"].median()
    table = cells.groupby(level=[0, 1]).min().unstack()
    if table.size < 2:
        return None
    finite = table.to_numpy()[np.isfinite(table.to_numpy()) & (table.to_numpy() > 0)]
    low, high = (math.log(finite.min()), math.log(finite.max())) if finite.size else (0.0, 0.0)
    rows, batched = [], has_batches(own)
    for batch, line in table.iterrows():
        fields = [_field(value, low, high, goal is not None) for value in line]
        marked = (batch == chosen.batch_size) & np.isclose(table.columns, chosen.lr)
        fields = [field._replace(chosen=bool(mark)) for field, mark in zip(fields, marked, strict=True)]
        rows.append((str(batch) if batched else "", fields))
    title = f"{chosen.rule}: {what} by learning rate{' and batch size' if batched else ''}"
    return RateMap(title, "batch" if batched else "", [text.number(rate, 2) for rate in table.columns], rows)


def _field(value: float, low: float, high: float, reaches: bool) -> Field:
    if math.isnan(value):
        return Field("", -1, False)
    if math.isinf(value):
        return Field("never" if reaches else "diverged", -1, False)
    share = (math.log(value) - low) / (high - low) if value > 0 and high > low else 0.0
    return Field(text.number(value, 2), round(SHADES * share), False)
