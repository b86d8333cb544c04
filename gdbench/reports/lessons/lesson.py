"""One lesson: a figure, its sentence and table, and the line of Python that repeats it."""

from collections.abc import Mapping

import pandas as pd

from gdbench.reports.figure import Picture

Frames = Mapping[str, pd.DataFrame]


class Lesson(Picture[Frames]):
    """A figure of this folder with its own frames, which do not depend on a run's results."""

    @property
    def frames(self) -> Frames:
        """The frames that it is drawn from."""
        return self.source
