"""Learning is not optimisation: the validation loss rises while the training loss still falls."""

import pandas as pd
from matplotlib.figure import Figure as Drawing

from gdbench.reports.figure import Figure
from gdbench.reports.lessons.drawing import canvas, colour
from gdbench.reports.lessons.lesson import Frames
from gdbench.reports.style import INK, style
from gdbench.reports.text import metric_title, number
from gdbench.stats import summarise

SPLITS = {"train_loss": "-", "val_loss": (0, (4, 1.5)), "test_loss": (0, (1, 1))}


def figure(frames: Frames) -> Drawing:
    """The losses of the three splits by epoch."""
    with style():
        drawing, (ax,) = canvas(1, width=7.0)
        for name, dashes in SPLITS.items():
            line = summarise(frames["curves"], ["epoch"], name)
            ax.plot(
                line["epoch"],
                line["median"],
                color=colour("adam"),
                linestyle=dashes,
                linewidth=2.2,
                label=metric_title(name),
            )
            ax.fill_between(line["epoch"], line["low"], line["high"], color=colour("adam"), alpha=0.15, linewidth=0)
        best = least(frames)
        ax.axvline(best["epoch"], color=INK, linestyle=":", linewidth=1.2)
        ax.annotate(
            "validation loss\nis least", (best["epoch"], 1.0), xycoords=("data", "axes fraction"), xytext=(5, -4),
            textcoords="offset points", va="top", color=INK,
        )  # fmt: skip
        ax.set(xlabel="epoch", ylabel="loss (cross-entropy)", ylim=(0, None))
        ax.legend()
    return drawing


def medians(frames: Frames) -> pd.DataFrame:
    """The median losses over the seeds, by epoch."""
    return frames["curves"].groupby("epoch", as_index=False)[list(SPLITS)].median()


def least(frames: Frames) -> pd.Series:
    """The epoch with the least median validation loss, and the losses at it."""
    lines = medians(frames)
    row: pd.Series = lines.loc[lines["val_loss"].idxmin()]
    return row


def caption(frames: Frames) -> str:
    """One sentence."""
    best, last = least(frames), medians(frames).iloc[-1]
    return (
        "A network with more parameters than samples, some of them labelled wrongly, learns until epoch "
        f"{number(best.epoch, 2)}, where the validation loss is least, {number(best.val_loss)}; from there to epoch "
        f"{number(last.epoch, 2)} it learns errors by heart: the training loss falls from {number(best.train_loss)} to "
        f"{number(last.train_loss)}, the validation loss rises to {number(last.val_loss)} (medians over seeds, bands "
        "their 95 % bootstrap intervals)."
    )


def table(frames: Frames) -> list[dict[str, str]]:
    """The losses at about ten epochs."""
    lines = medians(frames)
    rows = lines.iloc[:: max(1, len(lines) // 10)]
    return [
        {"epoch": number(row.epoch), **{metric_title(name): number(getattr(row, name)) for name in SPLITS}}
        for row in rows.itertuples()
    ]


FIGURE: Figure[Frames] = Figure(
    name="generalisation",
    title="Learning is not optimisation",
    alt="Training and validation loss by epoch: both fall at first, then the one falls on and the other rises.",
    draw=figure,
    caption=caption,
    table=table,
)
