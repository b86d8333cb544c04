"""Which setting of a rule is best: chosen on the tuning seeds, so that the reporting seeds stay honest."""

import numpy as np
import pandas as pd

from gdbench.results.curves import LOST
from gdbench.results.metrics import OBJECTIVES, worst

GROUP = ["problem", "rule", "batch_size"]


def choose(trials: pd.DataFrame) -> pd.DataFrame:
    """The best setting of each problem, rule and batch size, one row each, the best first within a problem.

    Best means: least median steps to target, then least median final validation loss (training loss where nothing
    validates, a function's value), then smaller lr, then what came first. A diverged or failed trial counts as infinite
    in both; one that stalled stays where it is.

    trials: `Run.trials`, of which those that choose count (`tuning`).
    Adds `at_edge` ("low" or "high" when lr is the least or greatest of at least three tried), `diverged` (share of the
    group's trials), `median_steps` and `median_loss`.
    """
    columns = [*GROUP, "setting", "lr", "median_steps", "median_loss", "at_edge", "diverged", "settings"]
    tuned = tuning(trials)
    if tuned.empty:
        return pd.DataFrame(columns=columns)
    tuned["_loss"] = final_loss(tuned)
    tuned["_steps"] = censored_steps(tuned)
    tuned["_diverged"] = tuned["status"] == "diverged"
    settings = tuned.groupby([*GROUP, "setting"], sort=False, as_index=False).agg(
        lr=("lr", "first"),
        median_steps=("_steps", "median"),
        median_loss=("_loss", "median"),
        diverged=("_diverged", "mean"),
        order=("trial", "min"),
    )
    groups = settings.groupby(GROUP, sort=False)
    settings["diverged"] = groups["diverged"].transform("mean")
    settings["settings"] = groups["setting"].transform("size")
    lows, highs, tried = (groups["lr"].transform(how) for how in ("min", "max", "nunique"))
    settings["at_edge"] = np.select(
        [(tried >= 3) & (settings["lr"] == lows), (tried >= 3) & (settings["lr"] == highs)], ["low", "high"], default=""
    )
    settings = settings.sort_values(["problem", "median_steps", "median_loss", "lr", "order"], kind="stable")
    best = settings.drop_duplicates(GROUP)
    return best[columns].reset_index(drop=True)


def tuning(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that choose the setting of their problem, rule and batch size: role `tune`, `report` without any."""
    tune = trials["role"] == "tune"
    chosen_by_them = tune.groupby([trials[name] for name in GROUP]).transform("any")
    return trials[tune | ((trials["role"] == "report") & ~chosen_by_them)].copy()


def reported(trials: pd.DataFrame) -> pd.DataFrame:
    """The reporting trials of each chosen setting, with the choice's columns beside theirs."""
    chosen = choose(trials).drop(columns="lr")
    return trials[trials["role"] == "report"].merge(chosen, on=[*GROUP, "setting"], how="inner")


def censored_steps(trials: pd.DataFrame) -> pd.Series:
    """Each trial's steps to target, infinite if it did not arrive, diverged or failed."""
    return trials["steps_to_target"].where(~_lost(trials), np.inf).fillna(np.inf)


def epochs_a_step(trials: pd.DataFrame) -> pd.Series:
    """Epochs over steps by problem and batch size, for which it is the same in all trials that took a step."""
    taken = trials[trials["steps"] > 0]
    return (taken["epochs"] / taken["steps"]).groupby([taken["problem"], taken["batch_size"]]).median()


def final_loss(trials: pd.DataFrame) -> pd.Series:
    """Each trial's last validation loss (training loss where nothing validates, a function's value).

    Infinite if it diverged or failed.
    """
    loss = pd.Series(np.nan, index=trials.index)
    for name in OBJECTIVES:
        if name in trials:
            loss = loss.fillna(trials[name])
    return loss.where(~_lost(trials), np.inf).fillna(np.inf)


def final_score(trials: pd.DataFrame, name: str) -> pd.Series:
    """Each trial's last value of a metric; the worst there is if it diverged or failed: no accuracy, infinite else."""
    return trials[name].where(~_lost(trials), worst(name)).fillna(worst(name))


def objective(trials: pd.DataFrame) -> str:
    """The name of what the trials of one problem are judged by: val_loss, train_loss or value."""
    present = [name for name in OBJECTIVES if name in trials]
    return next((name for name in present if trials[name].notna().any()), (present or OBJECTIVES)[0])


def _lost(trials: pd.DataFrame) -> pd.Series:
    return trials["status"].isin(LOST)
