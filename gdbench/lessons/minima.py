"""Which minimum a descent ends in: how it depends on the start, and on the number of dimensions."""

import numpy as np
import pandas as pd

from gdbench.kernels.functions.contract import find
from gdbench.lessons.descents import Frames, minimisers
from gdbench.lessons.runs import curves_of, trials_of
from gdbench.reports.results import Results
from gdbench.runner.descent import minimize

STARTS = 33  # along each axis
NEAR = 0.05  # a descent that ends this close to a minimiser ended in it
DIMENSIONS = (1, 2, 3, 4, 6, 8)
DRAWS = 400  # starts in each dimension


def basins() -> Frames:
    """Himmelblau's four minima from a grid of starts, by gradient descent and by momentum.

    `ends`: rule, x0, x1 (the start), minimum (its row in `minimisers`, -1 for none).
    """
    known = minimisers("himmelblau")
    rows = []
    for rule in ("sgd", "momentum"):
        for x1 in np.linspace(-5.0, 5.0, STARTS):
            for x0 in np.linspace(-5.0, 5.0, STARTS):
                end = minimize("himmelblau", [x0, x1], rule, lr=0.005, steps=400, every=400).x
                rows.append((rule, x0, x1, _nearest(end, known.to_numpy())))
    return {"ends": pd.DataFrame(rows, columns=["rule", "x0", "x1", "minimum"]), "minimisers": known}


def _nearest(end: np.ndarray, known: np.ndarray) -> int:
    """The row of the minimiser in which a descent ended; -1 for none."""
    away = np.linalg.norm(known - end, axis=1)
    return int(away.argmin()) if away.min() < NEAR else -1


def dimensions(results: Results) -> Frames | None:
    """Minima that become more with the dimension, and minima that disappear.

    `share`: by `dimension`, the share of random starts of Styblinski and Tang's function that end in its global minimum
    (`found`). The coordinates are independent, so the share in one dimension gives the `expected` one. `networks`: the
    last training loss of every start of networks of `width` hidden units. None if the run has fewer than two widths.
    """
    trials = trials_of(results, "width", "adam")
    widths = trials.assign(width=trials["problem"].str.extract(r"hidden=\[(\d+)\]")[0].astype(float))
    if widths["width"].nunique() < 2:
        return None
    share = pd.DataFrame({"dimension": DIMENSIONS, "found": [_found(d) for d in DIMENSIONS]})
    function = find("styblinski-tang")
    (low, high), (top,) = function.domain, function.saddles[0]
    share["expected"] = ((top - low) / (high - low)) ** share["dimension"]
    last = curves_of(results, trials).sort_values("step").groupby("trial").tail(1)
    networks = last.merge(widths[["trial", "width"]], on="trial").astype({"width": int})
    return {"share": share, "networks": networks[["width", "seed", "train_loss"]]}


def _found(dimension: int) -> float:
    """The share of starts that end in the global minimum."""
    function = find("styblinski-tang")
    least = function.minimisers(dimension)[0]
    starts = np.random.Generator(np.random.PCG64(dimension)).uniform(*function.domain, size=(DRAWS, dimension))
    ends = [minimize("styblinski-tang", start, "sgd", lr=0.01, steps=200, every=200).x for start in starts]
    return float(np.mean([np.abs(end - least).max() < NEAR for end in ends]))
