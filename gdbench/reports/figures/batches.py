"""Steps and time to target against the batch size: does a larger batch save enough steps to pay for itself?

from gdbench.reports.figures import batches
batches.figure(run)
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from gdbench.reports import text
from gdbench.reports.figure import Figure
from gdbench.reports.lines import draw_medians, mark_lost, share_legend
from gdbench.reports.results import Results, has_batches, target
from gdbench.reports.settings_table import settings
from gdbench.reports.style import order, panels, style
from gdbench.stats.censored import times
from gdbench.stats.timings import step_costs

LABELS = {"steps_to_target": "steps to target", "time_to_target": "time to target"}


def caption(results: Results) -> str:
    """Explains the lines."""
    words = (
        "Medians over the reporting seeds at the setting that was chosen for each rule and batch size, with 95 % "
        "bootstrap intervals as bands. A cross near the upper edge: the median trial did not arrive."
    )
    if not step_costs(results.timings, results.subjects):
        return words
    return (
        f"{words} Time is the median of the steps times what a step costs, measured alone; its interval is that of the "
        "product."
    )


def figure(results: Results) -> Drawing | None:
    """A panel for steps, and one for time if it was measured; None with one batch size or without a target."""
    lines = _lines(results)
    if lines.empty or lines["batch_size"].nunique() < 2 or not np.isfinite(lines["steps_to_target"]).any():
        return None
    rules = order(lines["rule"])
    names = [name for name in LABELS if name in lines and lines[name].notna().any()]
    with style():
        drawing, axes = panels(len(names), width=5.2, height=3.6, share=False)
        for ax, name in zip(axes, names, strict=True):
            own = lines.rename(columns={name: "median", f"{name}_low": "low", f"{name}_high": "high"})
            own = own[["rule", "batch_size", "median", "low", "high"]].sort_values("batch_size")
            write = text.seconds if name == "time_to_target" else text.steps
            draw_medians(ax, own, "batch_size", rules, markers=True, write_x=text.whole, write_y=write)
            mark_lost(ax, own[np.isinf(own["median"])], "batch_size", rules, "did not arrive")
            _name_sizes(ax, own)
            ax.set(xlabel="batch size (samples)", ylabel=LABELS[name])
            if name == "time_to_target":
                ax.yaxis.set_major_formatter(FuncFormatter(lambda seconds, _: text.seconds(seconds)))
        share_legend(drawing, axes)
    return drawing


def table(results: Results) -> list[dict[str, str]]:
    """A row for each rule and batch size."""
    rows = []
    lines = _lines(results)
    places = {rule: place for place, rule in enumerate(order(lines["rule"]))}
    lines = lines.assign(_place=lines["rule"].map(places)).sort_values(["_place", "batch_size"])
    for row in lines.to_dict("records"):
        cells = {"rule": row["rule"], "batch": str(row["batch_size"]), "lr": text.number(row["lr"])}
        cells["steps to target"] = text.interval(text.steps, row, "steps_to_target")
        cells["samples to target"] = text.number(float(times(row["steps_to_target"], row["batch_size"])))
        if "time_to_target" in row:
            cells["step"] = text.interval(text.seconds, row, "step")
            cells["time to target"] = text.interval(text.seconds, row, "time_to_target")
        rows.append(cells)
    return rows


def data(results: Results) -> pd.DataFrame:
    """The points: steps and time to target, with their intervals."""
    names = [f"{name}{bound}" for name in LABELS for bound in ("", "_low", "_high")]
    lines = _lines(results)
    return lines[["rule", "batch_size", "lr", *(name for name in names if name in lines)]]


def _lines(results: Results) -> pd.DataFrame:
    """The ranking's rows if there are batches and a target, else none."""
    if target(results) is None or results.trials.empty or not has_batches(results.trials):
        return pd.DataFrame()
    return settings(results)


def _name_sizes(ax: Axes, lines: pd.DataFrame) -> None:
    """Put a tick at each batch size, or at some of them if they are many."""
    sizes = sorted(lines["batch_size"].unique())
    shown = sizes[:: -(-len(sizes) // 8)]
    ax.xaxis.set_major_locator(FixedLocator(shown))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:.0f}"))


FIGURE: Figure[Results] = Figure(
    name="batches",
    title="Steps and time to target by batch size",
    alt="Line plots of steps and of time to the target against the batch size, one line a rule.",
    spans="problem",
    draw=figure,
    caption=caption,
    table=table,
    data=data,
)
