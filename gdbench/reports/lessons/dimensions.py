"""Local minima as the number of dimensions grows."""

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure as Drawing

from gdbench.reports.figure import Figure
from gdbench.reports.lessons.drawing import canvas, colour
from gdbench.reports.lessons.lesson import Frames
from gdbench.reports.style import INK, PATH, style
from gdbench.reports.text import number, percent

FITTED = 0.01  # a network with a smaller training loss fits
SPREAD = 0.15  # how far the points of a width spread to either side


def figure(frames: Frames) -> Drawing:
    """The share of starts that find the least minimum, and the last loss of each network from each start."""
    share, networks = frames["share"], frames["networks"]
    with style():
        drawing, (left, right) = canvas(2, width=5.0)
        left.plot(
            share["dimension"],
            share["expected"],
            color=INK,
            linestyle="--",
            linewidth=1.4,
            label="share in 1-D, to the power d",
        )
        left.plot(
            share["dimension"],
            share["found"],
            color=PATH,
            marker="o",
            linestyle="none",
            markersize=8,
            label="share found",
        )
        left.set(xlabel="dimension d", ylabel="starts that end in the least minimum", ylim=(0, None))
        left.set_title("a sum of one-dimensional wells")
        left.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
        left.legend()
        # Points lie side by side in the order of their seeds, since seaborn's jitter would differ from page to page.
        starts, widths = networks.groupby("width"), list(networks.groupby("width").groups)
        others = (starts["width"].transform("size") - 1).clip(lower=1)
        across = starts.ngroup() + SPREAD * (2 * starts.cumcount() / others - 1)
        sns.scatterplot(
            x=across, y=networks["train_loss"], color=colour("adam"), s=36, alpha=0.7, linewidth=0, legend=False,
            ax=right,
        )  # fmt: skip
        right.set(yscale="log", xlim=(-0.5, len(widths) - 0.5))
        right.set_xticks(range(len(widths)), map(str, widths))
        right.axhline(FITTED, color=INK, linestyle=":", linewidth=1.2)
        for place, (_, row) in enumerate(fitted(frames).iterrows()):
            right.annotate(
                percent(row["share"], 0), (place, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 4),
                textcoords="offset points", ha="center", color=INK,
            )  # fmt: skip
        right.set(xlabel="hidden units", ylabel="last training loss, a point a start")
        right.set_title(f"a network: share of starts below {number(FITTED)}\n")
    return drawing


def fitted(frames: Frames) -> pd.DataFrame:
    """The share of starts that end below `FITTED` and the median and greatest last loss, for each width."""
    groups = frames["networks"].groupby("width")["train_loss"]
    return pd.DataFrame(
        {
            "width": list(groups.groups),
            "share": groups.apply(lambda losses: (losses <= FITTED).mean()).to_numpy(),
            "median": groups.median().to_numpy(),
            "greatest": groups.max().to_numpy(),
        }
    )


def caption(frames: Frames) -> str:
    """One sentence."""
    share, widths = frames["share"], fitted(frames)
    few, many = share.iloc[0], share.iloc[-1]
    narrow, wide = widths.iloc[0], widths.iloc[-1]
    return (
        "If coordinates are independent of each other, minima multiply, and the starts that find the least one fall "
        f"from {percent(few['found'], 0)} in {few['dimension']:.0f} dimension to {percent(many['found'])} in "
        f"{many['dimension']:.0f}; in a network, more units open ways past bad ends: with {narrow['width']:.0f} hidden "
        f"units {percent(narrow['share'], 0)} of the starts train to a loss below {number(FITTED)} and others stay as "
        f"high as {number(narrow['greatest'])}, with {wide['width']:.0f} units {percent(wide['share'], 0)} do."
    )


def table(frames: Frames) -> list[dict[str, str]]:
    """Both panels."""
    rows = [
        {
            "what": f"wells in {row.dimension} dimension{'s' if row.dimension > 1 else ''}",
            "starts in the least minimum": percent(row.found),
            "expected": percent(row.expected),
            f"starts that end below {number(FITTED)}": "–",
            "median last loss": "–",
            "greatest": "–",
        }
        for row in frames["share"].itertuples()
    ]
    return rows + [
        {
            "what": f"network of {row.width} hidden units",
            "starts in the least minimum": "–",
            "expected": "–",
            f"starts that end below {number(FITTED)}": percent(row.share),
            "median last loss": number(row.median),
            "greatest": number(row.greatest),
        }
        for row in fitted(frames).itertuples()
    ]


FIGURE: Figure[Frames] = Figure(
    name="dimensions",
    title="Local minima multiply in some dimensions and fade in others",
    alt=(
        "Left, ever fewer starts find a separable function's least minimum; right, wider networks fit from every start."
    ),
    draw=figure,
    caption=caption,
    table=table,
)
