"""What the metrics of a trial mean: which ones rise, which may be targets, and by which one a trial is judged.

    rises("val_accuracy"), worst("val_loss")  # True, inf

A store is read without the kernels, so the names are defined here and not by the problems.
"""

import math

SCORES = ("accuracy", "mse")  # of a network whose targets are labels, or numbers
# What a curve may hold, in the order of a store's columns; `value` is a function's.
METRICS = (*(f"{split}_{kind}" for kind in ("loss", *SCORES) for split in ("train", "val", "test")), "value")
OBJECTIVES = ("val_loss", "train_loss", "value")  # a trial is judged by the first of these that it has
TARGETS = tuple(name for name in METRICS if not name.startswith("test_"))  # test data is only reported, never a target


def rises(metric: str) -> bool:
    """Whether a higher value of a metric is better, so that a target is reached from below."""
    return metric.endswith("accuracy")


def worst(metric: str) -> float:
    """The value of a metric for a trial that diverged or failed: 0 for an accuracy, infinity for all others."""
    return 0.0 if rises(metric) else math.inf
