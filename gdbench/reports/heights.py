"""A function's values as heights for a logarithmic axis: values may be zero or negative, unlike losses.

heights = Heights.of(run)
heights.above(run.curves["value"]), heights.label, heights.caption
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from gdbench.reports import text
from gdbench.reports.results import Results

DEPTH = 1e-16  # of the height at the start: float64 resolves no smaller one unless the least value is zero


class Heights(NamedTuple):
    """Heights above a value. least: the value of height 0. floor: smaller heights are drawn at this one."""

    least: float
    floor: float

    @classmethod
    def of(cls, results: Results) -> "Heights":
        """Heights above 0 if no value is negative, else above the least value in these curves."""
        curves = results.curves
        values = curves["value"][np.isfinite(curves["value"])]
        least = min(0.0, float(values.min())) if len(values) else 0.0
        start = float(values[curves["step"] == 0].max()) - least if len(values) else 1.0
        return cls(least, DEPTH * (start if start > 0 else 1.0))

    def above(self, values: pd.Series) -> pd.Series:
        """The heights of some values; infinite and missing values stay."""
        return (values - self.least).clip(lower=self.floor)

    @property
    def label(self) -> str:
        """The label of an axis of heights."""
        return "value" if self.least == 0 else f"value above {text.number(self.least)}"

    @property
    def caption(self) -> str:
        """A sentence that explains the axis."""
        if self.least == 0:
            return "Values below 1e-16 of the start, zero too, are drawn at that height."
        return (
            f"Values are drawn as heights above {text.number(self.least, 6)}, the least that any trial of this problem "
            "reached, since they may be negative. The line that reaches it drops to the lower edge, 1e-16 of the start."
        )
