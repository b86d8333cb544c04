"""What lessons take from the trials of their suite."""

import pandas as pd

from gdbench.reports.results import Results
from gdbench.stats import choose


def trials_of(results: Results, problem: str, *rules: str) -> pd.DataFrame:
    """The trials of these rules on a problem of that label, each rule with the learning rate of least final loss.

    A problem with axes of its own stands in a run under several names, which begin with its label. None at all where
    one of the rules has none, as in a run that is not complete.
    """
    trials = results.trials
    named = (trials["problem"] == problem) | trials["problem"].str.startswith(f"{problem} (")
    mine = trials[named & trials["rule"].isin(rules) & (trials["status"] != "failed")]
    if set(mine["rule"]) != set(rules):
        return mine.iloc[:0]
    chosen = choose(mine)
    return mine.merge(chosen[["problem", "rule", "batch_size", "setting"]])


def curves_of(results: Results, trials: pd.DataFrame) -> pd.DataFrame:
    """The curves of these trials, with problem, rule and seed beside them."""
    return results.curves.merge(trials[["trial", "problem", "rule", "seed"]], on="trial")
