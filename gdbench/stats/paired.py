"""Tests whether head is worse or better than base by more than a margin, from paired or unpaired log-ratios.

    test = sign(np.log(head / base), margin=np.log(1.03))
    test.ratio, test.low, test.high, test.worse, test.better

Less is better, so a positive difference means that head is worse. The null hypothesis of `worse` is that head is worse
by at most the margin; that of `better` is that head is better by at most the margin. So the margin lies inside both.
Swapping base and head swaps the two, and turns every ratio into its reciprocal.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

DECIMALS = 12  # of a log-ratio: rounding errors must neither order equal ones nor move one off the margin
EXACT = 60  # most pairs for which the distribution of the signed ranks is computed exactly
POWER = 0.8  # "found four times in five"
CUTS = 200  # quantiles that stand for a distribution
TRIMMED = 0.2  # of the pairs of processes at either end: a bad moment of a shared machine, or a bad place in memory
BETWEEN_PROCESSES = 0.01  # the share by which the same code differs between processes (tests/same_code.py)


class Test(NamedTuple):
    """The result of a test: head as a multiple of base, the 95 % interval, and the p-values of worse and better."""

    ratio: float
    low: float
    high: float
    worse: float
    better: float
    pairs: int
    detectable: float = np.nan  # the smallest ratio that one test of new such data finds four times in five

    @property
    def p(self) -> float:
        """The p-value of either: twice the smaller one."""
        return min(1.0, 2.0 * min(self.worse, self.better))


NOTHING = Test(np.nan, np.nan, np.nan, 1.0, 1.0, 0)


def differences(base: np.ndarray, head: np.ndarray) -> np.ndarray:
    """log(head / base) of each pair; infinite if one of the two is infinite. Pairs with both infinite are left out.

    If neither trial of a pair reached the target, both are later than their budget, and nobody knows which is later.
    Numbers that are not positive (a function may be negative) have no logarithm. Their difference as a share of the
    larger magnitude replaces it.
    """
    base, head = np.asarray(base, np.float64), np.asarray(head, np.float64)
    told = ~(np.isposinf(base) & np.isposinf(head))
    base, head = base[told], head[told]
    with np.errstate(all="ignore"):
        logs = np.log(head) - np.log(base)
        scale = np.maximum(np.abs(base), np.abs(head))
        shares = np.where(
            np.isinf(scale), np.sign(head - base) * np.inf, (head - base) / np.where(scale > 0, scale, 1.0)
        )
    return np.where((base > 0) & (head > 0), logs, np.where(base == head, 0.0, shares))


def sign(found: np.ndarray, margin: float, level: float = 0.95) -> Test:
    """The sign test (Dixon and Mood, J. Am. Stat. Assoc. 41, 1946) of the median difference of pairs, against a margin.

    found: `differences`, which may be infinite. margin: a log-ratio, 0 or more. `worse` is the chance that fair coins
    show heads as often as differences lie above the margin, one coin a pair; `better` counts those below minus the
    margin. It is exact for any number of pairs, and n pairs give 2^-n at best.

    It assumes that the pairs are independent, and nothing about the shape of their differences. Wilcoxon's signed ranks
    assume that they are symmetric about their median: of skewed ones whose median lies at the margin, that test calls
    far too many worse. The ratio is that of the median pair. Its interval uses order statistics, which assume as
    little; with fewer than 6 pairs there is none at 95 %.
    """
    found = np.asarray(found, np.float64)
    if not found.size:
        return NOTHING
    low, high = _median_interval(found, level)
    with np.errstate(over="ignore"):
        ratio, low, high = (float(np.exp(value)) for value in (_median(found), low, high))
    return Test(ratio, low, high, _above(found - margin), _above(-found - margin), found.size)


def _above(found: np.ndarray) -> float:
    """The probability of at least as many differences above zero, if each lies there with probability 1/2 at most.

    A pair at the margin is within it, so it counts for neither claim, but stays one of the pairs. Without it, a median
    that lies at the margin, as where most ratios are equal, could be called worse.
    """
    above = int((np.round(found, DECIMALS) > 0.0).sum())
    return float(stats.binom.sf(above - 1, found.size, 0.5))


def _median(found: np.ndarray) -> float:
    """The median; between minus and plus infinity it is no change."""
    middle = np.sort(found)[[(found.size - 1) // 2, found.size // 2]]
    return 0.0 if np.isinf(middle).all() and middle[0] != middle[1] else float(middle.mean())


def one_sided(found: np.ndarray) -> float:
    """Wilcoxon's signed-rank test (Biometrics Bulletin 1, 1945), of ranks at least as high in sum above zero.

    found: differences that are symmetric about zero where there is no effect, so that each may have either sign. An
    infinite one has the highest rank. It is exact up to 60 pairs, also with ties; above, a normal approximation.
    """
    found = np.round(found, DECIMALS)
    found = found[found != 0.0]
    ranks = stats.rankdata(np.abs(found))
    above = float(ranks[found > 0].sum())
    if found.size > EXACT:
        spread = np.sqrt((ranks**2).sum()) / 2
        return float(stats.norm.sf((above - 0.5 - ranks.sum() / 2) / spread))
    doubled = sorted(round(2 * rank) for rank in ranks)  # doubled, since ties have half ranks
    return float(at_least(tuple(doubled))[round(2 * above)])


@lru_cache(maxsize=64)  # without ties, the ranks depend only on the number of pairs
def at_least(ranks: tuple[int, ...]) -> np.ndarray:
    """The probability that the ranks picked by fair coins sum to at least 0, at least 1, ..."""
    chances = np.zeros(sum(ranks) + 1)
    chances[0] = 1.0
    for rank in ranks:
        chances[rank:] = (chances[rank:] + chances[:-rank]) / 2
        chances[:rank] /= 2
    return np.asarray(np.minimum(1.0, chances[::-1].cumsum()[::-1]))


def _median_interval(found: np.ndarray, level: float) -> tuple[float, float]:
    """The k-th value from below and from above, for the greatest k that covers the median at this level."""
    k = _least_covering(found.size, level)
    if k < 1:
        return -np.inf, np.inf
    ordered = np.sort(found)
    return float(ordered[k - 1]), float(ordered[-k])


@lru_cache(maxsize=64)
def _least_covering(size: int, level: float) -> int:
    return int(stats.binom.ppf((1 - level) / 2, size, 0.5))


def mcnemar(base: np.ndarray, head: np.ndarray) -> Test:
    """McNemar's exact test (Psychometrika 12, 1947) of successes in pairs.

    base, head: bool. The ratio is base's successes over head's, so that more than 1 is worse.
    """
    base, head = np.asarray(base, bool), np.asarray(head, bool)
    lost, won = int((base & ~head).sum()), int((~base & head).sum())
    ratio = base.sum() / head.sum() if head.any() else np.inf if base.any() else 1.0
    worse, better = (float(stats.binom.sf(count - 1, lost + won, 0.5)) for count in (lost, won))
    return Test(float(ratio), np.nan, np.nan, worse, better, base.size)


def clustered(
    found: np.ndarray,
    clusters: np.ndarray,
    margin: float,
    level: float = 0.95,
    *,
    size: float = 0.05,
    power: float = POWER,
) -> Test:
    """Yuen's t test (Biometrika 61, 1974) of log-ratios from several pairs of processes, against a margin.

    found: log(head / base), one per round. clusters: the pair of processes of each round. What a process draws when it
    starts (where its code lies in memory) is the same in all its rounds. So the median of each pair of processes counts
    as one value.

    The mean of these values without the lowest and highest fifth is tested: a single disturbed pair neither moves it
    nor hides the others. The standard error is that of the values after those fifths are moved to the nearest value
    kept. size, power: of the test that would find what is `detectable`.
    """
    values = np.sort([np.median(found[clusters == each]) for each in np.unique(clusters)])
    cut = int(TRIMMED * values.size)
    kept = values[cut : values.size - cut]
    centre, spread = float(kept.mean()) if kept.size else np.nan, np.nan
    if kept.size > 1:
        moved = np.clip(values, kept[0], kept[-1])
        spread = float(np.sqrt((values.size - 1) * moved.var(ddof=1) / (kept.size * (kept.size - 1))))
    return _student(centre, spread, kept.size - 1, margin, level, values.size, size, power)


def unpaired(base: np.ndarray, head: np.ndarray, margin: float, level: float = 0.95, *, size: float = 0.05) -> Test:
    """Welch's t test (Biometrika 34, 1947) of the logarithms of two timings that were not measured together.

    base, head: positive numbers, one per round, relative to the reference of their round. Each timing may have another
    layout of memory, which its own rounds cannot show. So one percent for each is added to the spread. size: of the
    test that would find what is `detectable`.
    """
    logs = [np.log(np.asarray(values, np.float64)) for values in (base, head)]
    pairs = min(values.size for values in logs)
    if pairs < 2:
        return NOTHING
    spread, freedom = welch(*logs)
    return _student(float(logs[1].mean() - logs[0].mean()), spread, freedom, margin, level, pairs, size)


def welch(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """The standard error of the difference of two timings' mean logarithms, and its degrees of freedom.

    Each has two values or more. The spread between processes is known, so it adds nothing to Welch and Satterthwaite's
    degrees of freedom.
    """
    squares = [values.var(ddof=1) / values.size for values in (first, second)]
    spread = float(np.sqrt(sum(squares) + 2 * BETWEEN_PROCESSES**2))
    shares = sum(square**2 / (values.size - 1) for square, values in zip(squares, (first, second), strict=True))
    return spread, float(spread**4 / shares) if shares > 0 else np.inf


def _student(
    centre: float,
    spread: float,
    freedom: float,
    margin: float,
    level: float,
    pairs: int,
    size: float = 0.05,
    power: float = POWER,
) -> Test:
    """The t test of an estimate with its standard error; fewer than two values have neither interval nor p."""
    if pairs < 2:
        return Test(float(np.exp(centre)), np.nan, np.nan, 1.0, 1.0, pairs)
    spread = max(spread, 1e-12)
    reach = stats.t.ppf((1 + level) / 2, freedom) * spread
    found = margin + _beyond(round(freedom, 3), size, power) * spread
    low, high, ratio, detectable = (float(np.exp(v)) for v in (centre - reach, centre + reach, centre, found))
    worse, better = (float(stats.t.sf((sign * centre - margin) / spread, freedom)) for sign in (1, -1))
    return Test(ratio, low, high, worse, better, pairs, detectable)


@lru_cache(maxsize=256)
def _beyond(freedom: float, size: float, power: float) -> float:
    """How many estimated standard errors beyond the margin a true ratio must lie to be found with probability `power`.

    Both spreads are estimates. Let s be the one at hand and s' that of the new data, as multiples of the true one. The
    new data find the ratio if Z + k s > t s', with Z normal and t the bound of the test. k is chosen so that this has
    the probability `power` over s and s', each the root of a chi squared over its degrees of freedom.
    """
    least = float(stats.t.ppf(1 - size / 2, freedom))
    if np.isinf(freedom):
        return least + float(stats.norm.ppf(power))
    shares = (np.arange(CUTS) + 0.5) / CUTS
    spreads = np.sqrt(stats.chi2.ppf(shares, freedom) / freedom)

    def found(k: float) -> float:
        return float(stats.norm.cdf(k * spreads[:, None] - least * spreads[None, :]).mean()) - power

    most = 2.0 * least + 2.0
    while found(most) < 0.0:
        most *= 2.0
    return float(optimize.brentq(found, 0.0, most, xtol=1e-6))
