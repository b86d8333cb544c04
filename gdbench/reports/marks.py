"""Facts about a drawing for the page's script: which rule and batch size an artist shows, and its values.

mark(line, rule="adam", batch=16, name="adam", points=zip(steps, losses, labels))
named = name_marks(figure)
annotated(saved(figure), figure, named)
"""

import html
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.transforms import Transform

from gdbench.inputs.visible import visible

Point = tuple[float, float, str]
POINTS_AN_INCH = 72  # SVG's unit as matplotlib writes it


@dataclass(frozen=True)
class Mark:
    """What an artist shows. facts: those that filter it. points: x, y (in `transform`, else in data) and their text.

    name: that of a line or point. cover: whether it is drawn over another artist. says: the text that the SVG shows, if
    it is not the one laid out. title: the text that the page shows on hover.
    """

    facts: dict[str, str]
    name: str
    points: list[Point]
    transform: Transform | None
    cover: bool
    says: str
    title: str


_marks: "WeakKeyDictionary[Artist, Mark]" = WeakKeyDictionary()


def mark(
    artist: Artist,
    *,
    rule: str | None = None,
    batch: Any = None,
    problem: str | None = None,
    name: str = "",
    points: Iterable[Point] = (),
    transform: Transform | None = None,
    cover: bool = False,
    says: str = "",
    title: str = "",
) -> None:
    """Record what an artist shows: the page hides it by rule, batch size and problem, and shows its values on hover.

    A cover lies over a part of the picture. It has no colour until the page hides that part.
    """
    known = {"rule": rule, "batch": batch, "problem": problem}
    facts = {key: str(value) for key, value in known.items() if value not in (None, "")}
    _marks[artist] = Mark(facts, name, list(points), transform, cover, says, title)


def name_marks(figure: Figure) -> dict[str, Artist]:
    """Give each marked artist an id of its own; returns the artists by id."""
    named = {f"mark{number}": artist for number, artist in enumerate(_of(figure))}
    for identity, artist in named.items():
        artist.set_gid(identity)
    return named


def _of(figure: Figure) -> list[Artist]:
    """The marked artists of a figure, in the order of marking. To search the figure would take longer than drawing."""
    return [artist for artist in _marks if artist.figure is figure]


def annotated(svg: str, figure: Figure, named: dict[str, Artist]) -> str:
    """The SVG of `figure`, with the facts of each mark written to its element."""

    def written(found: re.Match[str]) -> str:
        known = _marks[named[found[1]]]
        title = f"<title>{html.escape(visible(known.title))}</title>" if known.title else ""
        text = f"{found[2]}{html.escape(known.says) if known.says else found[3]}" if found[2] else ""
        return f"<g {_attributes(found[1], named[found[1]], figure)}>{title}{text}"

    return re.sub(r'<g id="(mark\d+)">(?:(<text\b[^>]*>)([^<]*))?', written, svg)


def marked_rule(artist: Artist) -> str | None:
    """The rule that an artist was marked with."""
    return _marks[artist].facts.get("rule") if artist in _marks else None


def _attributes(identity: str, artist: Artist, figure: Figure) -> str:
    """The attributes that `page.js` reads; positions are in the SVG's own unit, from its upper left corner."""
    known = _marks[artist]
    words = {"id": identity, "class": "mark cover" if known.cover else "mark"}
    words |= {f"data-{key}": value for key, value in known.facts.items()}
    shown = [point for point in known.points if math.isfinite(point[0]) and math.isfinite(point[1])]
    if shown:
        transform = known.transform or artist.axes.transData  # type: ignore[union-attr]
        width, height = figure.get_size_inches() * POINTS_AN_INCH
        places = transform.transform([point[:2] for point in shown])
        places = figure.transFigure.inverted().transform(places)
        words["data-name"] = known.name
        words["data-at"] = " ".join(f"{x * width:.1f},{(1 - y) * height:.1f}" for x, y in places)
        words["data-tips"] = "|".join(label.replace("|", "/") for _, _, label in shown)
    return " ".join(f'{key}="{html.escape(visible(value))}"' for key, value in words.items())
