"""What the numbers say: choices, intervals, targets. Frames and arrays in, frames out."""

from gdbench.stats.choice import GROUP, censored_steps, choose, final_loss, objective, reported
from gdbench.stats.intervals import FEW, Interval, bootstrap_median, bootstrap_product, summarise

__all__ = [
    "FEW",
    "GROUP",
    "Interval",
    "bootstrap_median",
    "bootstrap_product",
    "censored_steps",
    "choose",
    "final_loss",
    "objective",
    "reported",
    "summarise",
]
