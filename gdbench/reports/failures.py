"""The failed trials and their errors, as text for a page.

failures(run.trials)
"""

import pandas as pd

from gdbench.reports import text


def failures(trials: pd.DataFrame) -> list[dict[str, str]]:
    """A row for each error of each problem, rule and batch size, with one of the trials that it ended.

    trials: `Run.trials`.
    """
    failed = trials[trials["status"] == "failed"]
    keys = ["problem", "rule", "batch_size", "error"]
    return [
        {
            "problem": rows["problem"].iloc[0],
            "rule": rows["rule"].iloc[0],
            "batch": str(rows["batch_size"].iloc[0]),
            "trials": str(len(rows)),
            "such as": f"lr {text.number(rows['lr'].iloc[0])}, seed {rows['seed'].iloc[0]}",
            "error": str(rows["error"].iloc[0]),
        }
        for _, rows in failed.assign(error=failed["error"].fillna("")).groupby(keys, sort=False)
    ]
