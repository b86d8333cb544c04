"""What a figure of the page is, and what one is drawn from. `figures/__init__.py` lists all of them.

    FIGURE = Figure(
        name="ert", title="Expected running time", alt="Line plots ...", spans="problem", draw=figure, caption=caption
    )

A figure of lessons is one too, drawn from the frames of its lesson instead of a run's results.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import pandas as pd
from matplotlib.figure import Figure as Drawing

Of = TypeVar("Of")
Words = tuple[str, ...]  # what a variant is called, a word for each thing that variants differ in


@dataclass(frozen=True, eq=False, kw_only=True)
class Figure(Generic[Of]):
    """A figure: its words, and the functions of what it is drawn from (`Of`: results, or a lesson's frames).

    name: of its element on the page and of its files. alt: what the picture shows, for those who cannot see it.
    spans: what of a page it is drawn for: each problem, all problems of a run, several runs; None for a lesson.
    draw: the picture; None where there is nothing to draw, and then the page leaves the figure out.
    caption: the sentences under it. table: rows of cells as they are written. data: the frame of the numbers drawn.
    variants: pictures to choose from, the usual one first; none where there is nothing to draw. varies: what they
    differ in.
    """

    name: str
    title: str | Callable[[Of], str]
    alt: str
    draw: Callable[[Of], Drawing | None]
    caption: Callable[[Of], str]
    spans: Literal["problem", "run", "runs"] | None = None
    table: Callable[[Of], list[dict[str, str]]] | None = None
    data: Callable[[Of], pd.DataFrame] | None = None
    variants: Callable[[Of], Iterator[tuple[Words, Drawing]]] | None = None
    varies: Words = ()


@dataclass(frozen=True, eq=False)
class Picture(Generic[Of]):
    """A figure with what it is drawn from, and the code that repeats it where there is some: what the page shows."""

    of: Figure[Of]
    source: Of
    code: str = ""

    @property
    def name(self) -> str:
        """What the figure is called in a file's or an element's name."""
        return self.of.name

    @property
    def alt(self) -> str:
        """What the picture shows, for those who cannot see it."""
        return self.of.alt

    @property
    def varies(self) -> Words:
        """What its variants differ in."""
        return self.of.varies

    def title(self) -> str:
        """What the figure is called."""
        return self.of.title if isinstance(self.of.title, str) else self.of.title(self.source)

    def figure(self) -> Drawing | None:
        """The picture; None where there is nothing to draw."""
        return self.of.draw(self.source)

    def drawings(self, *, every: bool) -> Iterator[tuple[Words, Drawing]]:
        """The picture by what its variant is called, or every variant; one without variants is called nothing."""
        if every and self.of.variants:
            yield from self.of.variants(self.source)
        elif (drawing := self.figure()) is not None:
            yield (), drawing

    def caption(self) -> str:
        """The sentences under it."""
        return self.of.caption(self.source)

    def table(self) -> list[dict[str, str]] | None:
        """Its numbers, as they are written; None for a figure without a table."""
        return self.of.table(self.source) if self.of.table else None

    def data(self) -> pd.DataFrame:
        """The numbers drawn; an empty frame for a figure that does not give them."""
        return self.of.data(self.source) if self.of.data else pd.DataFrame()
