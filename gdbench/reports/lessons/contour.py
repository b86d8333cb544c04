"""The gradient is perpendicular to the contour."""

from matplotlib.figure import Figure as Drawing

from gdbench.reports.figure import Figure
from gdbench.reports.lessons.drawing import draw_surface
from gdbench.reports.lessons.lesson import Frames
from gdbench.reports.style import INK, PATH, style
from gdbench.reports.text import number

LENGTH = 1.1  # length of an arrow
EDGE = 0.22  # edge of the square in a right angle


def figure(frames: Frames) -> Drawing:
    """The contours through some points, with the direction of steepest descent at each point."""
    surface, points = frames["surface"], frames["points"]
    grid = surface.pivot(index="x1", columns="x0", values="value")
    with style():
        drawing = Drawing(figsize=(6.0, 5.8), layout="constrained")
        ax = drawing.subplots()
        draw_surface(ax, surface)
        ax.contour(grid.columns, grid.index, grid, levels=sorted(points["value"]), colors=[INK], linewidths=1.3)
        for p in points.itertuples():
            size = (p.g0**2 + p.g1**2) ** 0.5
            a, b = -p.g0 / size, -p.g1 / size  # downhill
            ax.annotate(
                "", (p.x0 + LENGTH * a, p.x1 + LENGTH * b), (p.x0, p.x1),
                arrowprops={"arrowstyle": "-|>", "color": PATH, "linewidth": 2.0, "shrinkA": 0, "mutation_scale": 16},
            )  # fmt: skip
            corner = [(EDGE * a, EDGE * b), (EDGE * (a - b), EDGE * (b + a)), (-EDGE * b, EDGE * a)]
            ax.plot([p.x0 + x for x, _ in corner], [p.x1 + y for _, y in corner], color=PATH, linewidth=1.2)
            ax.plot(p.x0, p.x1, color=PATH, marker="o", markersize=5)
        ax.set_aspect("equal")
    return drawing


def caption(frames: Frames) -> str:
    """One sentence."""
    points = frames["points"]
    ratio = (points["down"].abs() / points["along"].abs()).median()
    return (
        "Along a contour a function does not change, so its gradient stands at a right angle to it: a step of "
        f"{number(points['step'].iloc[0])} against the gradient (arrows) changes the value by "
        f"{number(points['down'].median())}, one along the contour by {number(points['along'].abs().median())} up or "
        f"down, {number(ratio, 2)} times less (medians)."
    )


def table(frames: Frames) -> list[dict[str, str]]:
    """The points."""
    return [
        {
            "x0": number(p.x0),
            "x1": number(p.x1),
            "value": number(p.value),
            "gradient": f"{number(p.g0)}, {number(p.g1)}",
            f"change by {number(p.step)} against it": number(p.down),
            f"change by {number(p.step)} along the contour": number(p.along),
        }
        for p in frames["points"].itertuples()
    ]


FIGURE: Figure[Frames] = Figure(
    name="contour",
    title="The gradient is perpendicular to the contour",
    alt=(
        "Contours of a surface with four hollows; from points on them, arrows against the gradient leave at "
        "right angles."
    ),
    draw=figure,
    caption=caption,
    table=table,
)
