"""Performance profile: on which share of problems, batch sizes and seeds is a rule within a factor of the best?

from gdbench.reports.figures import profile
profile.figure(run), profile.table(run)
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import PercentFormatter

from gdbench.reports import text
from gdbench.reports.figure import Figure
from gdbench.reports.lines import line_options, plain_ticks, share_legend
from gdbench.reports.marks import mark
from gdbench.reports.names import short, write
from gdbench.reports.results import Results, bracketed, has_batches, once, target
from gdbench.reports.style import order, panels, style
from gdbench.stats import censored_steps, reported
from gdbench.stats.profiles import bands, profile, ratios

CASE = ["problem", "batch_size", "seed"]
REFERENCE = "sgd"
POINTS = 200  # points of a line; up to so many steps, every one is drawn
BANDED = 6  # with more rules, bands would cover one another
FACTORS = (1.0, 2.0, 4.0)


def caption(results: Results) -> str:
    """Explains the lines."""
    times = _times(results)
    batches = has_batches(results.trials)
    words = (
        f"Over {_cases(times, batches)}, each rule at its chosen setting: the share of cases in which it reaches the "
        "target within the factor times the best rule’s steps there (Dolan and Moré). A line shows at 1 how often its "
        "rule is the best, ties included, and at the right how often it arrives at all. Cases that no rule solves "
        "count too: they keep all lines below 100 %. "
        f"Rules{', batch sizes' if batches else ''} and problems that are hidden still count."
    )
    reference = _reference(times)
    return (
        f"{words} Second panel: the factor to {reference}, which does not depend on the other rules; left of 1 is "
        f"sooner than {reference}. {'Bands' if times.shape[1] <= BANDED else 'Intervals in the table'} are 95 % "
        f"bootstrap intervals over the seeds of these problems{' and batch sizes' if batches else ''}."
    )


def figure(results: Results) -> Drawing | None:
    """Shares by factor, to the best rule and to a reference; None with one rule, or if no rule arrives.

    None too where crossings are known to brackets alone (results/retarget.py): these would decide who is the best.
    """
    times = _times(results)
    if bracketed(results) or times.shape[1] < 2 or not np.isfinite(times).any(axis=None):
        return None
    reference = _reference(times)
    rules = order(times.columns)
    with style():
        drawing, axes = panels(2, width=5.4, height=3.6)
        for ax, base in zip(axes, (None, reference), strict=True):
            _draw(ax, _lines(times, base), rules)
            names = (base, short([base])[base]) if base else ("the best rule",) * 2
            write(ax.xaxis.label, *(f"steps to target, as a multiple of {name}’s" for name in names))
            ax.set_ylabel("share of cases")
        share_legend(drawing, axes)
    return drawing


def table(results: Results) -> list[dict[str, str]]:
    """A row for each rule: its shares at some factors, and within the reference's steps, with intervals."""
    times = _times(results)
    reference = _reference(times)
    strata = _strata(times)
    best = bands(ratios(times), strata, np.array([*FACTORS, np.inf])).set_index(["rule", "tau"])
    fixed = bands(ratios(times, reference), strata, np.array([1.0])).set_index(["rule", "tau"])
    rows = []
    for rule in order(times.columns):
        cells = {"rule": rule, "cases": str(len(times))}
        for factor in FACTORS:
            name = "the best" if factor == 1 else f"within {factor:g}x of the best"
            cells[name] = _share(best.loc[(rule, factor)])
        cells["reaches the target"] = _share(best.loc[(rule, np.inf)])
        cells[f"as soon as {reference}"] = _share(fixed.loc[(rule, 1.0)])
        rows.append(cells)
    return rows


def data(results: Results) -> pd.DataFrame:
    """The points: the share of cases of each rule within each factor of the best rule, and of the reference rule."""
    times = _times(results)
    return pd.concat([_lines(times, base).assign(base=base or "best") for base in (None, _reference(times))])


def _lines(times: pd.DataFrame, base: str | None) -> pd.DataFrame:
    """`rule`, `tau`, `share`, `low`, `high`."""
    table = ratios(times, base)
    return bands(table, _strata(times), _factors(table))


@once
def _times(results: Results) -> pd.DataFrame:
    """Steps to target, at least 1: a row for each case on which every rule was tried, a column for each rule."""
    final = reported(results.trials)
    if final.empty or target(results) is None:
        return pd.DataFrame()
    final = final.assign(_steps=censored_steps(final).clip(lower=1.0))
    wide = final.pivot_table(index=CASE, columns="rule", values="_steps", aggfunc="first", sort=False)
    return wide[order(wide.columns)].dropna()


def _cases(times: pd.DataFrame, batches: bool) -> str:
    counts = {name: times.index.get_level_values(name).nunique() for name in CASE if batches or name != "batch_size"}
    parts = [f"{count} {name.replace('_', ' ')}{'' if count == 1 else 's'}" for name, count in counts.items()]
    return f"{len(times)} cases ({', '.join(parts)})"


def _reference(times: pd.DataFrame) -> str:
    return REFERENCE if REFERENCE in times else str(times.columns[0])


def _strata(times: pd.DataFrame) -> np.ndarray:
    """A number for each case, the same for all cases of a problem and batch size."""
    return np.asarray(times.groupby(["problem", "batch_size"], sort=False).ngroup())


def _draw(ax: Axes, lines: pd.DataFrame, rules: list[str]) -> None:
    for rule in rules:
        own = lines[lines["rule"] == rule]
        options = line_options(rule, rules)
        (path,) = ax.plot(own["tau"], own["share"], drawstyle="steps-post", **options)
        words = [f"within {text.number(row['tau'])}x: {_share(row)}" for row in own.to_dict("records")]
        mark(path, rule=rule, name=rule, points=zip(own["tau"], own["share"], words, strict=True))
        if len(rules) <= BANDED:
            area = ax.fill_between(
                own["tau"], own["low"], own["high"], step="post", color=options["color"], alpha=0.07, lw=0
            )
            mark(area, rule=rule)
    ax.set(xscale="log", xlim=(lines["tau"].min(), lines["tau"].max()), ylim=(-0.02, 1.02))
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    plain_ticks(ax.xaxis)


def _factors(table: pd.DataFrame) -> np.ndarray:
    """The factors at which a share rises, from 1 or below to a little beyond the greatest; about `POINTS` at most."""
    steps = np.unique(profile(table)["tau"].to_numpy(np.float64))
    steps = np.append(steps[steps > 0], 1.0)
    low, high = steps.min(), max(1.1 * steps.max(), 2.0)
    if len(steps) > POINTS:
        steps = np.append(np.geomspace(low, high, POINTS), 1.0)
    return np.unique(np.concatenate([[low if low == 1 else low / 1.1], steps, [high]]))


def _share(row: Mapping[Any, Any]) -> str:
    return text.bounded(lambda share: text.percent(share, 0), row["share"], row["low"], row["high"])


FIGURE: Figure[Results] = Figure(
    name="profile",
    title="Performance profile",
    alt="Step plots: the share of cases in which each rule takes at most a factor of the best rule's steps, by factor.",
    spans="run",
    draw=figure,
    caption=caption,
    table=table,
    data=data,
)
