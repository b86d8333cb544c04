"""Shows how hard a rule is to tune: the expected best of k settings drawn at random from its grid.

from gdbench.reports.figures import best_of
best_of.figure(run), best_of.table(run)
"""

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import PercentFormatter

from gdbench.reports import text
from gdbench.reports.figure import Figure
from gdbench.reports.hardness import Hardness
from gdbench.reports.heights import Heights
from gdbench.reports.lines import batch_panel, draw_lines, draw_medians, share_legend
from gdbench.reports.results import Results, has_batches, once, target
from gdbench.reports.style import order, panels, style
from gdbench.stats import bootstrap_median, censored_steps, final_loss, objective, summarise, tuning
from gdbench.stats.best_of import chance_of_any, expected_best
from gdbench.stats.intervals import Interval, bootstrap

LINE = ["rule", "batch_size"]
POINTS = 40  # points of a line; with fewer settings, a point for each number of them
SHOWN = (1, 2, 3, 5, 10, 20, 50, 100, 1000)  # numbers of draws in the table
SURE = 0.95
ACCURACY = "val_accuracy"
LOST = "counts as infinite: where a draw may hold nothing else, there is no line"


def caption(results: Results) -> str:
    """Explains the lines."""
    judged = text.metric_title(_judged(results.trials))
    lost = "has an accuracy of 0" if _judged(results.trials) == ACCURACY else LOST
    chance = (
        "The upper row is the chance that at least one of them reaches the target, a mean over the tuning seeds; the "
        f"lower row the expected final {judged} of the best, a median over them."
        if target(results)
        else f"The expected final {judged} of the best, a median over the tuning seeds."
    )
    words = (
        f"k settings of a rule’s grid are drawn at random, none twice. {chance} Exact over all draws; bands are 95 % "
        f"bootstrap intervals over the seeds. A setting that diverged {lost}. The sooner a line is good, the easier "
        "the rule is to tune, in the grid that it had."
    )
    return words if has_batches(results.trials) else f"{words} {Heights.of(results).caption}"


def figure(results: Results) -> Drawing | None:
    """Chance and expected best by number of settings, a column a batch size; None if no rule has two settings."""
    points = _drawn(results)
    if points.empty:
        return None
    judged = Hardness(results, _judged(results.trials))
    points = points.assign(best=judged.of(points["best"]))
    batches, rules = sorted(points["batch_size"].unique()), order(points["rule"])
    names = ["chance", "best"] if target(results) else ["best"]
    with style():
        drawing, axes = panels(len(batches), len(names))
        for place, ax in enumerate(axes):
            name, batch = names[place // len(batches)], batches[place % len(batches)]
            here = points[points["batch_size"] == batch]
            shown = batch if has_batches(results.trials) else None
            batch_panel(ax, shown)
            if name == "chance":
                chances = _chances(here, [*LINE, "draws"])
                draw_medians(ax, chances, "draws", rules, batch=shown, write_y=text.percent, linear="y")
                ax.set(ylim=(-0.03, 1.03))
                ax.yaxis.set_major_formatter(PercentFormatter(1.0))
            else:
                draw_lines(ax, here, "draws", name, rules, batch=shown, write_y=judged.words)
                judged.label(ax.yaxis)
            label = f"expected best {judged.title}" if name == "best" else "chance to reach the target"
            ax.set(xlabel="settings tried, k", ylabel=label)
            ax.set_title(f"batch size {batch}" if has_batches(results.trials) else "")
        if judged.rises:
            for ax in axes[-len(batches) :: 3]:  # the first of a row, whose y axis the others share
                ax.invert_yaxis()
        share_legend(drawing, axes)
    return drawing


def table(results: Results) -> list[dict[str, str]]:
    """A row for each rule and batch size: the chance to reach the target, and the expected best of some draws."""
    points = _points(results, shown=True)
    most, judged = points["settings"].max(), _judged(results.trials)
    rows = []
    for (rule, batch), own in points.groupby(LINE, sort=False):
        cells = {"rule": rule, "batch": str(batch)} if has_batches(results.trials) else {"rule": rule}
        fewest = int(own["settings"].min())  # the same for every seed, unless the run was interrupted
        cells["settings"] = str(fewest)
        if target(results):
            seeds = own.drop_duplicates("seed")
            counts = zip(seeds["settings"], seeds["arriving"], strict=True)
            chances = np.mean([chance_of_any(n, arriving)[:fewest] for n, arriving in counts], axis=0)
            sure = np.flatnonzero(chances >= SURE)
            cells["one arrives"] = text.percent(chances[0], 0)
            cells[f"k for {text.percent(SURE, 0)}"] = str(sure[0] + 1) if len(sure) else "∞"
        for draws in (k for k in SHOWN if k <= most):
            best = bootstrap_median(own.loc[own["draws"] == draws, "best"].to_numpy())
            cells[f"best of {draws}"] = _written(best, judged)
        best = bootstrap_median(own.loc[own["draws"] == own["settings"], "best"].to_numpy())
        cells["best of all"] = _written(best, judged)
        rows.append(cells)
    return rows


def data(results: Results) -> pd.DataFrame:
    """The points: the chance to reach the target (`chance`) and the expected best (`best`) by number of draws."""
    points = _drawn(results)
    keys = [*LINE, "settings", "draws"]
    best = summarise(points, keys, "best").assign(quantity="best")
    chances = _chances(points, keys).assign(quantity="chance")
    return pd.concat([best, chances] if target(results) else [best], ignore_index=True)


@once
def _drawn(results: Results) -> pd.DataFrame:
    return _points(results)


def _points(results: Results, shown: bool = False) -> pd.DataFrame:
    """`rule`, `batch_size`, `seed`, `settings`, `arriving`, `draws`, `best` and `chance`, of each seed's tuning trials.

    arriving: the number of settings that reach the target. shown: whether to include the draws of the table.
    """
    trials = results.trials
    tuned = tuning(trials)
    tuned = tuned.assign(_loss=_losses(tuned), _steps=censored_steps(tuned) if target(results) else np.inf)
    parts = []
    for (rule, batch, seed), own in tuned.groupby([*LINE, "seed"], sort=False):
        if len(own) < 2:
            continue
        draws = _draws(len(own), shown)
        arriving = int(np.isfinite(own["_steps"]).sum())
        parts.append(
            pd.DataFrame(
                {
                    "rule": rule,
                    "batch_size": batch,
                    "seed": seed,
                    "settings": len(own),
                    "arriving": arriving,
                    "draws": draws,
                    "best": expected_best(own["_loss"].to_numpy(), draws),
                    "chance": chance_of_any(len(own), arriving)[draws - 1],
                }
            )
        )
    columns = [*LINE, "seed", "settings", "arriving", "draws", "best", "chance"]
    points = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return points.assign(best=1.0 - points["best"]) if _judged(trials) == ACCURACY else points


def _judged(trials: pd.DataFrame) -> str:
    """The metric of a setting: validation accuracy, which is never infinite, or else the trials' objective."""
    return ACCURACY if ACCURACY in trials and trials[ACCURACY].notna().any() else objective(trials)


def _losses(trials: pd.DataFrame) -> pd.Series:
    """The score of each trial, where less is better: the error of an accuracy, 1 if lost, or the final loss."""
    loss = final_loss(trials)
    return (1.0 - trials[ACCURACY]).where(np.isfinite(loss), 1.0) if _judged(trials) == ACCURACY else loss


def _draws(settings: int, shown: bool) -> np.ndarray:
    """All numbers of settings if they are few, else `POINTS` on a logarithmic scale, and those of the table."""
    few = np.geomspace(1, settings, POINTS).round().astype(int)
    table = [k for k in SHOWN if k <= settings] if shown else []
    return np.arange(1, settings + 1) if settings <= POINTS else np.unique([*few, *table])


def _chances(points: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The mean chance over the seeds with its interval, in the columns that `draw_medians` takes."""
    rows = [(*key, *_mean(own.to_numpy())) for key, own in points.groupby(keys, sort=True)["chance"]]
    return pd.DataFrame(rows, columns=[*keys, "median", "low", "high"])


def _mean(values: np.ndarray) -> Interval:
    return bootstrap(lambda draws: np.asarray(values[draws].mean(axis=-1)), values.size)


def _written(best: Interval, judged: str) -> str:
    return text.bounded(partial(text.metric, judged), *best)


FIGURE: Figure[Results] = Figure(
    name="best_of",
    title="How hard to tune: the best of k settings",
    alt="Line plots by number of settings tried: the expected best at the end, and the chance that one arrives.",
    spans="problem",
    draw=figure,
    caption=caption,
    table=table,
    data=data,
)
