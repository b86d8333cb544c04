"""A function's values as heights that a logarithmic axis can hold: they may be zero or negative, losses are not.

heights = Heights.of(run)
heights.above(run.curves["value"]), heights.label, heights.caption
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from gdbench.reports import text
from gdbench.reports.results import Results

DEPTH = 1e-16  # of the height at the start: float64 tells no more apart where the least value is not zero


class Heights(NamedTuple):
    """least: the value that counts as height 0. floor: where heights below it are drawn."""

    least: float
    floor: float

    @classmethod
    def of(cls, results: Results) -> "Heights":
        """From 0 where no value is negative, else from the least value in these curves."""
        curves = results.curves
        values = curves["value"][np.isfinite(curves["value"])]
        least = min(0.0, float(values.min())) if len(values) else 0.0
        start = float(values[curves["step"] == 0].max()) - least if len(values) else 1.0
        return cls(least, DEPTH * (start if start > 0 else 1.0))

    def above(self, values: pd.Series) -> pd.Series:
        """Heights, infinite and missing ones as they are."""
        return (values - self.least).clip(lower=self.floor)

    @property
    def label(self) -> str:
        """What an axis of heights is called."""
        return "value" if self.least == 0 else f"value above {text.number(self.least)}"

    @property
    def caption(self) -> str:
        """What the axis does, in a sentence."""
        if self.least == 0:
            return "Values below 1e-16 of the start, zero too, are drawn there."
        return (
            f"Values are drawn as heights above {text.number(self.least, 6)}, the least that any trial of this problem "
            "saw, since they may be negative; the line that got there drops to the lower edge, 1e-16 of the start."
        )
