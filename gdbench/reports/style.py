"""One style for all figures: seaborn's, safe for the colour-blind, with the same colour for a rule everywhere."""

import io
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from gdbench.reports.compact import compact
from gdbench.reports.labels import parts
from gdbench.reports.marks import annotated, name_marks

# The order fixes each rule's colour. A label that is not here comes after them.
RULES = (
    "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adadelta", "adamax", "nadam", "amsgrad",
    "adamw", "radam", "lookahead", "ranger", "lion",
    "gd-armijo", "gd-exact", "newton", "newton-damped", "newton-cg", "lbfgs",
)  # fmt: skip
# What is drawn in these colours takes those of the page, which may be dark (`svg`).
INK, LINE, PAPER = "#1b2331", "#d7dee7", "#fffefe"
OF_PAGE = {INK: "currentColor", LINE: f"var(--line, {LINE})", PAPER: f"var(--paper, {PAPER})"}
_MOST = ContextVar("panels in a row", default=3)
PATH = "#d55e00"  # the vermilion of Okabe and Ito: stands out on grey contours
DASHES = (
    *("", (4, 1.5), (1, 1)),  # of one run
    *((6, 1.5, 1, 1.5), (3, 1, 1, 1, 1, 1), (8, 2)),  # of the second beside it
    *((2, 2), (5, 1, 1, 1, 1, 1, 1, 1), (10, 2, 2, 2)),  # of the third
)
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "<", ">", "*")


@contextmanager
def style() -> Iterator[None]:
    """A context for drawing: matplotlib's own defaults with our style, whatever a user's matplotlibrc says.

    Nothing outside is changed. Characters that matplotlib's font lacks cause no warning: an SVG holds text as text, and
    the program that shows it has its own fonts.
    """
    defaults = {name: value for name, value in mpl.rcParamsDefault.items() if name != "backend"}
    settings: Any = {
        **sns.axes_style("whitegrid"),
        **sns.plotting_context("notebook", font_scale=0.85),
        "svg.fonttype": "none",
        "svg.hashsalt": "gdbench",
        "font.family": "sans-serif",
        **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), "none"),
        **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
        **dict.fromkeys(("axes.edgecolor", "grid.color"), LINE),
        "legend.facecolor": PAPER,
        "axes.titleweight": "bold",
        "figure.constrained_layout.use": True,
    }
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some of matplotlib's defaults are deprecated
            mpl.rcParams.update(defaults | settings)
        yield


def order(labels: Iterable[str]) -> list[str]:
    """Rule labels in their fixed order; others after them, as they come."""
    known = {name: place for place, name in enumerate(RULES)}
    places = {label: parts(label) for label in dict.fromkeys(labels)}
    rules = list(dict.fromkeys(rule for rule, _ in places.values()))
    return sorted(
        places,
        key=lambda label: (known.get(places[label][0], len(known)), rules.index(places[label][0]), places[label][1]),
    )


def looks(labels: Iterable[str]) -> dict[str, dict[Any, Any]]:
    """`palette`, `dashes` and `markers` for seaborn, by rule: ten colours, then the same with other dashes.

    With several runs side by side, a rule has one colour in all of them, and other dashes and markers in each.
    """
    colours = sns.color_palette("colorblind", 10)
    colours[5], colours[9] = colours[9], colours[5]  # else adam's colour is close to momentum's
    known = {label: parts(label) for label in order(labels)}
    others = dict.fromkeys(rule for rule, _ in known.values() if rule not in RULES)
    numbers = {rule: place for place, rule in enumerate([*RULES, *others])}
    places = {label: (numbers[rule], 3 * (run - 1)) for label, (rule, run) in known.items()}
    return {
        "palette": {label: colours[n % 10] for label, (n, _) in places.items()},
        "dashes": {label: DASHES[(n // 10 + shift) % len(DASHES)] for label, (n, shift) in places.items()},
        "markers": {label: MARKERS[(n + shift) % 10] for label, (n, shift) in places.items()},
    }


@contextmanager
def panels_in_a_row(most: int) -> Iterator[None]:
    """Figures drawn meanwhile have at most so many panels in a row, as a narrow column of a paper needs."""
    token = _MOST.set(most)
    try:
        yield
    finally:
        _MOST.reset(token)


def panels(
    count: int, groups: int = 1, *, width: float = 4.2, height: float = 3.2, share: bool = True
) -> tuple[Figure, list[Axes]]:
    """A figure with `groups` times `count` axes, few in a row (`panels_in_a_row`, else 3), so that text stays readable.

    Every group begins a row. The axes of a row share their y axis unless `share` is false.
    """
    columns = min(count, _MOST.get())
    rows = -(-count // columns)
    figure = Figure(figsize=(max(width * columns, 6.0), height * rows * groups), layout="constrained")
    table = figure.subplots(rows * groups, columns, squeeze=False, sharey="row" if share else False).reshape(
        groups, rows * columns
    )
    for unused in table[:, count:].flat:
        unused.remove()
    return figure, list(table[:, :count].flat)


def saved(figure: Figure, path: Path, form: str, dpi: int) -> None:
    """Write a figure by itself: what takes the page's colours has black ink, grey lines and white paper there."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format=form, dpi=dpi, metadata=None if form in ("png", "pgf") else {"Creator": None})
    path.write_bytes(buffer.getvalue())


@contextmanager
def _laid_out(figure: Figure) -> Iterator[None]:
    """Lay the figure out for SVG by its engine alone. `savefig` would draw the whole figure once more for that."""
    engine, canvas, dpi = figure.get_layout_engine(), figure.canvas, figure.dpi
    if engine is None:
        yield
        return
    try:
        FigureCanvasSVG(figure)  # whose texts the engine measures, at SVG's own resolution
        figure.dpi = FigureCanvasSVG.fixed_dpi
        engine.execute(figure)
        with mpl.rc_context({"figure.constrained_layout.use": False, "figure.autolayout": False}):
            figure.set_layout_engine(None)  # "none" would leave a stand-in, for which the figure is drawn once more
        yield
    finally:
        figure.set_layout_engine(engine)
        figure.set_canvas(canvas)
        figure.dpi = dpi


def svg(figure: Figure, name: str) -> str:
    """The figure as an SVG element whose ids all begin with `name`, so that one page can hold several.

    The elements have the facts that `marks.mark` recorded for their artists.
    """
    buffer = io.StringIO()
    named = name_marks(figure)
    with style(), _laid_out(figure):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = annotated(compact(text[text.index("<svg") :], name), figure, named)
    for colour, of_page in OF_PAGE.items():
        text = text.replace(colour, of_page)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(xlink:href|href)="#([^"]+)"', rf'\1="#{name}-\2"', text)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
