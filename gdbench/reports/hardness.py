"""A metric as a positive number that falls as the metric gets better, for a logarithmic axis.

An accuracy becomes its error, so that 98 % and 99 % are as far apart as 80 % and 90 %. A function's value becomes its
height. A loss stays a loss.
"""

import numpy as np
import pandas as pd
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from gdbench.reports import text
from gdbench.reports.heights import Heights
from gdbench.reports.lines import plain_ticks
from gdbench.reports.results import Results
from gdbench.results.metrics import rises


class Hardness:
    """The hardness of one metric of some results: its error, its height or the metric itself."""

    def __init__(self, results: Results, metric: str) -> None:
        self.metric = metric
        self.rises = rises(metric)
        self._heights = Heights.of(results) if metric == "value" else None
        self.title = self._heights.label if self._heights else text.metric_title(metric)
        errors = 1.0 - results.curves[metric] if self.rises else pd.Series(dtype=float)
        self._floor = float(errors[errors > 0].min()) / 2 if (errors > 0).any() else 0.005

    def of(self, values: pd.Series) -> pd.Series:
        """The hardness of values of the metric; an accuracy of 100 % gets half the least error in the run's curves."""
        if self.rises:
            return (1.0 - values).clip(lower=self._floor)
        return self._heights.above(values) if self._heights else values

    def level(self, hardness: np.ndarray) -> np.ndarray:
        """The metric's value at that hardness."""
        if self.rises:
            return 1.0 - hardness
        return hardness + self._heights.least if self._heights else hardness

    def words(self, hardness: float) -> str:
        """A hardness as text."""
        if self.rises:
            return f"error {text.percent(0.0 if hardness <= self._floor else hardness)}"
        return text.number(hardness)

    def level_words(self, level: float) -> str:
        """A level of the metric as text; a value that may be negative is written as its height."""
        least = self._heights.least if self._heights else 0.0
        return f"{text.number(level - least)} above {text.number(least)}" if least else text.metric(self.metric, level)

    def label(self, axis: Axis) -> None:
        """Label the ticks of an axis that is logarithmic already: accuracies in per cent."""
        if not self.rises:
            plain_ticks(axis)
            return
        low, high = sorted(axis.get_view_interval())
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 100 * low else (1.0,)))
        axis.set_major_formatter(FuncFormatter(lambda error, _: f"{100 * (1 - error):.4g} %"))
        axis.set_minor_formatter(NullFormatter())
