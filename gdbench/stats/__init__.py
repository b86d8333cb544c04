"""Statistics of results: choices, intervals, targets. Frames and arrays in, frames out."""

from gdbench.stats.choice import (
    GROUP,
    censored_steps,
    choose,
    ending,
    epochs_a_step,
    final_loss,
    final_score,
    objective,
    reported,
    score_name,
    tuning,
)
from gdbench.stats.intervals import FEW, Interval, bootstrap_median, bootstrap_product, bootstrap_quotient, summarise

__all__ = [
    "FEW",
    "GROUP",
    "Interval",
    "bootstrap_median",
    "bootstrap_product",
    "bootstrap_quotient",
    "censored_steps",
    "choose",
    "ending",
    "epochs_a_step",
    "final_loss",
    "final_score",
    "objective",
    "reported",
    "score_name",
    "summarise",
    "tuning",
]
