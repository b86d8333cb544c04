"""The map of learning rates and batch sizes: for each advised rule, what every setting of its grid cost.

for found in rate_maps(run, "epochs"):
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
from gdbench.stats.soonest import PerStep
from gdbench.stats.timings import step_costs

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


def rate_maps(results: Results, unit: str | None = None) -> list[RateMap]:
    """The maps of the first problem's advised rules, at most two; none for a grid of a single setting.

    unit: as for `judgement`. In seconds, a step of another learning rate costs what the timed one does.
    """
    found = judgement(results, unit)
    if found.rules.empty:
        return []
    problem = found.rules["problem"].iloc[0]
    first = found.rules[(found.rules["problem"] == problem) & (found.rules["group"] == 1)].head(MOST)
    own = tuning(results.trials)
    own = own[own["problem"] == problem]
    timed = step_costs(results.timings, results.subjects) if found.unit == "time" else {}
    per_step = PerStep(found.unit, timed, epochs_a_step(results.trials))
    words = f" on {problem}" if results.trials["problem"].nunique() > 1 else ""
    maps = [_map(own[own["rule"] == row.rule], row, per_step, words, results) for row in first.itertuples()]
    return [each for each in maps if each is not None]


def _map(own: pd.DataFrame, chosen: Any, per_step: PerStep, where: str, results: Results) -> RateMap | None:
    goal = target(results)
    if goal is None:
        cost, what = final_loss(own), "final loss"
    else:
        a_step = [per_step(row) for row in own.itertuples()]
        cost, what = times(censored_steps(own), a_step), "seconds" if per_step.unit == "time" else chosen.unit
        if chosen.unit == "steps":  # a function has no epochs
            cost = censored_steps(own)
    cells = own.assign(cost=np.asarray(cost)).groupby(["batch_size", "lr", "setting"])["cost"].median()
    table = cells.groupby(level=[0, 1]).min().unstack()
    if table.size < 2:
        return None
    finite = table.to_numpy()[np.isfinite(table.to_numpy())]
    scale = math.log if finite.size and finite.min() > 0 else float
    low, high = (scale(finite.min()), scale(finite.max())) if finite.size else (0.0, 0.0)
    rows, batched = [], has_batches(own)
    for batch, line in table.iterrows():
        shares = [(scale(value) - low) / (high - low) if low < high and math.isfinite(value) else 0.0 for value in line]
        fields = [_field(value, share, goal is not None) for value, share in zip(line, shares, strict=True)]
        marked = (batch == chosen.batch_size) & np.isclose(table.columns, chosen.lr)
        fields = [field._replace(chosen=bool(mark)) for field, mark in zip(fields, marked, strict=True)]
        rows.append((str(batch) if batched else "", fields))
    title = f"{chosen.rule}{where}: {what} by learning rate{' and batch size' if batched else ''}"
    return RateMap(title, "batch" if batched else "", [text.number(rate, 2) for rate in table.columns], rows)


def _field(value: float, share: float, reaches: bool) -> Field:
    if math.isnan(value):
        return Field("", -1, False)
    if math.isinf(value):
        return Field("never" if reaches else "diverged", -1, False)
    return Field(text.number(value, 2), round(SHADES * share), False)
