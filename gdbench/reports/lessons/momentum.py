"""Momentum against the zig-zag in a long valley."""

from matplotlib.figure import Figure as Drawing

from gdbench.reports.figure import Figure
from gdbench.reports.lessons.counting import steps_by_rule
from gdbench.reports.lessons.drawing import canvas, draw_minima, draw_path, draw_surface
from gdbench.reports.lessons.lesson import Frames
from gdbench.reports.style import style
from gdbench.reports.text import number, steps

LEVEL = 1e-4  # times the first value
SHOWN = 40  # steps of each path


def figure(frames: Frames) -> Drawing:
    """A panel for each of the two rules."""
    with style():
        drawing, axes = canvas(2, width=5.2, height=3.6)
        for ax, (rule, path) in zip(axes, frames["paths"].groupby("label", sort=False), strict=True):
            draw_surface(ax, frames["surface"])
            draw_path(ax, path[path["step"] <= SHOWN], str(rule))
            draw_minima(ax, frames["minimisers"])
            ax.set_title(f"{rule}: {SHOWN} steps")
    return drawing


def caption(frames: Frames) -> str:
    """One sentence."""
    taken = needed(frames)
    return (
        "In a valley much steeper across than along, gradient descent goes from wall to wall and needs "
        f"{steps(taken['sgd'])} steps to {number(LEVEL)} of the first value; momentum, at the same learning rate, adds "
        f"up what gradients agree on and cancels what they do not, and needs {steps(taken['momentum'])}."
    )


def needed(frames: Frames) -> dict[str, float]:
    """The steps of each rule to `LEVEL` of the first value."""
    return steps_by_rule(frames["paths"], LEVEL)


def table(frames: Frames) -> list[dict[str, str]]:
    """The steps of each rule to ever smaller values."""
    return [
        {
            "value, of the first": number(share),
            **{f"steps of {rule}": steps(count) for rule, count in steps_by_rule(frames["paths"], share).items()},
        }
        for share in (1e-1, 1e-2, 1e-4, 1e-6, 1e-8)
    ]


FIGURE: Figure[Frames] = Figure(
    name="momentum",
    title="Momentum damps the zig-zag",
    alt=(
        "The contours of a long valley twice: gradient descent zig-zags between its walls, momentum soon runs along it."
    ),
    draw=figure,
    caption=caption,
    table=table,
)
