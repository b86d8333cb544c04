"""Names in pictures: a long name is cut in the middle, and different names stay different.

    short(["adam", "a name of eighty letters ..."])    # {"adam": "adam", "a name of ...": "a name of eig… letters"}
    legend(figure, [(line, "adam", "adam")], loc="upper right")

Matplotlib lays out a picture, but its font lacks most of the world's letters. The browser that shows it has them. So
an artist holds other letters of the same width during layout, and its SVG gets the real text (`marks.mark`).
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text

from gdbench.inputs.visible import visible
from gdbench.reports.marks import mark

COLUMNS = 30  # columns of a name; a Chinese letter and most emoji take two
INCHES = 0.075  # inches of a column, in the size of legends and ticks
KEY = 0.5  # inches that a legend needs beside each name


def short(names: Iterable[str], most: int = COLUMNS) -> dict[str, str]:
    """The text for each name in a picture: the name, or a cut one of `most` columns."""
    made: dict[str, str] = {}
    for name in dict.fromkeys(names):
        whole, number = visible(name), 1
        cut = _cut(whole, most)
        while cut in made.values():
            number += 1
            cut = f"{_cut(whole, most - 2 - len(str(number)))} #{number}"
        made[name] = cut
    return made


def columns(text: str) -> int:
    """The width of a text, in Latin letters."""
    return sum(_width(letter) for letter in text)


def inches(names: Iterable[str]) -> float:
    """The width of the widest of these names, as `short` cuts them."""
    return INCHES * max(map(columns, short(names).values()), default=0)


def write(artist: Text, name: str, cut: str, after: str = "", rule: str | None = None) -> None:
    """Let a text show a name, cut if it is long, and `after` behind it. The page shows the whole name on hover.

    An axis sets the labels of its ticks at each drawing, so it needs `laid_out(cut)` too.
    """
    artist.set_text(laid_out(cut + after))
    mark(artist, rule=rule, says=cut + after, title="" if cut == visible(name) else name)


def legend(owner: Figure | Axes, entries: Sequence[tuple[Artist, str, str | None, str]], **options: Any) -> Legend:
    """A legend of handles with their names; the page hides an entry with its rule, if it has one.

    entries: handle, name, rule, and the text behind the name. A name may begin with `_`, although matplotlib's own
    legends leave such names out.
    """
    names = short(name for _, name, _, _ in entries)
    made = owner.legend([handle for handle, *_ in entries], ["x"] * len(entries), **options)
    for drawn, words, (_, name, rule, after) in zip(made.legend_handles, made.get_texts(), entries, strict=True):
        write(words, name, names[name], after, rule)
        if rule is not None and drawn is not None:
            mark(drawn, rule=rule)
    return made


def _cut(text: str, most: int) -> str:
    """A text, or the beginning and a shorter end of a long one, with an ellipsis between them."""
    if columns(text) <= most:
        return text
    end = most // 3
    return f"{_head(text, most - 1 - end)}…{_head(text[::-1], end)[::-1]}"


def _head(text: str, most: int) -> str:
    used = 0
    for place, letter in enumerate(text):
        used += _width(letter)
        if used > most:
            return text[:place]
    return text


def _width(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def laid_out(text: str) -> str:
    """A text of about the same width in letters that every font has. A dollar sign would begin a formula."""
    return re.sub(r"[^ -#%-~\xa0-\u024f…–×µ‘’“”]", lambda found: ("", "x", "m")[_width(found[0])], text)
