"""Change points: where the level of a series of positive numbers moved, and by which factor.

    change_points([1.0, 1.01, 0.99, 1.0, 1.2, 1.21, 1.19])    # first: 4, ratio: 1.2

E-divisive with means (Matteson and James, JASA 109, 2014; for performance Daly et al., ICPE 2020): the series is cut
where the energy distance between both sides is largest, and both sides are cut in turn, until no cut is significant.
With the square for a distance it is, up to a factor, m n / (m + n) (mean of m values - mean of n values)^2, and the cut
is where Student's |t| is largest. Its p is that of t, times the number of places that were tried: Bonferroni's bound,
which is close (Worsley, JASA 74, 1979). Like Fleming et al. (ICPE 2023), who also replace the permutations by a t-test,
this gives the same answer every time, and needs fewer points: permutations of nine have never a p of 0.01. Noise is
pooled, since three values after a change tell too little of their own.

All is done on logarithms; a level is the median of its values, so that one odd value makes no level.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.stats import t as student

MINIMUM = 3  # points on either side of a change
MAGNITUDE = 0.03  # the smallest change of the level that is told
LEVEL = 0.01  # the greatest p
SAME = 1e-9  # logarithms so close together differ by rounding


def change_points(
    values: Sequence[float] | np.ndarray, *, minimum: int = MINIMUM, magnitude: float = MAGNITUDE, level: float = LEVEL
) -> pd.DataFrame:
    """`first` (index of the first point of a new level), `ratio` (new level over the old one) and `p`, a row a change.

    values: in order of time, positive; infinity (what was not reached) counts as twice the greatest finite value when
    it is looked for changes, and as itself in ratios. minimum: points on either side, at least 2. magnitude: smallest
    relative change of the level, 0.03 for a factor of 1.03 or 1 / 1.03. level: the rate at which a series without
    changes shows one. Raises ValueError for values that are not positive.

    >>> change_points([8.0, 8.0, 8.0, 6.0, 6.0, 6.0]).to_dict("records")
    [{'first': 3, 'ratio': 0.75, 'p': 0.0}]
    """
    values = np.asarray(values, np.float64)
    if not (values > 0).all():
        raise ValueError("the values must be positive")
    if minimum < 2:
        raise ValueError(f"minimum = {minimum} must be 2 or more")
    worst = 2.0 * max(values[np.isfinite(values)], default=0.5)
    cuts = dict(_cuts(np.log(values.clip(max=worst)), 0, minimum, level))
    found = _without_small(values, worst, dict(sorted(cuts.items())), np.log1p(magnitude))
    medians = _medians(values, list(found))
    return pd.DataFrame(
        {
            "first": np.array(list(found), np.int64),
            "ratio": medians[1:] / medians[:-1],
            "p": np.array(list(found.values()), np.float64),
        }
    )


def levels(values: Sequence[float] | np.ndarray, first: Sequence[int]) -> np.ndarray:
    """The level at every point: the median of the values between two changes, each given by its first point.

    >>> levels([1.0, 2.0, 3.0, 9.0], [3]).tolist()
    [2.0, 2.0, 2.0, 9.0]
    """
    values = np.asarray(values, np.float64)
    return np.repeat(_medians(values, first), np.diff([0, *first, len(values)])[: len(values)])


def _medians(values: np.ndarray, first: Sequence[int]) -> np.ndarray:
    """The level of each part, infinite where half of its values are."""
    return np.array([np.median(part) for part in np.split(values, list(first)) if len(part)])


def _cuts(logs: np.ndarray, offset: int, minimum: int, level: float) -> Iterator[tuple[int, float]]:
    """All significant cuts with their p, by index in the whole series."""
    count = len(logs)
    places = np.arange(minimum, count - minimum + 1)
    if not len(places):
        return
    centred = logs - logs.mean()
    # Means differ by -sums (1 / m + 1 / n), where sums is that of the first m of all m + n, which add up to nothing.
    sums = centred.cumsum()[places - 1]
    between = sums**2 * count / (places * (count - places))
    best = int(between.argmax())
    place = int(places[best])
    left, right = logs[:place], logs[place:]
    apart = abs(left.mean() - right.mean())
    if apart <= SAME:
        return
    within = ((left - left.mean()) ** 2).sum() + ((right - right.mean()) ** 2).sum()
    error = np.sqrt(within / (count - 2) * (1 / place + 1 / (count - place)))
    # What rounding leaves of equal values is no noise.
    score = apart / error if error > SAME * apart else np.inf
    p = float(min(1.0, len(places) * 2 * student.sf(score, count - 2)))
    if p <= level:
        yield offset + place, p
        yield from _cuts(left, offset, minimum, level)
        yield from _cuts(right, offset + place, minimum, level)


def _without_small(values: np.ndarray, worst: float, cuts: dict[int, float], least: float) -> dict[int, float]:
    """The cuts whose levels differ by at least so much; the smallest goes first, and joins what it parted."""
    while cuts:
        steps = np.abs(np.diff(np.log(_medians(values, list(cuts)).clip(max=worst))))
        smallest = int(steps.argmin())
        if steps[smallest] >= least - SAME:
            break
        del cuts[list(cuts)[smallest]]
    return cuts
