"""Lessons in one dimension: the derivatives, and how long a step may be."""

import numpy as np
import pandas as pd

from gdbench.lessons.descents import Frames, descents
from gdbench.suites.mathematics import problem

STEP_SIZES = {"too small": 0.05, "good": 0.7, "too large": 2.05}  # the curvature is 1: stable below 2


def derivatives() -> Frames:
    """The double well with its first and second derivatives: `graph` on a grid, `slopes` and `bends` at some points."""
    well = problem("double-well")

    def at(xs: np.ndarray) -> pd.DataFrame:
        rows = [(x[0], well.loss(x), well.gradient(x)[0], well.hessian(x)[0, 0]) for x in xs[:, np.newaxis]]
        return pd.DataFrame(rows, columns=["x", "value", "slope", "curvature"])

    return {
        "graph": at(np.linspace(-1.9, 2.3, 211)),
        "slopes": at(np.array([-1.6, -0.5, 0.8])),
        "bends": at(np.array([-1.0, 0.0, 1.5])),  # its two minima and the maximum between them
    }


def step_sizes() -> Frames:
    """Ten steps of gradient descent on x^2 / 2 from 1, with too small, good and too large a learning rate: `paths`."""
    settings = {label: {"rule": "sgd", "lr": lr} for label, lr in STEP_SIZES.items()}
    return {"paths": descents("quadratic", [1.0], settings, steps=10)}
