"""Performance profiles: on which share of the problems is a rule within a factor tau of the best?

    r(p, s) = t(p, s) / min over the rules s' of t(p, s')
    rho(s, tau) = number of problems p with r(p, s) <= tau / number of problems

Dolan and More, Benchmarking optimization software with performance profiles, Mathematical Programming 91, 2002. A
problem that a rule does not solve has an infinite ratio. One that no rule solves still counts in the denominator, so
rho ends at the share that the rule solves. rho(s, 1) is the share on which the rule is the best, ties included.

Adding other rules changes a rule's ratios, and with them the order of all but the best (Gould and Scott, A note on
performance profiles for benchmarking software, ACM TOMS 43, 2016). Ratios to a fixed reference rule do not change.

    table = ratios(times)             # times: a row per problem, a column per rule
    profile(table)                    # rule, tau, share: where each step of rho is
    share_within(table, 2.0)          # rho(2) of each rule
"""

import numpy as np
import pandas as pd

RESAMPLES = 500


def ratios(times: pd.DataFrame, reference: str | None = None) -> pd.DataFrame:
    """Each time over the least of its row, or over that of the column `reference`; infinite if not solved.

    times: positive, a row per problem and a column per rule, infinite if the rule does not solve the problem. A rule
    that solves a problem which `reference` does not solve has ratio 0: it is sooner by any factor. Raises ValueError
    for NaN and for times that are not positive: a rule that was not tried on a problem has no place in its profile.
    """
    if not (times.to_numpy(np.float64) > 0).all():
        raise ValueError("times must be positive, and there must be one for every rule on every problem")
    base = times.min(axis=1) if reference is None else times[reference]
    return times.div(base, axis=0).where(np.isfinite(times), np.inf)


def share_within(table: pd.DataFrame, tau: float) -> pd.Series:
    """rho(tau) of each rule: the share of the rows whose ratio is finite and at most tau."""
    within: pd.Series = ((table <= tau) & np.isfinite(table)).mean()
    return within


def profile(table: pd.DataFrame) -> pd.DataFrame:
    """rho as a step function, continuous from the right: `rule`, `tau`, `share` at every tau at which it rises.

    Between two of a rule's rows, rho is that of the first one; before its first row it is 0. A rule that solves nothing
    has no rows.
    """
    parts = []
    for rule, own in table.items():
        tau, counts = np.unique(own[np.isfinite(own)].to_numpy(np.float64), return_counts=True)
        parts.append(pd.DataFrame({"rule": rule, "tau": tau, "share": np.cumsum(counts) / len(own)}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["rule", "tau", "share"])


def bands(table: pd.DataFrame, strata: np.ndarray, tau: np.ndarray, level: float = 0.95) -> pd.DataFrame:
    """`rule`, `tau`, `share`, and `low` and `high` at each tau: a bootstrap interval over the rows within each stratum.

    strata: the group of each row, such as its problem and batch size if the rows of a group differ only in the seed.
    Then the interval is over seeds for these problems, and says nothing about other problems.
    """
    codes = np.unique(np.asarray(strata), return_inverse=True)[1]
    random = np.random.Generator(np.random.PCG64(0))
    weights = np.zeros((RESAMPLES, len(table)))
    for code in range(codes.max() + 1 if len(codes) else 0):
        rows = np.flatnonzero(codes == code)
        weights[:, rows] = random.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=RESAMPLES)
    parts = []
    for rule, own in table.items():
        ratio = own.to_numpy(np.float64)[:, None]
        within = ((ratio <= tau) & np.isfinite(ratio)).astype(np.float64)
        shares = weights @ within / len(own)
        low, high = np.quantile(shares, [(1 - level) / 2, (1 + level) / 2], axis=0, method="inverted_cdf")
        parts.append(pd.DataFrame({"rule": rule, "tau": tau, "share": within.mean(axis=0), "low": low, "high": high}))
    return pd.concat(parts, ignore_index=True)
