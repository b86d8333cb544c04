"""Adagrad on sparse features, and its vanishing step."""

import pandas as pd
from matplotlib.figure import Figure as Drawing

from gdbench.reports.figure import Figure
from gdbench.reports.lessons.drawing import canvas, colour
from gdbench.reports.lessons.lesson import Frames
from gdbench.reports.lines import draw_lines
from gdbench.reports.style import order, style
from gdbench.reports.text import number, steps

SHOWN = (1, 10, 100, 1000)  # steps in the table


def figure(frames: Frames) -> Drawing:
    """The loss by step, and the length of each step on a constant gradient."""
    curves = frames["curves"]
    points = curves.assign(step=curves["step"].clip(lower=1))
    with style():
        drawing, (left, right) = canvas(2, width=5.0)
        draw_lines(left, points, "step", "train_loss", order(points["rule"]))
        left.set(xlabel="step (batches)", ylabel="training loss")
        left.set_title("sparse features, best learning rates")
        left.legend()
        for rule, path in frames["steps"].groupby("label", sort=False):
            right.plot(path["step"], path["moved"], color=colour(str(rule)), linewidth=2.2)
            last = path.iloc[-1]
            right.annotate(
                str(rule), (last["step"], last["moved"]), xytext=(-22, -14 if rule == "adam" else -4),
                textcoords="offset points", ha="right",
            )  # fmt: skip
        right.set(xscale="log", yscale="log", xlabel="step", ylabel="length of the step / lr")
        right.set_title("the gradient stays the same")
    return drawing


def lasts(frames: Frames) -> pd.Series:
    """The median last training loss of each rule."""
    last = frames["curves"].sort_values("step").groupby("trial").tail(1)
    medians: pd.Series = last.groupby("rule")["train_loss"].median()
    return medians


def caption(frames: Frames) -> str:
    """What the figure shows, in one sentence."""
    losses = lasts(frames)
    slow = _lengths(frames)["adagrad"]
    return (
        "Adagrad divides each step of a parameter by the root of all its squared gradients so far, so that the weights "
        "of rare features, which have few gradients, move as far as others: its training loss ends at "
        f"{number(losses['adagrad'])}, SGD's at {number(losses['sgd'])}, each at its best learning rate (medians over "
        f"seeds, bands their 95 % bootstrap intervals); but if the gradient stays the same, step "
        f"{steps(slow.index[-1])} is only {number(slow.iloc[-1] / slow.iloc[0])} of the first."
    )


def _lengths(frames: Frames) -> pd.DataFrame:
    """The length of each rule's steps, a column a rule, by step."""
    return frames["steps"].dropna(subset="moved").pivot(index="step", columns="label", values="moved")


def table(frames: Frames) -> list[dict[str, str]]:
    """The last losses, and the lengths of some steps."""
    losses, lengths = lasts(frames), _lengths(frames)
    return [
        {
            "rule": rule,
            "last training loss": number(losses.get(rule, float("nan"))),
            **{
                f"length of step {steps(step)} / lr": number(lengths[rule][step] if rule in lengths else float("nan"))
                for step in SHOWN
            },
        }
        for rule in order([*losses.index, *lengths.columns])
    ]


FIGURE: Figure[Frames] = Figure(
    name="adagrad",
    title="Adagrad: good with rare features, slower and slower",
    alt="Left, training loss by step on sparse features, Adagrad's the lowest; right, its steps shrink, Adam's do not.",
    draw=figure,
    caption=caption,
    table=table,
)
