"""The best of k settings drawn at random, which shows how hard a rule is to tune.

Let x(1) <= ... <= x(n) be n numbers, of which k are drawn without replacement. The least one drawn is x(i) if x(i) is
drawn and the other k - 1 are among the n - i that follow it:

    E[best of k] = sum over i of x(i) C(n - i, k - 1) / C(n, k)

Dodge, Gururangan, Card, Schwartz and Smith (Show your work, EMNLP 2019) draw with replacement, with the weights (1 - (i
- 1) / n)^k - (1 - i / n)^k. Nobody tries the same setting twice, and with replacement the estimate is biased: it is
worse than what k draws give (Tang et al., Showing your work doesn't always work, ACL 2020). Without replacement it is
the mean over all sets of k, which is unbiased, and the best of all n is the best there is.

    expected_best(np.array([3.0, 1.0, 2.0]), np.array([1, 2, 3]))  # 2, 4/3, 1
"""

import numpy as np


def expected_best(values: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """The expected least of k of `values`, for each k in `draws`, by the exact formula; float64.

    values: n numbers, less is better. Infinity (a lost trial) counts; the expectation is infinite if a draw may hold
    nothing else, that is for k up to the number of infinite values. draws: whole numbers from 1 to n. Raises ValueError
    for other draws, and for NaN.
    """
    values = np.sort(np.asarray(values, np.float64))
    weights = _weights(values, draws)
    with np.errstate(invalid="ignore"):  # 0 times infinity, which np.where drops
        return np.asarray(np.where(weights > 0, weights * values, 0.0).sum(axis=1))


def chance_of_any(settings: int, arriving: int) -> np.ndarray:
    """The chance that at least one of k settings reaches the target, for k = 1, 2, ..., settings; float64.

    settings: how many there are. arriving: how many of them reach the target.

    1 - C(n - m, k) / C(n, k) = 1 - the product over j < k of (n - m - j) / (n - j).
    """
    drawn = np.arange(settings)
    return np.asarray(1.0 - np.cumprod(np.maximum(settings - arriving - drawn, 0) / (settings - drawn)))


def _weights(values: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """For each k (row), the chance that each of the sorted values (column) is the best of k.

    The first is k / n; each next one is the one before times (n - i - k + 1) / (n - i), which hardly over- or
    underflows.
    """
    draws, n = np.asarray(draws), values.size
    if np.isnan(values).any():
        raise ValueError("values must not be NaN")
    if n == 0 or not ((draws >= 1) & (draws <= n)).all():
        raise ValueError(f"draws must lie between 1 and the number of values, {n}")
    left = n - np.arange(1, n)  # values after the first, the second, ...
    steps = np.maximum(left - draws[:, None] + 1, 0) / left
    return np.cumprod(np.concatenate([draws[:, None] / n, steps], axis=1), axis=1)
