"""The contract of a figure, and a figure together with its data. `figures/__init__.py` lists the page's figures.

    FIGURE = Figure(
        name="ert", title="Expected running time", alt="Line plots ...", spans="problem", draw=figure, caption=caption
    )

A lesson's figure follows the same contract, but is drawn from the frames of its lesson, not from a run's results.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import pandas as pd
from matplotlib.figure import Figure as Drawing

Of = TypeVar("Of")
Words = tuple[str, ...]  # a variant's name: a word for each thing in which variants differ


@dataclass(frozen=True, eq=False, kw_only=True)
class Figure(Generic[Of]):
    """A figure: its words, and functions of its data (`Of`: results, or a lesson's frames).

    name: that of its element on the page and of its files. alt: a description for readers who cannot see the picture.
    spans: whether a page draws it for each problem, for all problems of a run or for several runs; None for a lesson.
    draw: the picture, or None if there is nothing to draw; then the page leaves the figure out.
    caption: the sentences under it. table: rows of cells as text. data: the frame of the numbers drawn.
    variants: pictures to choose from, the usual one first; none if there is nothing to draw. varies: the things in
    which variants differ.
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
    """A figure with its data, as the page shows it. code: the Python that repeats it, if there is any."""

    of: Figure[Of]
    source: Of
    code: str = ""

    @property
    def name(self) -> str:
        """The figure's name in names of files and elements."""
        return self.of.name

    @property
    def alt(self) -> str:
        """A description for readers who cannot see the picture."""
        return self.of.alt

    @property
    def varies(self) -> Words:
        """The things in which its variants differ."""
        return self.of.varies

    def title(self) -> str:
        """The figure's title."""
        return self.of.title if isinstance(self.of.title, str) else self.of.title(self.source)

    def figure(self) -> Drawing | None:
        """The picture; None if there is nothing to draw."""
        return self.of.draw(self.source)

    def drawings(self, *, every: bool) -> Iterator[tuple[Words, Drawing]]:
        """The usual picture with an empty name, or every variant by its name."""
        if every and self.of.variants:
            yield from self.of.variants(self.source)
        elif (drawing := self.figure()) is not None:
            yield (), drawing

    def caption(self) -> str:
        """The sentences under it."""
        return self.of.caption(self.source)

    def table(self) -> list[dict[str, str]] | None:
        """The rows of its table as text; None for a figure without a table."""
        return self.of.table(self.source) if self.of.table else None

    def data(self) -> pd.DataFrame:
        """The numbers drawn; an empty frame for a figure that does not provide them."""
        return self.of.data(self.source) if self.of.data else pd.DataFrame()
