"""A run judged by another target than it was trained for, from its stored curves.

    frames = retargeted(run.frames, "val_accuracy", 0.82)

A crossing is then known to the evaluated points alone: it lies after `crossed_after` in `Frames.trials`, the last point
before it, and no later than `steps_to_target`. Whatever is said of a comparison must hold wherever in these brackets
the crossings are (stats/soonest.py). A crossing that falls back before the next point is not seen.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from gdbench.errors import UsageError, nearest
from gdbench.results.frames import Frames
from gdbench.results.metrics import TARGETS
from gdbench.results.targets import first_steps


def retargeted(frames: Frames, metric: str, level: float) -> Frames:
    """The frames with another target; `about["trained_for"]` keeps the one that was trained for.

    level: in the metric's own unit, an accuracy from 0 to 1. Raises UsageError for a metric without curves, and if the
    trials stopped at their own target.
    """
    known = [name for name in TARGETS if name in frames.curves and frames.curves[name].notna().any()]
    if metric not in known:
        raise UsageError(f"target {metric} = {level:g}: the run has no curve of {metric}{nearest(metric, known)}")
    if frames.about["table"].get("stop_at_target"):
        raise UsageError(
            f"target {metric} = {level:g}: the trials of this run stopped at their own target; train anew with this one"
        )
    trials = frames.trials
    diverged = np.isfinite(trials["diverged_step"])
    seen = frames.curves[frames.curves["step"] < frames.curves["trial"].map(trials.set_index("trial")["diverged_step"])]
    crossed, after = _brackets(frames, seen, metric, level)
    status = trials["status"].mask(trials["status"] == "reached", np.where(diverged, "diverged", "exhausted"))
    return replace(
        frames,
        about={**frames.about, "target": {metric: [level]}, "trained_for": frames.about["target"]},
        trials=trials.assign(
            steps_to_target=crossed,
            crossed_after=after,
            status=status.mask(np.isfinite(crossed) & (status != "failed"), "reached"),
        ),
        targets=pd.DataFrame({"trial": trials["trial"], "metric": metric, "level": level, "step": crossed}),
    )


def _brackets(frames: Frames, curves: pd.DataFrame, metric: str, level: float) -> tuple[pd.Series, pd.Series]:
    """For each trial the step at which it had crossed, and the last step before that is known; infinite if never."""
    trials, own = frames.trials, frames.targets
    own = own[(own["metric"] == metric) & (own["level"] == level)]
    if len(own):  # the run looked at this level itself
        crossed = trials["trial"].map(own.set_index("trial")["step"])
        return crossed, (crossed - 1).clip(lower=0)
    every = trials.assign(status="exhausted")  # what was crossed before a trial diverged counts
    crossed = trials["trial"].map(first_steps(curves, every, metric, [level]).set_index("trial")["step"])
    limits = curves["trial"].map(pd.Series(crossed.to_numpy(), trials["trial"]))
    last = curves[curves["step"] < limits].groupby("trial")["step"].max()
    after = trials["trial"].map(last).fillna(0.0).where(np.isfinite(crossed), np.inf)
    return crossed, after
