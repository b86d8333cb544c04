"""The figures of a run's page, a file each, in the order of the page.

For each problem: which rule is soonest, how far and how soon, how sensitive and how hard to tune, and how well on test
data. Costs come last.
"""

from gdbench.reports.figure import Figure
from gdbench.reports.figures import (
    batches,
    best_of,
    ert,
    heat_map,
    loss_curves,
    profile,
    roofline,
    scaling,
    sensitivity,
    side_by_side,
    standing,
    train_and_test,
)
from gdbench.reports.results import Results

FIGURES: tuple[Figure[Results], ...] = (
    side_by_side.FIGURE,
    profile.FIGURE,
    standing.FIGURE,
    loss_curves.FIGURE,
    ert.FIGURE,
    batches.FIGURE,
    sensitivity.FIGURE,
    heat_map.FIGURE,
    best_of.FIGURE,
    train_and_test.FIGURE,
    scaling.FIGURE,
    roofline.FIGURE,
)
