"""One look for all figures: seaborn's, safe for the colour-blind, with the same colour for a rule everywhere."""

import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# The order fixes each rule's colour; a label that is not here comes after them, by name.
RULES = (
    "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adadelta", "adamax", "nadam", "amsgrad",
    "adamw", "radam", "lookahead", "ranger", "lion",
    "gd-armijo", "gd-exact", "newton", "newton-damped", "newton-cg", "lbfgs",
)  # fmt: skip
PATH = "#d55e00"  # the vermilion of Okabe and Ito: stands out on grey contours
DASHES = ("", (4, 1.5), (1, 1))
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "<", ">", "*")


@contextmanager
def style() -> Iterator[None]:
    """Draw inside this; nothing outside is changed."""
    settings: Any = {
        **sns.axes_style("whitegrid"),
        **sns.plotting_context("notebook", font_scale=0.85),
        "svg.fonttype": "none",
        "svg.hashsalt": "gdbench",
        "font.family": "sans-serif",
        "axes.titleweight": "bold",
        "figure.constrained_layout.use": True,
    }
    with mpl.rc_context(settings):
        yield


def order(labels: Iterable[str]) -> list[str]:
    """Rule labels in their fixed order; others after them, as they come."""
    known = {name: place for place, name in enumerate(RULES)}
    return sorted(dict.fromkeys(labels), key=lambda label: known.get(label, len(known)))


def looks(labels: Iterable[str]) -> dict[str, dict[Any, Any]]:
    """`palette`, `dashes` and `markers` for seaborn: by rule, ten colours, then the same with other dashes."""
    colours = sns.color_palette("colorblind", 10)
    places = {label: RULES.index(label) if label in RULES else None for label in order(labels)}
    free = iter(range(len(RULES), len(RULES) + len(places)))
    numbers = {label: next(free) if place is None else place for label, place in places.items()}
    return {
        "palette": {label: colours[n % 10] for label, n in numbers.items()},
        "dashes": {label: DASHES[n // 10 % len(DASHES)] for label, n in numbers.items()},
        "markers": {label: MARKERS[n % 10] for label, n in numbers.items()},
    }


def panels(
    count: int, groups: int = 1, *, width: float = 4.2, height: float = 3.2, share: bool = True
) -> tuple[Figure, list[Axes]]:
    """A figure of `groups` times `count` axes, at most three in a row, so that text stays readable on a page.

    Every group begins a row; the axes of a row share their y axis unless `share` is false.
    """
    columns = min(count, 3)
    rows = -(-count // columns)
    figure = Figure(figsize=(max(width * columns, 6.0), height * rows * groups), layout="constrained")
    table = figure.subplots(rows * groups, columns, squeeze=False, sharey="row" if share else False).reshape(
        groups, rows * columns
    )
    for unused in table[:, count:].flat:
        unused.remove()
    return figure, list(table[:, :count].flat)


def svg(figure: Figure, name: str) -> str:
    """The figure as an SVG element whose ids all begin with `name`, so that several fit in one page."""
    buffer = io.StringIO()
    with style():
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(xlink:href|href)="#([^"]+)"', rf'\1="#{name}-\2"', text)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
