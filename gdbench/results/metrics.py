"""What the metrics of a trial mean: which of them rise, what targets may name, what a trial is judged by.

    rises("val_accuracy"), worst("val_loss")  # True, inf

A store is read without the kernels, so the names stand here and not where problems give them.
"""

import math

SCORES = ("accuracy", "mse")  # of a network whose targets are labels, or numbers
# What a curve may hold, in the order of a store's columns; `value` is a function's.
METRICS = (*(f"{split}_{kind}" for kind in ("loss", *SCORES) for split in ("train", "val", "test")), "value")
OBJECTIVES = ("val_loss", "train_loss", "value")  # what a trial is judged by: the first of these that it has
TARGETS = tuple(name for name in METRICS if not name.startswith("test_"))  # test data is only reported, never a target


def rises(metric: str) -> bool:
    """Whether more of a metric is better, so that a target is met from below."""
    return metric.endswith("accuracy")


def worst(metric: str) -> float:
    """What a metric counts as for a trial that diverged or failed: no accuracy, and infinite for all others."""
    return 0.0 if rises(metric) else math.inf
