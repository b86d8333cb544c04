"""One lesson: a figure, its sentence and table, and the line of Python that repeats it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

Frames = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, eq=False)
class Lesson:
    """The page takes it for a module of a figure; it reads its own frames, whatever the results.

    module: a file of this folder, with `figure(frames)`, `caption(frames)`, `table(frames)`, TITLE and ALT.
    """

    module: Any
    frames: Frames
    code: str

    @property
    def name(self) -> str:
        """What the lesson is called in a file's or an element's name."""
        return str(self.module.__name__).rpartition(".")[2]

    @property
    def __name__(self) -> str:
        return str(self.module.__name__)

    @property
    def ALT(self) -> str:  # noqa: N802
        """What the picture shows, for those who cannot see it."""
        return str(self.module.ALT)

    def title(self, results: Any = None) -> str:
        """The lesson's title."""
        return str(self.module.TITLE)

    def figure(self, results: Any = None) -> Figure:
        """The picture."""
        drawing: Figure = self.module.figure(self.frames)
        return drawing

    def caption(self, results: Any = None) -> str:
        """The sentence under it, whose numbers are computed from the frames."""
        return str(self.module.caption(self.frames))

    def table(self, results: Any = None) -> list[dict[str, str]]:
        """Its numbers, as they are written."""
        rows: list[dict[str, str]] = self.module.table(self.frames)
        return rows
