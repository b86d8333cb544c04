"""Rule x learning rate x batch size at a glance, divergence marked.

from gdbench.reports import heat_map
heat_map.figure(run)
"""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from gdbench.reports import text
from gdbench.reports.results import Results, target
from gdbench.reports.style import order, style

TITLE = "Rule, learning rate and batch size"
ALT = "Heat maps, one a batch size: rows are rules, columns learning rates, dark cells are good; D marks divergence."


def caption(results: Results) -> str:
    """What the cells show."""
    goal = target(results)
    cell = f"steps until {text.metric_title(goal[0])} reaches {text.metric(*goal)}" if goal else "final loss"
    return (
        f"Each cell: median over the tuning seeds of the {cell}, at the best of the other hyperparameters; dark is "
        "good. ∞: the median trial did not get there. D: at least half of the trials diverged (d: some did). Blank: "
        "not tried."
    )


def figure(results: Results) -> Figure | None:
    """Median steps to target (final loss without a target) for each rule and lr; None when nothing varies."""
    trials = results.trials
    tuned = trials[trials["role"] == ("tune" if (trials["role"] == "tune").any() else "report")]
    if tuned.empty or tuned["lr"].nunique() * tuned["rule"].nunique() < 2:
        return None
    cells = _cells(tuned, steps=target(results) is not None)
    batches, rules = sorted(cells["batch_size"].unique()), order(cells["rule"])
    rates = sorted(cells["lr"].unique())
    finite = cells["value"][np.isfinite(cells["value"]) & (cells["value"] > 0)]
    norm = LogNorm(finite.min(), max(finite.max(), finite.min() * 1.01)) if len(finite) else None
    write = text.steps if target(results) else lambda v: text.number(v, 2)
    with style():
        figure = Figure(
            figsize=(max(1.5 + 0.62 * len(rates), 6.0), (0.9 + 0.34 * len(rules)) * len(batches) + 0.6),
            layout="constrained",
        )
        axes = figure.subplots(len(batches), 1, squeeze=False, sharex=True)[:, 0]
        for ax, batch in zip(axes, batches, strict=True):
            here = cells[cells["batch_size"] == batch]
            values = here.pivot(index="rule", columns="lr", values="value").reindex(index=rules, columns=rates)
            diverged = here.pivot(index="rule", columns="lr", values="diverged").reindex(index=rules, columns=rates)
            labels = [
                [
                    "" if np.isnan(v) else "D" if d >= 0.5 else write(v) + (" d" if d > 0 else "")
                    for v, d in zip(vs, ds, strict=True)
                ]
                for vs, ds in zip(values.to_numpy(), diverged.to_numpy(), strict=True)
            ]
            shown = values.replace(np.inf, np.nan)
            sns.heatmap(
                shown.astype(float), annot=np.array(labels), fmt="", norm=norm, cmap="viridis", cbar=False, ax=ax,
                linewidths=0.5, linecolor="white", annot_kws={"size": 8}, mask=shown.isna().to_numpy(),
                xticklabels=[text.number(rate, 2) for rate in rates], yticklabels=rules,
            )  # fmt: skip
            _label_empty(ax, labels, shown.isna().to_numpy())
            ax.set(title=f"batch size {batch}", xlabel="learning rate" if batch == batches[-1] else "", ylabel="")
            ax.tick_params(axis="x", rotation=0, labelsize=8)
            ax.tick_params(axis="y", rotation=0)
            ax.grid(False)
    return figure


def _cells(tuned: pd.DataFrame, steps: bool) -> pd.DataFrame:
    """One row for each rule, batch size and lr: median value and share diverged of its best setting."""
    lost = tuned["status"].isin(["diverged", "failed"])
    loss = tuned["val_loss"].where(tuned["val_loss"].notna(), tuned["train_loss"])
    value = tuned["steps_to_target"] if steps else loss.where(~lost, np.inf)
    tuned = tuned.assign(value=value.fillna(np.inf), diverged=(tuned["status"] == "diverged").astype(float))
    keys = ["rule", "batch_size", "lr"]
    settings = tuned.groupby([*keys, "setting"], sort=False, as_index=False).agg(
        value=("value", "median"), diverged=("diverged", "mean")
    )
    return settings.sort_values(["value", "diverged"], kind="stable").drop_duplicates(keys)


def _label_empty(ax: Axes, labels: list[list[str]], empty: np.ndarray) -> None:
    """Write the labels of cells without a colour, which seaborn leaves out, on grey."""
    for row, column in np.argwhere(empty):
        if labels[row][column]:
            ax.add_patch(Rectangle((column, row), 1, 1, facecolor="0.88", edgecolor="white", linewidth=0.5))
            ax.text(column + 0.5, row + 0.5, labels[row][column], ha="center", va="center", size=8, color="0.15")
