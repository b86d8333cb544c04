"""Lessons with data: batches, sparse features, and what a small training loss does not say."""

import numpy as np
import pandas as pd

from gdbench.lessons.descents import Frames, surface
from gdbench.lessons.first_steps import slowing
from gdbench.lessons.runs import curves_of, trials_of
from gdbench.reports.results import Results
from gdbench.suites.mathematics import problem

LINE = {
    "kind": "mlp",
    "dataset": {"name": "teacher", "samples": 64, "features": 1, "hidden": [], "classes": 0, "noise": 0.5},
    "hidden": [],
    "validation_fraction": 0.0,
    "test_fraction": 0.0,
}  # a straight line through 64 noisy points: slope and offset
SPARSE, NOISY = "sparse", "noisy"  # problems of the suite
BATCHES = (64, 8, 1)
STEPS = 40
LR = 0.1
START = (1.5, 1.5)


def batches() -> Frames:
    """The same descent with the gradients of all samples, of eight and of one.

    `paths`: batch_size, step, x0 (slope), x1 (offset), value (of all samples), gradients (of single samples, so far),
    distance (to the minimum). `surface` and `minimisers` (one).
    """
    line = problem(LINE)
    start = np.array(START)
    least = start - np.linalg.solve(line.hessian(start), line.gradient(start))  # the loss is quadratic
    rows = []
    for size in BATCHES:
        x = start.copy()
        for step in range(STEPS + 1):
            if step:
                x -= LR * line.gradient(x, line.batch(seed=0, step=step, size=size))
            rows.append((size, step, *x, line.loss(x), step * size, np.linalg.norm(x - least)))
    columns = ["batch_size", "step", "x0", "x1", "value", "gradients", "distance"]
    reach = np.array([-2.0, 2.0])
    return {
        "paths": pd.DataFrame(rows, columns=columns),
        "surface": surface(line.loss, tuple(least[0] + reach), tuple(least[1] + reach), grid=41),
        "minimisers": pd.DataFrame([least], columns=["x0", "x1"]),
    }


def adagrad(results: Results) -> Frames | None:
    """Sparse features: `curves` of SGD, Adagrad and Adam at their best learning rates; `steps`: how Adagrad slows.

    None if the run has no sparse features.
    """
    trials = trials_of(results, SPARSE, "sgd", "adagrad", "adam")
    if trials.empty:
        return None
    return {"curves": curves_of(results, trials), **slowing()}


def generalisation(results: Results) -> Frames | None:
    """A network with more parameters than samples: `curves` of its losses; None if the run has none."""
    trials = trials_of(results, NOISY, "adam")
    curves = curves_of(results, trials)
    validated = "val_loss" in curves and len(curves) and curves["val_loss"].notna().all()
    return {"curves": curves} if validated else None
