"""Newton's method against gradient descent."""

from matplotlib.figure import Figure as Drawing

from gdbench.reports.figure import Figure
from gdbench.reports.lessons.counting import steps_to
from gdbench.reports.lessons.drawing import canvas, draw_line, draw_minima, draw_path, draw_surface
from gdbench.reports.lessons.lesson import Frames
from gdbench.reports.style import style
from gdbench.reports.text import number, steps

LEVEL = 1e-6
FLOOR = 1e-16  # smaller values, zero too, are drawn here


def figure(frames: Frames) -> Drawing:
    """Paths over contours, and the value by step."""
    with style():
        drawing, (left, right) = canvas(2, width=5.0, height=4.2)
        draw_surface(left, frames["surface"])
        for rule, path in frames["paths"].groupby("label", sort=False):
            shown = path if len(path) < 100 else path.iloc[[*range(100), *range(100, len(path), 50)]]
            draw_path(left, shown, str(rule))
            draw_line(right, path["step"].clip(lower=1), path["value"].clip(lower=FLOOR), str(rule))
        draw_minima(left, frames["minimisers"])
        left.legend(loc="lower center")
        right.axhline(LEVEL, color="grey", linestyle=":", linewidth=1.0)
        right.set(xscale="log", yscale="log", xlabel="step", ylabel="value")
        right.legend()
    return drawing


def needed(frames: Frames) -> dict[str, float]:
    """The steps of each rule to a value of `LEVEL`."""
    groups = frames["paths"].groupby("label", sort=False)
    return {str(rule): steps_to(path, LEVEL) for rule, path in groups}


def caption(frames: Frames) -> str:
    """One sentence."""
    taken = needed(frames)
    return (
        "Gradient descent uses the gradient alone and follows the curved valley for "
        f"{steps(taken['sgd'])} steps to a value of {number(LEVEL)}; Newton's method uses the curvature too, leaps to "
        f"the minimum of the parabola that fits where it stands, and needs {steps(taken['newton'])}, each of which "
        "asks for all second derivatives (what they cost as networks grow: the suite second-order)."
    )


def table(frames: Frames) -> list[dict[str, str]]:
    """The steps of each rule to ever smaller values."""
    groups = list(frames["paths"].groupby("label", sort=False))
    return [
        {"value": number(level), **{f"steps of {rule}": steps(steps_to(path, level)) for rule, path in groups}}
        for level in (1.0, 1e-1, 1e-2, 1e-4, 1e-6)
    ]


FIGURE: Figure[Frames] = Figure(
    name="newton",
    title="Newton's method against gradient descent",
    alt=(
        "Left, over a curved valley, gradient descent creeps along the floor and Newton leaps; right, the "
        "value by step."
    ),
    draw=figure,
    caption=caption,
    table=table,
)
