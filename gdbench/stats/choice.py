"""Choose the best setting of each rule on the tuning seeds, so that the reporting seeds stay unbiased."""

import numpy as np
import pandas as pd

from gdbench.results.curves import LOST
from gdbench.results.metrics import OBJECTIVES, worst

GROUP = ["problem", "rule", "batch_size"]


def choose(trials: pd.DataFrame) -> pd.DataFrame:
    """The best setting of each problem, rule and batch size, one row each, the best first within a problem.

    The best has the least median steps to target, then the least median final validation loss, then the smaller lr,
    then the first place in the suite. Without validation data the training loss decides, for a function its value. A
    diverged or failed trial counts as infinite in both; a stalled one keeps its values.

    trials: `Run.trials`, of which the tuning ones count (`tuning`). Where a run is judged by another target than it was
    trained for (results/retarget.py), only settings that report can be chosen.
    Columns: those of GROUP, `setting`, `lr`, `median_steps`, `median_loss`, `at_edge` ("low" or "high" if lr is the
    least or greatest of at least three tried), `diverged` (share of the group's trials) and `settings` (how many were
    tried).
    """
    columns = [*GROUP, "setting", "lr", "median_steps", "median_loss", "at_edge", "diverged", "settings"]
    tuned = tuning(trials)
    if tuned.empty:
        return pd.DataFrame(columns=columns)
    tuned["_loss"] = final_loss(tuned)
    tuned["_steps"] = censored_steps(tuned)
    tuned["_diverged"] = ending(tuned) == "diverged"
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
    if "crossed_after" in trials:
        settings = _reporting(settings, trials)
    settings = settings.sort_values(["problem", "median_steps", "median_loss", "lr", "order"], kind="stable")
    best = settings.drop_duplicates(GROUP)
    return best[columns].reset_index(drop=True)


def _reporting(settings: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """The settings that have reporting trials; all of a group where none has."""
    names = [*GROUP, "setting"]
    reports = pd.MultiIndex.from_frame(trials.loc[trials["role"] == "report", names])
    known = pd.Series(pd.MultiIndex.from_frame(settings[names]).isin(reports), settings.index)
    return settings[known | ~known.groupby([settings[name] for name in GROUP]).transform("any")]


def tuning(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that choose the setting of their problem, rule and batch size: role `tune`, else role `report`."""
    tune = trials["role"] == "tune"
    chosen_by_them = tune.groupby([trials[name] for name in GROUP]).transform("any")
    return trials[tune | ((trials["role"] == "report") & ~chosen_by_them)].copy()


def reported(trials: pd.DataFrame) -> pd.DataFrame:
    """The reporting trials of each chosen setting, with the columns of the choice added."""
    chosen = choose(trials).drop(columns="lr")
    return trials[trials["role"] == "report"].merge(chosen, on=[*GROUP, "setting"], how="inner")


def censored_steps(trials: pd.DataFrame) -> pd.Series:
    """Each trial's steps to target; infinite if it did not reach the target, diverged or failed."""
    return trials["steps_to_target"].where(~_lost(trials), np.inf).fillna(np.inf)


def epochs_a_step(trials: pd.DataFrame) -> pd.Series:
    """Epochs per step, by problem and batch size; it is the same in all trials that took a step."""
    taken = trials[trials["steps"] > 0]
    return (taken["epochs"] / taken["steps"]).groupby([taken["problem"], taken["batch_size"]]).median()


def final_loss(trials: pd.DataFrame) -> pd.Series:
    """Each trial's last validation loss; without validation data the training loss, for a function its value.

    Infinite if the trial diverged, even after it reached its target, or failed.
    """
    loss = pd.Series(np.nan, index=trials.index)
    for name in OBJECTIVES:
        if name in trials:
            loss = loss.fillna(trials[name])
    return loss.where(~_broken(trials), np.inf).fillna(np.inf)


def final_score(trials: pd.DataFrame, name: str) -> pd.Series:
    """Each trial's last value of a metric. A trial that diverged or failed gets the worst: 0 for an accuracy, infinity
    for others."""
    return trials[name].where(~_broken(trials), worst(name)).fillna(worst(name))


def objective(trials: pd.DataFrame) -> str:
    """The metric by which the trials of one problem are judged: val_loss, train_loss or value."""
    present = [name for name in OBJECTIVES if name in trials]
    return next((name for name in present if trials[name].notna().any()), (present or OBJECTIVES)[0])


SCORES = ("test_accuracy", "test_mse", "test_loss")


def score_name(trials: pd.DataFrame) -> str:
    """The metric on test data by which the trials of one problem are reported; empty for a function."""
    return next((name for name in SCORES if name in trials and trials[name].notna().any()), "")


def _lost(trials: pd.DataFrame) -> pd.Series:
    return trials["status"].isin(LOST)


def ending(trials: pd.DataFrame) -> pd.Series:
    """How each trial ended: its status, but `diverged` also for one that had reached its target before."""
    later = np.isfinite(trials["diverged_step"]) if "diverged_step" in trials else np.zeros(len(trials), bool)
    return trials["status"].mask(later, "diverged")


def _broken(trials: pd.DataFrame) -> pd.Series:
    """Whether a trial diverged, before or after it reached its target, or failed."""
    return ending(trials).isin(LOST)
