"""The trials and curves that lessons take from a run of their suite."""

import pandas as pd

from gdbench.reports.results import Results
from gdbench.stats import choose


def trials_of(results: Results, problem: str, *rules: str) -> pd.DataFrame:
    """The trials of these rules on the problem of that label, each rule at the learning rate with the least final loss.

    A problem with axes has several names in a run, which begin with its label. If one of the rules has no trials, as in
    an incomplete run, the frame has no rows.
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
