"""Basins: the minimum in which each start ends."""

import matplotlib as mpl
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure as Drawing

from gdbench.reports.figure import Figure
from gdbench.reports.lessons.drawing import canvas
from gdbench.reports.lessons.lesson import Frames
from gdbench.reports.style import INK, PAPER, style
from gdbench.reports.text import number, percent


def figure(frames: Frames) -> Drawing:
    """A map for each rule."""
    ends, known = frames["ends"], frames["minimisers"]
    shades = ListedColormap(["white", *mpl.colormaps["viridis"](np.linspace(0.15, 1.0, len(known)))])
    with style():
        drawing, axes = canvas(ends["rule"].nunique(), width=4.4, height=4.4)
        for ax, (rule, here) in zip(axes, ends.groupby("rule", sort=False), strict=True):
            grid = here.pivot(index="x1", columns="x0", values="minimum")
            half = (grid.columns[1] - grid.columns[0]) / 2
            reach = (grid.columns[0] - half, grid.columns[-1] + half, grid.index[0] - half, grid.index[-1] + half)
            ax.imshow(grid, origin="lower", extent=reach, cmap=shades, vmin=-1.5, vmax=len(known) - 0.5)
            for place, point in enumerate(known.itertuples()):
                ax.plot(point.x0, point.x1, marker="*", markersize=15, color="white", markeredgecolor=INK)
                ax.annotate(
                    "ABCD"[place], (point.x0, point.x1), xytext=(9, -4), textcoords="offset points", color=INK,
                    bbox={"boxstyle": "round,pad=0.15", "facecolor": PAPER, "edgecolor": "none", "alpha": 0.85},
                )  # fmt: skip
            ax.set(xlabel="x0 of the start", ylabel="x1 of the start" if ax is axes[0] else "")
            ax.set_title(str(rule))
            ax.grid(False)
    return drawing


def caption(frames: Frames) -> str:
    """One sentence."""
    ends = frames["ends"]
    wide = ends.pivot(index=["x0", "x1"], columns="rule", values="minimum")
    same = (wide["sgd"] == wide["momentum"]).mean()
    shares = ends[ends["rule"] == "sgd"]["minimum"].value_counts(normalize=True)
    return (
        f"The shade of a start shows in which of {len(frames['minimisers'])} equally deep minima (stars) it ends: "
        f"gradient descent leads {percent(shares.min(), 0)} to {percent(shares.max(), 0)} of the starts to each, in "
        f"whole regions; momentum, which overshoots, agrees with it on {percent(same, 0)} of them."
    )


def table(frames: Frames) -> list[dict[str, str]]:
    """The share of starts in each minimum."""
    shares = frames["ends"].groupby("rule", sort=False)["minimum"].value_counts(normalize=True)
    return [
        {
            "minimum": "ABCD"[place],
            "x0": number(point.x0),
            "x1": number(point.x1),
            **{f"starts, {rule}": percent(shares.get((rule, place), 0.0)) for rule in frames["ends"]["rule"].unique()},
        }
        for place, point in enumerate(frames["minimisers"].itertuples())
    ]


FIGURE: Figure[Frames] = Figure(
    name="basins",
    title="The start decides which minimum is found",
    alt=(
        "Two maps of starts, each point in the shade of the minimum that it leads to: whole regions, ragged "
        "with momentum."
    ),
    draw=figure,
    caption=caption,
    table=table,
)
