"""Loss against step: each rule at the setting that the tuning seeds chose for it.

from gdbench.reports import loss_curves
loss_curves.figure(run)
"""

from matplotlib.figure import Figure

from gdbench.reports.lines import draw_lines, share_legend
from gdbench.reports.results import Results, reported
from gdbench.reports.style import grid, order, style
from gdbench.reports.text import metric_title

TITLE = "Loss by step"
CAPTION = (
    "Each rule at its chosen setting. Lines are medians over the reporting seeds, bands their 95 % bootstrap "
    "intervals. Both axes are logarithmic; step 0 stands at 1."
)
ALT = "Line plots of training and validation loss against the step, one line a rule, one column a batch size."


def figure(results: Results) -> Figure | None:
    """Training and validation loss by step, one column a batch size; None when no chosen setting was reported."""
    final = reported(results.trials)
    if final.empty:
        return None
    points = results.curves.merge(final[["trial", "rule", "batch_size"]], on="trial")
    points = points.assign(step=points["step"].clip(lower=1))
    metrics = [name for name in ("train_loss", "val_loss") if points[name].notna().any()]
    batches = sorted(points["batch_size"].unique())
    rules = order(points["rule"])
    with style():
        drawing, axes = grid(len(metrics), len(batches))
        for row, metric in enumerate(metrics):
            for ax, batch in zip(axes[row], batches, strict=True):
                draw_lines(ax, points[points["batch_size"] == batch], "step", metric, rules)
                ax.set(xlabel="step" if row == len(metrics) - 1 else "", ylabel=metric_title(metric))
        for ax, batch in zip(axes[0], batches, strict=True):
            ax.set_title(f"batch size {batch}")
        share_legend(drawing, axes)
    return drawing
