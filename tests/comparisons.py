"""Comparisons made by hand, for the tests of what is told about them."""

import numpy as np
import pandas as pd

from gdbench.gate.comparison import COLUMNS, Comparison

HOSTILE = 'a:b,c%\r\n<&"|`*_[x]_*\x07\x1b[31m\ufffe]]>--'
SIDE = {
    "suite": "digits",
    "state": "complete",
    "commit": "133822e9bffb56f4",
    "dirty": False,
    "code": "ab",
    "cpu": "CPU",
}
NAMES = {"family": "digest", "metric": "digest", "problem": "digits", "rule": "adam", "batch_size": 32.0}
TESTED = {"ratio": 1.15, "low": 1.1, "high": 1.2, "margin": 0.03, "p": 1e-6, "q": 1e-5, "pairs": 15, "detectable": 1.05}


def finding(verdict, reason, **cells):
    """A row of findings; what is not given is NaN."""
    names = {**dict.fromkeys(COLUMNS, np.nan), **NAMES, "dtype": "float32"}
    return {**names, "verdict": verdict, "reason": reason, **cells}


def comparison(*rows, notes=(), **facts):
    """A comparison of these rows."""
    base, head = ({"name": f"run {run}", "run": run, **SIDE, **facts} for run in ("0000aaaa", "1111bbbb"))
    return Comparison(base, head, pd.DataFrame(list(rows), columns=list(COLUMNS)), notes=list(notes))


def one_of_each(rule="adam"):
    """A comparison with every verdict, an infinite ratio, a metric without a rule, and 14 alike that are not told."""
    costs = {**TESTED, "family": "cost", "base": 2.1, "head": 2.4, "rule": rule}
    noisy = {**costs, "rule": np.nan, "low": 0.9, "q": 0.9, "margin": 0.25, "detail": "not taken together"}
    late = {**TESTED, "family": "convergence", "base": 210.0, "head": np.inf, "ratio": np.inf, "high": np.inf}
    return comparison(
        finding("regressed", "beyond-margin", metric="step", **costs),
        finding("regressed", "beyond-margin", metric="steps_to_target", **{**late, "rule": rule, "detectable": np.nan}),
        finding("failed", "failed-trial", rule="lion", detail="2 of 20 trials failed", pairs=20),
        finding("missing", "not-in-head", rule="radam"),
        *(finding("inconclusive", "noisy", metric=f"forward product {i}", **noisy) for i in range(14)),
        finding("changed", "bits-differ", rule="sgd", detail="the bits of 4 of 20 trials differ", pairs=20),
        finding("improved", "suspicious", metric="update", **{**costs, "rule": "nadam", "ratio": 0.2, "low": 0.1}),
        finding("unchanged", "equal", family="count", metric="parameters", base=4144.0, head=4144.0, ratio=1.0),
        notes=["step regressed in 4 of 5 metrics"],
    )
