"""Expected running time against the level to reach: each rule's cost in steps, those of failed trials included.

from gdbench.reports.figures import ert
ert.figure(run), ert.table(run)
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Drawing

from gdbench.reports import text
from gdbench.reports.figure import Figure
from gdbench.reports.hardness import Hardness
from gdbench.reports.lines import batch_panel, draw_medians, share_legend
from gdbench.reports.results import Results, bracketed, has_batches, once, target
from gdbench.reports.style import order, panels, style
from gdbench.results.metrics import rises
from gdbench.results.targets import first_steps
from gdbench.stats import objective, reported
from gdbench.stats.ert import running_times

KEYS = ["rule", "batch_size", "level"]
LEVELS = 30
COLUMNS = 4  # levels in the table, besides the target
LEAST = 1e-12  # of the start: levels nearer to the least value cannot be told apart


def caption(results: Results) -> str:
    """Explains the lines."""
    words = (
        "Expected running time (ERT): the steps of all reporting trials, including all steps of those that never "
        "arrived, over the number of trials that reached the level. Each rule at its chosen setting; bands are 95 % "
        "bootstrap intervals over the reporting seeds. A line ends at the last level that a trial reached; to the "
        f"right is harder. {_known(results)} Failed trials, and those that diverged before the target, reach nothing."
    )
    goal = target(results)
    return f"{words} Dashed: the target, {text.metric(*goal)}." if goal else words


def _known(results: Results) -> str:
    if bracketed(results):
        return "All levels are known at the evaluated points alone."
    return "The target is known to the step, other levels at the evaluated points."


def figure(results: Results) -> Drawing | None:
    """ERT by level, a panel for each batch size; None if no trial of a chosen setting reaches any level."""
    times = _times(results)
    if not np.isfinite(times["ert"].astype(float)).any():
        return None
    metric = _metric(results)
    hardness = Hardness(results, metric)
    times = times.assign(**{hardness.title: hardness.of(times["level"])}, median=times["ert"])
    batches, rules = sorted(times["batch_size"].unique()), order(times["rule"])
    goal = target(results)
    with style():
        drawing, axes = panels(len(batches))
        for ax, batch in zip(axes, batches, strict=True):
            shown = batch if has_batches(results.trials) else None
            batch_panel(ax, shown)
            here = times[times["batch_size"] == batch]
            draw_medians(ax, here, hardness.title, rules, batch=shown, write_x=hardness.words, write_y=text.steps)
            ax.invert_xaxis()
            hardness.label(ax.xaxis)
            ax.set(xlabel=f"{hardness.title} to reach", ylabel="expected running time (steps)")
            ax.set_title(f"batch size {batch}" if has_batches(results.trials) else "")
            if goal and goal[0] == metric:
                ax.axvline(hardness.of(pd.Series([goal[1]])).item(), color="0.4", lw=1, ls=(0, (4, 3)), zorder=1)
        share_legend(drawing, axes)
    return drawing


def table(results: Results) -> list[dict[str, str]]:
    """A row for each rule and batch size: ERT to some levels and to the target, the easiest first."""
    times = _times(results)
    metric, goal = _metric(results), target(results)
    hardness = Hardness(results, metric)
    levels = sorted(times["level"].unique(), key=lambda level: level if rises(metric) else -level)
    shown = np.linspace(0, len(levels) - 1, COLUMNS + 1).round()[1:]
    marked = goal[1] if goal and goal[0] == metric else None
    chosen = [level for place, level in enumerate(levels) if place in shown or level == marked]
    rows = []
    groups = dict(tuple(times.groupby(["rule", "batch_size"])))
    places = {rule: place for place, rule in enumerate(order(times["rule"]))}
    for (rule, batch), own in sorted(groups.items(), key=lambda group: (places[group[0][0]], group[0][1])):
        known = own.set_index("level").to_dict("index")
        cells = {"rule": rule, "batch": str(batch)} if has_batches(results.trials) else {"rule": rule}
        for level in chosen:
            row = {**known[level], "ert_low": known[level]["low"], "ert_high": known[level]["high"]}
            reached = f" ({row['reached']} of {row['trials']})"
            cells[f"to {hardness.level_words(level)}"] = text.interval(text.steps, row, "ert") + reached
        rows.append(cells)
    return rows


def data(results: Results) -> pd.DataFrame:
    """The points: ERT in steps of each rule, batch size and level, with its interval and how many trials reached it."""
    return _times(results).copy()


def _metric(results: Results) -> str:
    """The metric of the levels: the target's, else the trials' objective."""
    goal = target(results)
    return goal[0] if goal and goal[0] in results.curves else objective(results.trials)


@once
def _times(results: Results) -> pd.DataFrame:
    """`running_times` of each rule, batch size and level."""
    final = reported(results.trials)
    metric = _metric(results)
    if final.empty or metric not in results.curves:
        return pd.DataFrame(columns=[*KEYS, "ert"])
    curves = results.curves[results.curves["trial"].isin(final["trial"])]
    levels = _levels(results, curves, metric)
    if len(levels) < 2:
        return pd.DataFrame(columns=[*KEYS, "ert"])
    seen = first_steps(curves, final, metric, levels).rename(columns={"step": "steps_to_target"})
    exact = final.set_index("trial")["steps_to_target"].fillna(np.inf)  # of the target, whatever was evaluated
    goal = target(results)
    if goal and goal[0] == metric:
        aimed = seen["level"] == goal[1]
        seen.loc[aimed, "steps_to_target"] = seen.loc[aimed, "trial"].map(exact)
    seen = seen.merge(final[["trial", "rule", "batch_size", "status", "steps"]], on="trial")
    return running_times(seen.assign(steps_to_target=seen["steps_to_target"].clip(lower=1)), KEYS)


def _levels(results: Results, curves: pd.DataFrame, metric: str) -> np.ndarray:
    """Levels from the start to the best value that a trial reached, evenly spaced on the axis, and the target.

    If trials stop at the target, none is beyond it, since the cost of reaching it is unknown.
    """
    hardness = Hardness(results, metric)
    heights = hardness.of(curves[metric])
    heights = heights[np.isfinite(heights)]
    start = heights[curves.loc[heights.index, "step"] == 0].median()
    if not start > 0:
        return np.zeros(0)
    best = max(heights[heights > 0].min(), LEAST * start)
    goal = target(results)
    marks = [goal[1]] if goal and goal[0] == metric else []
    if marks and results.about["table"].get("stop_at_target"):
        best = max(best, hardness.of(pd.Series(marks)).item())
    if not best < start:
        return np.zeros(0)
    levels = hardness.level(np.geomspace(start, best, LEVELS)[1:])
    return np.unique(np.concatenate([levels, marks]))


FIGURE: Figure[Results] = Figure(
    name="ert",
    title="Expected running time",
    alt="Line plots of the expected running time in steps against the level to reach, one line a rule.",
    spans="problem",
    draw=figure,
    caption=caption,
    table=table,
    data=data,
)
