"""A run judged by another target than it was trained for, from its stored curves.

    frames = retargeted(run.frames, "val_accuracy", 0.82)

A crossing is then known to the evaluated points alone: it lies after `crossed_after` in `Frames.trials`, the last point
before it, and no later than `steps_to_target`. Whatever is said of a comparison must hold wherever in these brackets
the crossings are (stats/soonest.py). A crossing that falls back before the next point is not seen.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from gdbench.errors import UsageError, nearest, shown
from gdbench.results.frames import Frames
from gdbench.results.metrics import TARGETS, rises
from gdbench.results.targets import first_steps


def retargeted(frames: Frames, metric: str, level: float) -> Frames:
    """The frames with another target; `about["trained_for"]` keeps the one that was trained for.

    level: in the metric's own unit, an accuracy from 0 to 1. Raises UsageError for a metric of which a problem has no
    curve, for a level that nothing can reach, and if the trials stopped at their own target.
    """
    _check(frames, metric, level)
    trials = frames.trials
    # Stores of earlier versions did not know the step; their curves end where a trial diverged.
    diverged = trials["diverged_step"].fillna(np.inf) if "diverged_step" in trials else pd.Series(np.inf, trials.index)
    ends = frames.curves["trial"].map(diverged.set_axis(trials["trial"]))
    own = _looked_at(frames, metric, level)
    crossed, after = _brackets(trials, own, frames.curves[frames.curves["step"] < ends], metric, level)
    lost = np.where(np.isfinite(diverged), "diverged", "exhausted")
    status = trials["status"].mask(trials["status"] == "reached", lost)
    new = pd.DataFrame({"trial": trials["trial"], "metric": metric, "level": level, "step": crossed})
    trained_for = frames.about.get("trained_for", frames.about["target"])
    known = frames.targets[frames.targets["level"].isin(trained_for.get(metric, []))] if trained_for else new[:0]
    return replace(
        frames,
        about={**frames.about, "target": {metric: [level]}, "trained_for": trained_for},
        trials=trials.assign(
            steps_to_target=crossed,
            crossed_after=after,
            status=status.mask(np.isfinite(crossed) & (status != "failed"), "reached"),
        ),
        targets=known if len(own) else pd.concat([known, new], ignore_index=True),
    )


def _check(frames: Frames, metric: str, level: float) -> None:
    """Raise UsageError if the curves of the run cannot say when this level was reached."""
    goal, curves = f"target {metric} = {level:g}", frames.curves
    known = [name for name in TARGETS if name in curves and curves[name].notna().any()]
    if metric not in known:
        raise UsageError(f"{goal}: the run has no curve of {metric}{nearest(metric, known)}")
    part = frames.environment.get("evaluated_over") if metric.startswith("train_") else None
    if part:
        raise UsageError(
            f"{goal}: training curves of this run are over a part of the samples ({part[0]}); train anew with it"
        )
    problems = frames.trials.set_index("trial")["problem"]
    without = set(problems) - set(problems.reindex(curves.loc[curves[metric].notna(), "trial"].unique()))
    if without:
        raise UsageError(
            f"{goal}: problem {shown(min(without))} has no curve of {metric}; choose a metric of all problems"
        )
    if metric != "value" and not 0 < level <= (1.0 if rises(metric) else np.inf):
        bounds = "above 0 and at most 1, as a share" if rises(metric) else "above 0"
        raise UsageError(f"{goal}: the level must be {bounds}")
    if frames.about["table"].get("stop_at_target"):
        raise UsageError(f"{goal}: the trials of this run stopped at their own target; train anew with this one")


def _looked_at(frames: Frames, metric: str, level: float) -> pd.DataFrame:
    """The rows of `targets` for a level that the run looked at itself, so that it knows the step; none for others."""
    trained_for = frames.about.get("trained_for", frames.about["target"]) or {}
    own = frames.targets[(frames.targets["metric"] == metric) & (frames.targets["level"] == level)]
    return own if frames.about.get("looks") and level in trained_for.get(metric, []) else own[:0]


def _brackets(
    trials: pd.DataFrame, own: pd.DataFrame, curves: pd.DataFrame, metric: str, level: float
) -> tuple[pd.Series, pd.Series]:
    """For each trial the step at which it had crossed, and the last step before that is known; infinite if never."""
    if len(own):
        crossed = trials["trial"].map(own.set_index("trial")["step"])
        return crossed, (crossed - 1).clip(lower=0)
    every = trials.assign(status="exhausted")  # what was crossed before a trial diverged counts
    crossed = trials["trial"].map(first_steps(curves, every, metric, [level]).set_index("trial")["step"])
    limits = curves["trial"].map(pd.Series(crossed.to_numpy(), trials["trial"]))
    last = curves[curves["step"] < limits].groupby("trial")["step"].max()
    after = trials["trial"].map(last).fillna(0.0).where(np.isfinite(crossed), np.inf)
    return crossed, after
