"""One lesson: a figure, its sentence and table, and the line of Python that repeats it."""

from collections.abc import Mapping

import pandas as pd

from gdbench.reports.figure import Picture

Frames = Mapping[str, pd.DataFrame]


class Lesson(Picture[Frames]):
    """A figure of this folder with its own frames, whatever the results are."""

    @property
    def frames(self) -> Frames:
        """What it is drawn from."""
        return self.source
