"""Batch, minibatch and stochastic gradient descent."""

from matplotlib.figure import Figure as Drawing

from gdbench.reports.figure import Figure
from gdbench.reports.lessons.drawing import canvas, draw_minima, draw_path, draw_surface
from gdbench.reports.lessons.lesson import Frames
from gdbench.reports.style import style
from gdbench.reports.text import number


def figure(frames: Frames) -> Drawing:
    """A panel for each batch size."""
    groups = list(frames["paths"].groupby("batch_size", sort=False))
    with style():
        drawing, axes = canvas(len(groups), width=3.8, height=4.0)
        for place, (ax, (size, path)) in enumerate(zip(axes, groups, strict=True)):
            draw_surface(ax, frames["surface"], levels=12)
            draw_path(ax, path, "sgd")
            draw_minima(ax, frames["minimisers"])
            ax.set(xlabel="slope", ylabel="offset" if not place else "")
            ax.set_aspect("equal")
            words = "all samples" if not place else "one sample" if size == 1 else f"{size} samples"
            ax.set_title(f"batch {size}: {words} a step")
    return drawing


def caption(frames: Frames) -> str:
    """One sentence."""
    ends = frames["paths"].groupby("batch_size", sort=False).tail(1)
    full, one = ends.iloc[0], ends.iloc[-1]
    return (
        f"A straight line is fitted to {full.batch_size:.0f} points by {full.step:.0f} equal steps: with all points a "
        f"step it ends {number(full.distance)} from the minimum (star) for {full.gradients:,.0f} gradients of single "
        f"points, with one point a step {number(one.distance)} from it for {one.gradients:,.0f}, since the noise of a "
        "small batch costs accuracy only near the end."
    )


def table(frames: Frames) -> list[dict[str, str]]:
    """The position of each path at some steps."""
    return [
        {
            "batch size": str(p.batch_size),
            "step": str(p.step),
            "gradients of single points": f"{p.gradients:,}",
            "distance to the minimum": number(p.distance),
            "loss of all points": number(p.value),
        }
        for p in frames["paths"].itertuples()
        if p.step % 10 == 0
    ]


FIGURE: Figure[Frames] = Figure(
    name="batches",
    title="Batch, minibatch and stochastic gradient descent",
    alt=(
        "The same contours three times: a smooth path by all samples, a wavering one by a few, a staggering one by one."
    ),
    draw=figure,
    caption=caption,
    table=table,
)
