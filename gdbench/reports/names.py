"""Names in pictures: whole while they are short, else cut in the middle, and different where the names are.

    short(["adam", "a name of eighty letters ..."])    # {"adam": "adam", "a name of ...": "a name of eig… letters"}
    legend(figure, [(line, "adam", "adam")], loc="upper right")

A picture is laid out by matplotlib, whose font lacks most of the world's letters, and shown by a browser, which has
them. So an artist holds letters of the same width while it is laid out, and its SVG what it says (`marks.mark`).
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

COLUMNS = 30  # of a name; a letter of Chinese, and most emoji, take two
INCHES = 0.075  # of a column, in the size of legends and ticks
KEY = 0.5  # inches of a legend beside each of its names


def short(names: Iterable[str], most: int = COLUMNS) -> dict[str, str]:
    """What stands in a picture for each name."""
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
    """How wide a text is, in letters of the Latin alphabet."""
    return sum(_width(letter) for letter in text)


def inches(names: Iterable[str]) -> float:
    """How wide the widest of these names is, as `short` cuts them."""
    return INCHES * max(map(columns, short(names).values()), default=0)


def write(artist: Text, name: str, cut: str, after: str = "", rule: str | None = None) -> None:
    """Let a text say a name, or what stands for it, and something after it; the page shows the whole name on hover.

    A tick's label is set by its axis each time that it is drawn: give that `laid_out(cut)` too.
    """
    artist.set_text(laid_out(cut + after))
    mark(artist, rule=rule, says=cut + after, title="" if cut == visible(name) else name)


def legend(owner: Figure | Axes, entries: Sequence[tuple[Artist, str, str | None, str]], **options: Any) -> Legend:
    """A legend of handles with their names; the page hides an entry with its rule, where it has one.

    entries: handle, name, rule, and what stands behind the name. What matplotlib thinks of a name does not matter: it
    leaves out those that begin with `_`.
    """
    names = short(name for _, name, _, _ in entries)
    made = owner.legend([handle for handle, *_ in entries], ["x"] * len(entries), **options)
    for drawn, words, (_, name, rule, after) in zip(made.legend_handles, made.get_texts(), entries, strict=True):
        write(words, name, names[name], after, rule)
        if rule is not None and drawn is not None:
            mark(drawn, rule=rule)
    return made


def _cut(text: str, most: int) -> str:
    """A text, or where it is too long its beginning and a shorter end, with an ellipsis between them."""
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
    """Letters of about the same width that every font has; without a dollar sign, which would begin a formula."""
    return re.sub(r"[^ -#%-~\xa0-\u024f…–×µ]", lambda found: ("", "x", "m")[_width(found[0])], text)
