"""Powers: the k of y = c x^k, by least squares on logarithms, fitted in each repetition by itself.

exponents(points, ["rule"], "parameters", "seconds")
"""

import numpy as np
import pandas as pd

from gdbench.stats.families import SIZES
from gdbench.stats.intervals import summarise


def exponent(x: np.ndarray, y: np.ndarray) -> float:
    """The least-squares slope of log y over log x, both positive. Needs at least two points with different x.

    >>> round(exponent(np.array([1.0, 10.0, 100.0]), np.array([2.0, 2.0, 200.0])), 12)
    1.0
    """
    u, v = np.log(np.asarray(x, np.float64)), np.log(np.asarray(y, np.float64))
    u = u - u.mean()
    return float(u @ v / (u @ u))


def exponents(points: pd.DataFrame, keys: list[str], x: str, y: str) -> pd.DataFrame:
    """`median`, `low` and `high` over repetitions of the exponent of each group of `keys`, and `least`, `most` of x.

    points: a row per measurement, with the columns keys, x, y (both positive) and `repetition`. Each repetition has its
    own exponent, so the interval covers what changes from round to round, or from seed to seed. Groups with fewer than
    three x have no row, nor have groups in which a y is infinite (a target not reached) or 0.
    """
    rows = []
    for key, group in points.groupby(keys, sort=False):
        if group[x].nunique() < SIZES or not (np.isfinite(group[y]) & (group[y] > 0)).all():
            continue
        own = [fit for _, fit in group.groupby("repetition") if fit[x].nunique() == group[x].nunique()]
        slopes = [exponent(fit[x].to_numpy(), fit[y].to_numpy()) for fit in own]
        rows += [(*key, group[x].min(), group[x].max(), slope) for slope in slopes]
    frame = pd.DataFrame(rows, columns=[*keys, "least", "most", "exponent"])
    return summarise(frame, [*keys, "least", "most"], "exponent")
