"""Runs side by side: the steps, time and loss of each rule on each problem, as multiples of the first run's.

from gdbench.reports.figures import side_by_side
from gdbench.reports.together import together
results = together([run.frames, other.frames])
side_by_side.figure(results), side_by_side.table(results), list(side_by_side.answers(results))
"""

from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D

from gdbench.reports import labels, text
from gdbench.reports.figure import Figure
from gdbench.reports.lines import plain_ticks
from gdbench.reports.marks import mark
from gdbench.reports.names import INCHES, columns, laid_out, short, write
from gdbench.reports.results import Results, has_batches, once
from gdbench.reports.style import MARKERS, looks, order, style
from gdbench.stats import GROUP, Interval, bootstrap_quotient, censored_steps, final_loss, reported
from gdbench.stats.censored import times
from gdbench.stats.timings import step_costs

WRITE: Mapping[str, Callable[[float], str]] = {
    "steps to target": text.steps,
    "cost of a step": text.seconds,
    "time to target": text.seconds,
    "final loss": text.number,
}
ROW = ["problem", "plain", "batch_size"]
COLUMNS = (*ROW, "rule", "side", "lr", "shared", "equal", "quantity", "value", "base", "ratio", "low", "high")
LABEL = 1.6  # inches of room for a row's name
MOST = 60  # rows that are drawn; the table has all


def caption(results: Results) -> str:
    """Explains the points."""
    rows = len(data(results)[ROW].drop_duplicates())
    return (
        "Each rule at the setting that its run chose: medians over the reporting seeds (of a step’s cost, over rounds) "
        "as multiples of run 1’s, with 95 % bootstrap intervals; where both runs chose the same setting, seed by seed. "
        "Left of 1 is less than in run 1; an arrow at the edge: no trial of this run, or of run 1, arrived. Steps were "
        "timed at different hours, perhaps on different machines, which can matter more than these intervals say. "
        "“Same bits” counts the trials whose whole curves are equal, of those that both runs have."
        + (f" The figure shows the first {MOST} of {rows} rows." if rows > MOST else "")
    )


def figure(results: Results) -> Drawing | None:
    """A panel for each quantity; None for one run, or if no two runs share a problem, rule and batch size."""
    points = data(results)
    points = points[points["ratio"].notna()]
    if points.empty:
        return None
    rows = list(points[ROW].drop_duplicates().itertuples(index=False, name=None))[:MOST]
    names = [name for name in WRITE if (points["quantity"] == name).any()]
    with style():
        called = _called(rows, results.trials)
        room = INCHES * max(columns(cut) for _, cut in called)
        width = max(6.4, 1.6 + 3.0 * len(names)) + max(0.0, room - LABEL)
        drawing = Drawing(figsize=(width, 1.3 + 0.24 * len(rows)), layout="constrained")
        axes = drawing.subplots(1, len(names), squeeze=False, sharey=True)[0]
        for ax, name in zip(axes, names, strict=True):
            _draw(ax, points[points["quantity"] == name], rows)
            ax.set_xlabel(f"{name} (multiple of run 1’s)")
            plain_ticks(ax.xaxis)
        axes[0].set_yticks(range(len(rows)), [laid_out(cut) for _, cut in called])
        for artist, (whole, cut) in zip(axes[0].get_yticklabels(), called, strict=True):
            write(artist, whole, cut)
        axes[0].set_ylim(len(rows) - 0.5, -0.5)
        sides = sorted(points["side"].unique())
        handles = [Line2D([], [], color="0.35", marker=_marker(side), ls="", label=f"run {side}") for side in sides]
        drawing.legend(handles=handles, loc="outside right upper", frameon=False)
    return drawing


def table(results: Results) -> list[dict[str, str]]:
    """A row for each problem, rule and batch size that run 1 shares with another, with the values of each run."""
    points = data(results)
    names = [name for name in WRITE if (points["quantity"] == name).any()]
    sides = sorted(points["side"].unique())
    rows = []
    for (problem, rule, batch), own in points.groupby(ROW, sort=False):
        cells = {"problem": problem, "rule": rule} | ({"batch": str(batch)} if has_batches(results.trials) else {})
        facts = own.drop_duplicates("side").set_index("side").to_dict("index")
        for name in names:
            seen = own[own["quantity"] == name].set_index("side").to_dict("index")
            cells[f"{name}, run 1"] = WRITE[name](next((row["base"] for row in seen.values()), np.nan))
            cells |= {f"{name}, run {side}": _taken(seen.get(side), WRITE[name]) for side in sides}
        cells |= {f"same bits, run {side}": _same(facts.get(side)) for side in sides}
        cells |= {f"lr, run {side}": text.number(facts[side]["lr"]) if side in facts else text.NONE for side in sides}
        rows.append(cells)
    return rows


def answers(results: Results) -> Iterator[str]:
    """A sentence for each run but the first: the median and range of its multiples, and the trials with equal bits."""
    points = data(results)
    for side in range(2, results.trials["side"].max() + 1) if "side" in results.trials else ():
        own = points[points["side"] == side]
        if own.empty:
            yield f"run {side} beside run 1: no problem, rule and batch size that both have."
            continue
        ratios = own[own["ratio"].notna()].groupby("quantity")["ratio"]
        words = [
            f"{name} ×{text.number(ratios.median()[name])} "
            f"[{text.number(ratios.min()[name])}, {text.number(ratios.max()[name])}]"
            for name in WRITE
            if name in ratios.groups
        ]
        rows = own.drop_duplicates(ROW)
        alone = len(_groups(results, side) ^ _groups(results, 1))
        others = f" ({alone} only one of them has)" if alone else ""
        equal, shared = int(rows["equal"].sum()), int(rows["shared"].sum())
        bits = f"{equal:,} of the {shared:,} trials that both have are the same bit for bit"
        yield (
            f"run {side} beside run 1, over the {len(rows)} combinations of problem, rule and batch size that both "
            f"have{others}: {', '.join(words) or 'nothing to compare'} (median, least and greatest); "
            f"{bits if shared else 'they have no trial in common'}."
        )


def data(results: Results) -> pd.DataFrame:
    """Rows with the columns `COLUMNS`: a quantity of a problem, rule and batch size that a later run shares with run 1.

    plain: the rule; rule: its label on the page. value: the median in run `side`; base: that in run 1; ratio, low,
    high: value over base. lr: the one chosen in run `side`. shared: the number of trials that both runs have (by key);
    equal: those of them with equal digests.
    """
    return _data(results).copy()


@once
def _data(results: Results) -> pd.DataFrame:
    frame = pd.DataFrame(_compared(results) if "side" in results.trials else [], columns=list(COLUMNS))
    problems, rules = list(dict.fromkeys(results.trials["problem"])), order(frame["plain"])
    frame = frame.assign(_problem=frame["problem"].map(problems.index), _rule=frame["plain"].map(rules.index))
    frame = frame.sort_values(["_problem", "_rule", "batch_size", "side"], kind="stable", ignore_index=True)
    return frame.drop(columns=["_problem", "_rule"]).astype(dict.fromkeys(("ratio", "low", "high"), float))


def _compared(results: Results) -> Iterator[dict[str, Any]]:
    final = reported(results.trials)
    final = final.assign(_steps=censored_steps(final), _loss=final_loss(final)).sort_values("seed", kind="stable")
    groups = dict(iter(final.groupby(GROUP, sort=False)))
    costs = step_costs(results.timings, results.subjects)
    trials = results.trials.drop_duplicates([*GROUP, "key"])
    digests = {key: own.set_index("key")["digest"] for key, own in trials.groupby(GROUP, sort=False)}
    for (problem, rule, batch), now in groups.items():
        plain, side = labels.parts(rule)
        first = (problem, labels.of_run(plain, 1), batch)
        if side == 1 or first not in groups:
            continue
        both = pd.concat([digests[first], digests[problem, rule, batch]], axis=1, join="inner")
        facts = (now["lr"].iloc[0], len(both), int((both.iloc[:, 0] == both.iloc[:, 1]).sum()))
        then = groups[first]
        paired = (now["setting"].iloc[0], *now["seed"]) == (then["setting"].iloc[0], *then["seed"])
        taken, before = (
            _samples(*each, results) for each in ((now, costs.get((problem, rule, batch))), (then, costs.get(first)))
        )
        for name in (name for name in WRITE if name in taken and name in before):
            value, base = (float(reduce(times, map(np.median, side[name]))) for side in (taken, before))
            ratio = Interval(np.nan, np.nan, np.nan)
            if value >= 0 and base >= 0:
                ratio = bootstrap_quotient(taken[name], before[name], paired=paired and name != "cost of a step")
            row = (problem, plain, batch, rule, side, *facts, name, value, base, *ratio)
            yield dict(zip(COLUMNS, row, strict=True))


def _groups(results: Results, side: int) -> set[tuple[str, str, int]]:
    """The problem, rule and batch size of all trials of a run."""
    own = results.trials[results.trials["side"] == side].drop_duplicates(GROUP)
    return {(row.problem, labels.parts(row.rule)[0], row.batch_size) for row in own.itertuples()}


def _samples(own: pd.DataFrame, cost: np.ndarray | None, results: Results) -> dict[str, list[np.ndarray]]:
    """The samples of each quantity, which is the product of their medians; samples over seeds come first."""
    steps = own["_steps"].to_numpy()
    taken = {"final loss": [own["_loss"].to_numpy()]}
    if results.about["target"]:
        taken["steps to target"] = [steps]
    if cost is not None:
        taken["cost of a step"] = [cost]
    if len(taken) == 3:
        taken["time to target"] = [steps, cost]
    return taken


def _draw(ax: Axes, points: pd.DataFrame, rows: list[tuple[Any, ...]]) -> None:
    """Draw a dot with its interval for each run, those of one row a little apart; an arrow if it is off the axis."""
    look = looks(points["rule"])["palette"]
    places, most = {row: place for place, row in enumerate(rows)}, points["side"].max()
    known = points[["ratio", "low", "high"]].to_numpy(float).ravel()
    known = np.append(known[np.isfinite(known) & (known > 0)], [0.9, 1.1])
    left, right = known.min() / 1.1, known.max() * 1.1
    ax.axvline(1.0, color="0.4", lw=1, zorder=1)
    for row in points.to_dict("records"):
        setting = tuple(row[name] for name in ROW)
        if setting not in places:
            continue
        x, y = float(np.clip(row["ratio"], left, right)), places[setting] + 0.5 * (row["side"] - 1) / most - 0.25
        shape = ">" if row["ratio"] > right else "<" if row["ratio"] < left else _marker(row["side"])
        facts = {"rule": row["rule"], "batch": row["batch_size"], "problem": row["problem"]}
        bar = ax.hlines(y, *np.clip([row["low"], row["high"]], left, right), color=look[row["rule"]], lw=1.2)
        mark(bar, **facts)
        (dot,) = ax.plot(x, y, shape, color=look[row["rule"]], ms=5)
        words = f"run {row['side']}: {_taken(row, WRITE[row['quantity']])}"
        mark(dot, **facts, name=f"{row['rule']}, {row['problem']}", points=[(x, y, words)])
    ax.set(xscale="log", xlim=(left, right))


def _taken(row: Mapping[Any, Any] | None, write: Callable[[float], str]) -> str:
    """A value with its ratio: `1,024 (×1.02 [0.99, 1.05])`."""
    if row is None:
        return text.NONE
    words = text.bounded(text.number, row["ratio"], row["low"], row["high"])
    return write(row["value"]) + ("" if np.isnan(row["ratio"]) else f" (×{words})")


def _same(row: Mapping[Any, Any] | None) -> str:
    return text.NONE if row is None or not row["shared"] else f"{row['equal']:,} of {row['shared']:,}"


def _called(rows: list[tuple[Any, ...]], trials: pd.DataFrame) -> list[tuple[str, str]]:
    """Each row's name, without the parts that all rows share, and the same name cut for the picture."""
    several, batches = trials["problem"].nunique() > 1, has_batches(trials)
    problems, rules = (short(row[place] for row in rows) for place in (0, 1))
    called = []
    for problem, rule, batch in rows:
        end = [f"batch {batch}"] if batches else []
        whole = [problem, rule] if several else [rule]
        cut = [problems[problem], rules[rule]] if several else [rules[rule]]
        called.append((", ".join(whole + end), ", ".join(cut + end)))
    return called


def _marker(side: int) -> str:
    return MARKERS[(side - 1) % len(MARKERS)]


FIGURE: Figure[Results] = Figure(
    name="side_by_side",
    title="Side by side",
    alt="Dot plots of what each rule takes, in steps, in time a step and in loss, as a multiple of the first run's.",
    spans="runs",
    draw=figure,
    caption=caption,
    table=table,
    data=data,
)
