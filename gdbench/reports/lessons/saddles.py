"""A saddle and a plateau."""

from matplotlib.figure import Figure as Drawing

from gdbench.reports.figure import Figure
from gdbench.reports.lessons.counting import steps_by_rule, steps_to
from gdbench.reports.lessons.drawing import canvas, draw_line, draw_minima, draw_path, draw_surface
from gdbench.reports.lessons.lesson import Frames
from gdbench.reports.style import INK, style
from gdbench.reports.text import steps

HALF = 0.5  # times the first value: a path below it has left the plateau
OUT = 0.01  # times the first value: a line ends there


def figure(frames: Frames) -> Drawing:
    """Paths past the saddle, and the value by step on the plateau."""
    with style():
        drawing, (left, right) = canvas(2, width=5.0, height=4.2)
        draw_surface(left, frames["surface"], levels=14)
        draw_minima(left, frames["minimisers"])
        for rule, path in frames["paths"].groupby("label", sort=False):
            draw_path(left, path, str(rule))
        left.annotate(
            "newton ends on the saddle", (0.0, 0.0), xytext=(0.12, -0.45), color=INK,
            arrowprops={"arrowstyle": "->", "color": INK},
        )  # fmt: skip
        left.legend(loc="lower right")
        left.set_title("past a saddle")
        for rule, path in frames["plateau"].groupby("label", sort=False):
            high = path[path["step"] <= steps_to(path, OUT * path["value"].iloc[0])]
            draw_line(right, high["step"].clip(lower=1), high["value"], str(rule))
        right.set(xscale="log", xlabel="step", ylabel="value", ylim=(0, None))
        right.set_title("off a plateau")
        right.legend()
    return drawing


def waits(frames: Frames) -> dict[str, float]:
    """The steps of each rule until its value on the plateau is half the first."""
    return steps_by_rule(frames["plateau"], HALF)


def escapes(frames: Frames) -> dict[str, float]:
    """The steps of each rule until it is halfway down from the saddle to a minimum; infinite for one that stays."""
    low = frames["paths"]["value"].min()
    groups = frames["paths"].groupby("label", sort=False)
    return {str(rule): steps_to(path, 0.5 * low) for rule, path in groups}


def caption(frames: Frames) -> str:
    """One sentence."""
    out, off = escapes(frames), waits(frames)
    return (
        "SGD's steps all but vanish where the gradient does: it takes "
        f"{steps(out['sgd'])} to be halfway down from the saddle (momentum {steps(out['momentum'])}, adam "
        f"{steps(out['adam'])}; Newton's method, which looks for any point with zero gradient, ends on it), and "
        f"{steps(off['sgd'])} to half the value on the plateau (momentum {steps(off['momentum'])}; adam, whose steps "
        f"do not shrink with the gradient, {steps(off['adam'])})."
    )


def table(frames: Frames) -> list[dict[str, str]]:
    """A row a rule."""
    out, off = escapes(frames), waits(frames)
    return [
        {
            "rule": rule,
            "steps until halfway down from the saddle": steps(count),
            "steps until half the value on the plateau": steps(off.get(rule, float("nan"))),
        }
        for rule, count in out.items()
    ]


FIGURE: Figure[Frames] = Figure(
    name="saddles",
    title="Saddles and plateaus: a small gradient is not a minimum",
    alt="Left, paths that turn off at a saddle and Newton's that ends on it; right, values that stay high for long.",
    draw=figure,
    caption=caption,
    table=table,
)
