"""Adaptive rules on badly scaled axes."""

from matplotlib.figure import Figure as Drawing

from gdbench.reports.figure import Figure
from gdbench.reports.lessons.counting import steps_by_rule
from gdbench.reports.lessons.drawing import canvas, draw_line, draw_minima, draw_path, draw_surface
from gdbench.reports.lessons.lesson import Frames
from gdbench.reports.style import style
from gdbench.reports.text import number, steps

LEVEL = 1e-4  # times the first value
SHOWN = 100  # steps of each path
PATHS = ("sgd", "adagrad", "adam")  # more would hide one another


def figure(frames: Frames) -> Drawing:
    """The paths over contours, and the value by step."""
    paths = frames["paths"]
    with style():
        drawing, (left, right) = canvas(2, width=5.2)
        draw_surface(left, frames["surface"])
        for rule, path in paths.groupby("label", sort=False):
            if rule in PATHS:
                draw_path(left, path[path["step"] <= SHOWN], str(rule))
            draw_line(right, path["step"], path["value"].cummin() / path["value"].iloc[0], str(rule))
        draw_minima(left, frames["minimisers"])
        left.legend(loc="upper left")
        left.set_title(f"{SHOWN} steps")
        right.axhline(LEVEL, color="grey", linewidth=1.0, linestyle=":")
        right.set(
            yscale="log", ylim=(1e-6, 2.0), xlim=(0, 200), xlabel="step", ylabel="least value so far / first value"
        )
        right.legend()
    return drawing


def needed(frames: Frames) -> dict[str, float]:
    """The steps of each rule to `LEVEL` of the first value."""
    return steps_by_rule(frames["paths"], LEVEL)


def caption(frames: Frames) -> str:
    """One sentence."""
    taken = needed(frames)
    return (
        "SGD has one learning rate for all axes, which the steepest keeps small, so at its best it needs "
        f"{steps(taken['sgd'])} steps to {number(LEVEL)} of the first value and momentum {steps(taken['momentum'])}; "
        "rules that divide each coordinate's step by the size of its own gradients need "
        f"{steps(taken['adagrad'])} (adagrad), {steps(taken['rmsprop'])} (rmsprop) and {steps(taken['adam'])} (adam)."
    )


def table(frames: Frames) -> list[dict[str, str]]:
    """A row a rule."""
    taken, rates = needed(frames), frames["paths"].groupby("label")["lr"].last()
    return [
        {"rule": rule, "best lr": number(rates[rule]), f"steps to {number(LEVEL)} of the first value": steps(count)}
        for rule, count in taken.items()
    ]


FIGURE: Figure[Frames] = Figure(
    name="axes",
    title="Adaptive rules do not mind badly scaled axes",
    alt="Left, paths of rules over thin contours, SGD's along the walls and the floor; right, the value by step.",
    draw=figure,
    caption=caption,
    table=table,
)
