"""Rules for multiplying and dividing numbers that may be 0 (there from the start) or infinite (never reached).

    times(inf, 0) = inf          what is never reached stays so, whatever a step costs
    over(0, 0) = 1               both are there at once, so neither is later
    over(inf, inf) = NaN         neither is ever reached, so nobody knows which is later
    over(a, 0) = inf, over(0, a) = 0, over(inf, a) = inf, over(a, inf) = 0

NaN stays NaN. Steps to a target are such numbers, and so is what follows from them: epochs, samples, time, ratios.
"""

import numpy as np
from numpy.typing import ArrayLike


def times(first: ArrayLike, second: ArrayLike) -> np.ndarray:
    """The product of numbers that are 0 or more, element by element, float64."""
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    with np.errstate(invalid="ignore"):
        product = first * second
    never = (np.isinf(first) & ~np.isnan(second)) | (np.isinf(second) & ~np.isnan(first))
    return np.where(never, np.inf, product)


def over(top: ArrayLike, bottom: ArrayLike) -> np.ndarray:
    """The quotient of numbers that are 0 or more, element by element, float64."""
    top, bottom = np.asarray(top, np.float64), np.asarray(bottom, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((top == 0) & (bottom == 0), 1.0, top / bottom)
