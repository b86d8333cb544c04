"""Counts the steps of a path to a value."""

import numpy as np
import pandas as pd


def steps_to(path: pd.DataFrame, level: float) -> float:
    """The first step whose value is at `level` or below; infinite if there is none."""
    low = path["step"][path["value"] <= level]
    return float(low.iloc[0]) if len(low) else np.inf


def steps_by_rule(paths: pd.DataFrame, share: float) -> dict[str, float]:
    """The steps of each path, by its label, to that share of its first value."""
    groups = paths.groupby("label", sort=False)
    return {str(rule): steps_to(path, share * path["value"].iloc[0]) for rule, path in groups}
