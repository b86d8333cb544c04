"""What one step minimises, for rules that see more than a gradient; every evaluation is counted.

A product with the Hessian counts as one gradient, which it costs up to a factor (Pearlmutter 1994), and the matrix as
one for each of its columns.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

Vector = np.ndarray


class Objective:
    """Value, gradient, Hessian and products with it, at any point, of the batch of one step."""

    def __init__(
        self,
        value: Callable[[Vector], float],
        gradient: Callable[[Vector], Vector],
        hessian: Callable[[Vector], Any],
        product: Callable[[Vector, Vector], Vector],
    ) -> None:
        self._value, self._gradient, self._hessian, self._product = value, gradient, hessian, product
        self.function_evaluations = 0
        self.gradient_evaluations = 0

    def value(self, x: Vector) -> float:
        """The objective at x."""
        self.function_evaluations += 1
        return self._value(x)

    def gradient(self, x: Vector) -> Vector:
        """Its gradient, a new vector."""
        self.gradient_evaluations += 1
        return self._gradient(x)

    def hessian(self, x: Vector) -> Any:
        """The matrix of its second derivatives, symmetric, a new one."""
        self.gradient_evaluations += x.size
        return self._hessian(x)

    def product(self, x: Vector, v: Vector) -> Vector:
        """The Hessian at x times v, a new vector."""
        self.gradient_evaluations += 1
        return self._product(x, v)

    @classmethod
    def of_rows(cls, problem: Any, rows: Callable[[], np.ndarray], work: Any = None) -> "Objective":
        """A problem's mean over the samples that `rows` names when it is asked."""
        shared = {} if work is None else {"work": work}
        return cls(
            lambda x: problem.loss(x, rows(), **shared),
            lambda x: problem.gradient(x, rows(), **shared).copy(),  # it may be work's
            lambda x: problem.hessian(x, rows(), **shared),
            lambda x, v: problem.product(x, v, rows(), **shared).copy(),
        )
