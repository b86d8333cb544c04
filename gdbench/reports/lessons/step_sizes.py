"""Steps that are too small, good and too large, in one dimension."""

import numpy as np
from matplotlib.figure import Figure as Drawing

from gdbench.reports.figure import Figure
from gdbench.reports.lessons.drawing import canvas, colour
from gdbench.reports.lessons.lesson import Frames
from gdbench.reports.style import INK, style
from gdbench.reports.text import number


def figure(frames: Frames) -> Drawing:
    """A panel for each learning rate."""
    paths = frames["paths"]
    reach = 1.1 * paths["x0"].abs().max()
    xs = np.linspace(-reach, reach, 121)
    with style():
        drawing, axes = canvas(paths["label"].nunique(), width=3.8, height=3.6)
        for ax, (label, path) in zip(axes, paths.groupby("label", sort=False), strict=True):
            ax.plot(xs, xs**2 / 2, color=INK, linewidth=1.4)
            ax.plot(path["x0"], path["value"], color=colour("sgd"), marker="o", markersize=5, linewidth=1.1)
            ax.plot(path["x0"].iloc[0], path["value"].iloc[0], color=INK, marker="s", markersize=8)
            ax.set(xlabel="x", ylabel="f(x)" if ax is axes[0] else "", ylim=(-0.3, reach**2 / 2))
            ax.set_title(f"lr {number(path['lr'].iloc[-1])}: {label}")
    return drawing


def caption(frames: Frames) -> str:
    """One sentence."""
    paths = frames["paths"]
    ends = paths.groupby("label", sort=False).tail(1).set_index("label")["x0"].abs()
    steps, start = paths["step"].max(), paths["x0"].iloc[0]
    return (
        f"After {steps} steps down x²/2 from x = {number(start)}, steps that are too small end "
        f"{number(ends['too small'])} from the minimum and good ones {number(ends['good'])}; too large ones, with a "
        "learning rate above 2 over the curvature, leap further out each time and end "
        f"{number(ends['too large'])} away."
    )


def table(frames: Frames) -> list[dict[str, str]]:
    """x at every step."""
    wide = frames["paths"].pivot(index="step", columns="label", values="x0")[list(frames["paths"]["label"].unique())]
    rates = frames["paths"].groupby("label")["lr"].last()
    return [
        {"step": str(step), **{f"x, lr {number(rates[label])} ({label})": number(x) for label, x in row.items()}}
        for step, row in wide.iterrows()
    ]


FIGURE: Figure[Frames] = Figure(
    name="step_sizes",
    title="Too small, good and too large steps",
    alt="A parabola three times with ten steps of gradient descent: creeping, arriving, and leaping out to both sides.",
    draw=figure,
    caption=caption,
    table=table,
)
