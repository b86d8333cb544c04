"""Adam's first steps with and without bias correction."""

import pandas as pd
from matplotlib.figure import Figure as Drawing

from gdbench.reports.figure import Figure
from gdbench.reports.lessons.drawing import canvas, colour
from gdbench.reports.lessons.lesson import Frames
from gdbench.reports.style import style
from gdbench.reports.text import number, steps

SHOWN = (1, 2, 5, 10, 20, 50, 100, 1000, 5000)


def figure(frames: Frames) -> Drawing:
    """The length of each step, in learning rates."""
    with style():
        drawing, (ax,) = canvas(1, width=7.0)
        for (label, path), dashes in zip(
            frames["paths"].groupby("label", sort=False), ("-", (0, (4, 1.5))), strict=True
        ):
            ax.plot(path["step"], path["moved"], color=colour("adam"), linestyle=dashes, linewidth=2.2, label=label)
        ax.set(xscale="log", ylim=(0, None), xlabel="step", ylabel="length of the step / lr")
        ax.legend(title="adam")
    return drawing


def caption(frames: Frames) -> str:
    """One sentence."""
    bare = _lengths(frames)["without"]
    return (
        "Adam's averages of the gradient and of its square begin at 0, and the second leaves it more slowly: without "
        f"bias correction, if the gradient stays the same, its first step is {number(bare.iloc[0])} learning rates "
        f"long, its longest, step {steps(bare.idxmax())}, is {number(bare.max())}, and only from step "
        f"{steps(bare.index[bare > 1.01].max() + 1)} on are they within 1 % of one learning rate, as all are with it."
    )


def _lengths(frames: Frames) -> pd.DataFrame:
    """The length of each step with and without bias correction, a column each, by step."""
    return frames["paths"].dropna(subset="moved").pivot(index="step", columns="label", values="moved")


def table(frames: Frames) -> list[dict[str, str]]:
    """The lengths of some of the steps."""
    lengths = _lengths(frames)
    return [
        {"step": steps(step), **{f"{name}, in learning rates": number(x) for name, x in lengths.loc[step].items()}}
        for step in SHOWN
    ]


FIGURE: Figure[Frames] = Figure(
    name="bias_correction",
    title="Bias correction tames Adam's first steps",
    alt=(
        "Length of Adam's steps by step: always one learning rate with bias correction, several of them at "
        "first without."
    ),
    draw=figure,
    caption=caption,
    table=table,
)
