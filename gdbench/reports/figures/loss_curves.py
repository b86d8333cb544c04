"""Loss, or a function's value, by step, epoch or time, for each rule at the setting that the tuning seeds chose.

from gdbench.reports.figures import loss_curves
loss_curves.figure(run), dict(loss_curves.variants(run))
"""

import itertools
from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import FuncFormatter, MaxNLocator

from gdbench.reports import text
from gdbench.reports.common_steps import complete
from gdbench.reports.figure import Figure
from gdbench.reports.heights import Heights
from gdbench.reports.lines import batch_panel, draw_medians, share_legend
from gdbench.reports.results import Results, has_batches, once, part_of_training
from gdbench.reports.style import order, panels, style
from gdbench.stats import ending, reported, summarise
from gdbench.stats.timings import step_costs

METRICS = ("train_loss", "val_loss", "value")
AGAINST = {"step": "step", "epoch": "epoch", "time": "seconds of training"}
LOGARITHMIC, LINEAR = "logarithmic", "linear"


def title(results: Results) -> str:
    """The figure's title."""
    return "Loss curves" if has_batches(results.trials) else "Curves of the value"


def caption(results: Results) -> str:
    """Explains the lines."""
    words = (
        "Each rule at its chosen setting. Lines are medians over the reporting seeds, bands their 95 % bootstrap "
        "intervals. A diverged trial counts as infinite from there on, one that stalled stays where it is; a line ends "
        "where the first of its other trials stopped. On logarithmic axes, step 0 stands at 1 unless step 1 is "
        "known; linear ones end a little above the start. Time is steps times what one costs, measured alone."
    )
    return words + (part_of_training(results) if has_batches(results.trials) else f" {Heights.of(results).caption}")


def figure(results: Results) -> Drawing | None:
    """Training and validation loss, or value, by step, a panel for each batch size; None without chosen trials."""
    return next((drawing for _, drawing in variants(results)), None)


def variants(results: Results) -> Iterator[tuple[tuple[str, str], Drawing]]:
    """The figure for each quantity on the x axis and each kind of axes, the usual one first; none without data."""
    medians = data(results)
    if medians.empty:
        return
    batches = has_batches(results.trials)
    titles = {str(name): text.metric_title(name) for name in dict.fromkeys(medians["metric"])}
    if not batches:
        heights = Heights.of(results)
        medians[["median", "low", "high"]] = medians[["median", "low", "high"]].apply(heights.above)
        titles["value"] = heights.label
    known = [name for name in AGAINST if name in medians and medians[name].notna().all()]
    for against, axes in itertools.product(known, (LOGARITHMIC, LINEAR)):
        yield (against, axes), _draw(medians, titles, against, axes == LINEAR, batches)


def data(results: Results) -> pd.DataFrame:
    """The points: `metric, batch_size, rule, step, median, low, high`, and the `epoch` and `time` of each.

    epoch: for networks alone. time: seconds, the step times the median cost of one (`step_costs`), NaN if not timed.
    """
    return _medians(results).copy()


@once
def _medians(results: Results) -> pd.DataFrame:
    final = reported(results.trials)
    facts = ["trial", "problem", "rule", "batch_size", "status"]
    ended = final.assign(status=ending(final))[facts] if len(final) else final
    seen = results.curves.merge(ended, on="trial") if len(final) else results.curves.iloc[:0]
    if seen.empty:  # all trials have failed
        return pd.DataFrame()
    names = [name for name in METRICS if name in seen and seen[name].notna().any()]
    points = complete(seen, names)
    keys = ["batch_size", "rule", "step"]
    frame = pd.concat([summarise(points, keys, name).assign(metric=name) for name in names], ignore_index=True)
    if has_batches(results.trials):
        frame = frame.merge(seen.groupby(keys, as_index=False)["epoch"].first(), on=keys)
    costs = {
        (rule, batch): float(np.median(seconds))
        for (_, rule, batch), seconds in step_costs(results.timings, results.subjects).items()
    }
    pairs = zip(frame["rule"], frame["batch_size"], strict=True)
    frame["time"] = frame["step"] * np.array([costs.get(pair, np.nan) for pair in pairs])
    return frame[
        ["metric", *keys, *(name for name in AGAINST if name in frame and name != "step"), "median", "low", "high"]
    ]


def _draw(medians: pd.DataFrame, titles: dict[str, str], against: str, linear: bool, batches: bool) -> Drawing:
    sizes, rules = sorted(medians["batch_size"].unique()), order(medians["rule"])
    if not linear:
        medians = _without_zero(medians, against)
    with style():
        drawing, axes = panels(len(sizes), len(titles))
        for ax, (metric, batch) in zip(axes, itertools.product(titles, sizes), strict=True):
            here = medians[medians["metric"] == metric]
            shown = batch if batches else None
            batch_panel(ax, shown)
            draw_medians(
                ax, here[here["batch_size"] == batch], against, rules, linear="xy" if linear else "", batch=shown,
                write_x=text.seconds if against == "time" else text.number,
            )  # fmt: skip
            if linear:
                ax.set_ylim(0, _top(here))
                ax.xaxis.set_major_locator(MaxNLocator(4))
                if against == "time":
                    ax.xaxis.set_major_formatter(
                        FuncFormatter(lambda seconds, _: text.seconds(seconds) if seconds else "0")
                    )
            ax.set(xlabel=AGAINST[against], ylabel=titles[metric])
            ax.set_title(f"batch size {batch}" if batches else "")
        share_legend(drawing, axes)
    return drawing


def _without_zero(medians: pd.DataFrame, against: str) -> pd.DataFrame:
    """The medians without step 0, which a logarithmic axis cannot show: it moves to step 1 unless that is known."""
    lines = [medians[name] for name in ("metric", "rule", "batch_size")]
    zero = medians["step"] == 0
    one = (medians["step"] == 1).groupby(lines).transform("any")
    each = (medians[against] / medians["step"].where(~zero)).groupby(lines).transform("first")
    each = each.fillna(each.min()).fillna(1.0)  # a line may have no point but step 0
    return medians.assign(**{against: medians[against].where(~zero, each)})[~(zero & one)]


def _top(lines: pd.DataFrame) -> float:
    """The upper end of a linear axis: a loss that grows would leave no room for those that fall."""
    starts = lines.loc[lines["step"] == lines["step"].min(), "median"]
    highest = starts[np.isfinite(starts)].max()
    return 1.1 * float(highest) if highest > 0 else 1.0


FIGURE: Figure[Results] = Figure(
    name="loss_curves",
    title=title,
    alt="Line plots of loss, or of a function's value, against the step, the epoch or the time, one line a rule.",
    spans="problem",
    draw=figure,
    caption=caption,
    data=data,
    variants=variants,
    varies=("against", "axes"),
)
