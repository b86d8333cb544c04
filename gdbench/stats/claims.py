"""What the reporting seeds can say about several rules: ratios paired by seed and problem, all tested together.

    gaps = [differences(sgd, adam), differences(lion, adam)]    # each: one cost per seed and problem
    found = tested([Range.exact(gap) for gap in gaps])
    found[0].ratio, found[0].low, found[0].high, found[0].adjusted

A cost is whatever a rule needs until the target: samples, seconds, steps; infinite if it never got there. What is
compared must be chosen by other numbers, such as the tuning seeds: the reporting seeds would favour what they chose.
Without such numbers, `total` counts all comparisons among which they chose.

The test is Wilcoxon's signed-rank test on the differences of the logarithms (Biometrics Bulletin 1, 1945), exact up to
60 pairs. If two rules are equal, each difference is as likely to have either sign, so it holds its level whatever the
distribution. Holm's method (Scandinavian Journal of Statistics 6, 1979) adjusts for the number of comparisons.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from gdbench.stats.intervals import Interval, bootstrap_median
from gdbench.stats.paired import EXACT, POWER, at_least, one_sided

LEVEL = 0.05  # the share of pages that may claim a difference where there is none
SHARE_OF_TIMING = 0.1  # of the level, which is left to the error of a timing
DRAWS = 1000  # samples by which the power of a test is estimated
MOST = 1e4  # the largest ratio that is looked for
MOST_SEEDS = 1000
FAR = 1e6  # stands for an infinite difference: so large that its exponential is infinite, and that of half of it too


class Range(NamedTuple):
    """The `differences` of two rules: those shown, and the least and the greatest that are possible."""

    shown: np.ndarray
    least: np.ndarray
    greatest: np.ndarray

    @classmethod
    def exact(cls, found: np.ndarray) -> "Range":
        """Differences that are known."""
        return cls(found, found, found)


class Comparison(NamedTuple):
    """A rule beside the reference: its cost as a multiple, the 95 % interval, and how sure the difference is.

    p: of this comparison alone, two-sided. adjusted: of all comparisons together (`holm`). sign: 1 if the rule takes
    more by the test, which the median pair need not show; -1 if it takes less. pairs: how many seeds and problems both
    have.
    """

    ratio: float
    low: float
    high: float
    p: float
    adjusted: float
    sign: int
    pairs: int

    @property
    def differs(self) -> bool:
        """Whether the two rules can be told apart."""
        return self.adjusted <= LEVEL


def differences(costs: ArrayLike, reference: ArrayLike) -> np.ndarray:
    """log(cost / reference) of each pair; 0 where neither was reached, infinite where one was not.

    A cost of 0 is there from the start. If any is negative, as the value of a function may be, the differences are
    shares of the larger magnitude instead. NaN marks a trial that is missing, whose pair is left out.
    """
    mine, base = np.asarray(costs, np.float64), np.asarray(reference, np.float64)
    if mine.shape != base.shape or mine.ndim != 1:
        raise ValueError(f"costs of shapes {mine.shape} and {base.shape} are not pairs")
    there = ~(np.isnan(mine) | np.isnan(base))
    mine, base = mine[there], base[there]
    with np.errstate(divide="ignore", invalid="ignore"):
        if min(mine.min(initial=0.0), base.min(initial=0.0)) < 0:
            larger = np.maximum(np.abs(mine), np.abs(base))
            found = np.where(np.isinf(larger), mine - base, (mine - base) / larger)
        else:
            found = np.log(mine) - np.log(base)
    return np.where(mine == base, 0.0, found)


def tested(found: Sequence[Range], slack: Sequence[float] | None = None, total: int | None = None) -> list[Comparison]:
    """All comparisons of a page together.

    found: what is claimed of a comparison must hold wherever in its range the differences are. slack: as `direction`
    takes it, one per comparison. total: how many comparisons these were chosen from, if their own numbers chose them;
    as many as there are by default.
    """
    alone = [_in_range(each, more) for each, more in zip(found, slack or [0.0] * len(found), strict=True)]
    adjusted = holm([p for p, _ in alone], total)
    return [
        Comparison(*_as_ratio(each), p, together, sign, each.shown.size)
        for each, (p, sign), together in zip(found, alone, adjusted, strict=True)
    ]


def _in_range(found: Range, slack: float) -> tuple[float, int]:
    """`direction`, or for a true range the greatest p-value that differences within it can have."""
    if found.least is found.greatest or math.isinf(slack):
        return direction(found.shown, slack)
    return _two_sided(_against(found.least - slack), _against(-found.greatest - slack), slack)


def _against(found: np.ndarray) -> float:
    """The p-value of the signed ranks above zero, if zeros and ties are all ranked against them.

    No larger differences have a larger one, so that of the least holds for a whole range. (Without zeros, as in Pratt's
    remarks on Wilcoxon's test, J. Am. Stat. Assoc. 54, 1959, a difference that rises to zero would be left out.)
    """
    if not found.size:
        return 1.0
    order = np.lexsort((found <= 0, np.abs(found)))  # of equal sizes, those above zero have the lowest ranks
    ranks = np.arange(1, found.size + 1)
    return float(_tail(np.array([ranks[found[order] > 0].sum()]), found.size)[0])


def _as_ratio(found: Range) -> tuple[float, float, float]:
    """The median ratio as shown, and its interval, from that of the least to that of the greatest differences.

    Halfway between a rule that alone never gets there and one that alone does lies the ratio 1.
    """
    middle = _median(found.shown)
    low, high = (middle if each is found.shown else _median(each) for each in found[1:])
    with np.errstate(over="ignore"):
        low_end, ratio, high_end = (float(np.exp(value)) for value in (low.low, middle.estimate, high.high))
    return ratio, low_end, high_end


def _median(found: np.ndarray) -> Interval:
    return bootstrap_median(np.clip(found, -FAR, FAR))


def direction(found: np.ndarray, slack: float = 0.0) -> tuple[float, int]:
    """The two-sided p-value of the differences of pairs, of which each may have either sign; and the sign they favour.

    slack: all differences together may be off by so much, such as by the error of a timing that they share. A tenth of
    the level is left to it (`soonest.py`), so the p-value is the larger. Without pairs, p is 1 and the sign is 0.
    """
    if not found.size or math.isinf(slack):
        return 1.0, 0
    return _two_sided(one_sided(found - slack), one_sided(-found - slack), slack)


def _two_sided(above: float, below: float, slack: float) -> tuple[float, int]:
    p = 2.0 * min(above, below) / (1.0 - SHARE_OF_TIMING if slack else 1.0)
    return (p, 1 if above < below else -1) if p < 1.0 else (1.0, 0)


def holm(p: Sequence[float], total: int | None = None) -> list[float]:
    """Holm's adjusted p-values: at most `LEVEL` of all pages claim anything where nothing differs.

    total: how many p-values there are if these are some of them. Then at most as much is rejected as among all of them.
    """
    total = max(len(p), total or 0)
    order = sorted(range(len(p)), key=lambda place: p[place])
    adjusted, least = [1.0] * len(p), 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, (total - rank) * p[place]))
        adjusted[place] = least
    return adjusted


def fewest_pairs(comparisons: int) -> int:
    """The fewest pairs with which one of so many comparisons can differ at all, when all its pairs agree.

    Such a comparison has the p-value 2^(1 - pairs).

    >>> fewest_pairs(1), fewest_pairs(5)
    (6, 8)
    """
    return 1 + math.ceil(math.log2(comparisons / LEVEL) - 1e-9)


def detectable(found: np.ndarray, comparisons: int, pairs: int | None = None) -> float:
    """The smallest ratio that is found four times in five, by as many pairs that vary as these differences do.

    comparisons: how many are made in all, of which the first must differ (p at most `LEVEL` / comparisons). pairs: by
    default as many as there are. Infinite where none is found, or no ratio up to 10,000.
    """
    pairs = found.size if pairs is None else pairs
    finite = found[np.isfinite(found)]
    if not finite.size or pairs < fewest_pairs(comparisons):
        return math.inf
    spread = finite - np.median(finite)
    draws = np.random.Generator(np.random.PCG64(0)).choice(spread, size=(DRAWS, pairs))

    def power(shift: float) -> float:
        return float((_p_values(draws + shift) <= LEVEL / comparisons).mean())

    low, high = 0.0, math.log(MOST)
    if power(high) < POWER:
        return math.inf
    while high - low > 1e-3:
        middle = (low + high) / 2
        low, high = (low, middle) if power(middle) >= POWER else (middle, high)
    return math.exp(high)


def pairs_to_halve(found: np.ndarray, comparisons: int) -> float:
    """How many pairs would find half of the `detectable` difference, on a logarithmic scale; infinite over 1000."""
    now = detectable(found, comparisons)
    wanted = math.sqrt(now)
    low = found.size
    high = 2 * low
    while high <= MOST_SEEDS and detectable(found, comparisons, high) > wanted:
        low, high = high, 2 * high
    if not math.isfinite(now) or high > MOST_SEEDS:
        return math.inf
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if detectable(found, comparisons, middle) <= wanted else (middle, high)
    return high


def _p_values(found: np.ndarray) -> np.ndarray:
    """the p-value of `direction` for each row, as if there were no ties among a row's absolute differences."""
    pairs = found.shape[1]
    ranks = np.abs(found).argsort(axis=1).argsort(axis=1) + 1
    above = np.where(found > 0, ranks, 0).sum(axis=1)
    total = pairs * (pairs + 1) // 2
    return np.asarray(np.minimum(1.0, 2.0 * _tail(np.maximum(above, total - above), pairs)))


def _tail(sums: np.ndarray, pairs: int) -> np.ndarray:
    """How often the ranks above zero of so many pairs without ties sum to at least these numbers."""
    if pairs <= EXACT:
        return np.asarray(at_least(tuple(range(1, pairs + 1)))[sums])
    spread = math.sqrt(pairs * (pairs + 1) * (2 * pairs + 1) / 24)
    return np.asarray(stats.norm.sf((sums - 0.5 - pairs * (pairs + 1) / 4) / spread))
