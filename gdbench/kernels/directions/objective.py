"""What one step minimises, for rules that see more than a gradient; every evaluation is counted.

A product with the Hessian counts as one gradient, since it costs that up to a factor (Pearlmutter 1994). The matrix
counts as one gradient per column. The last few evaluations are kept and are not counted again: the next step begins
where a line search ended.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

Vector = np.ndarray
REMEMBERED = 4  # evaluations of each kind that are kept


class Derivatives(Protocol):
    """A loss over rows of samples and its derivatives, each a new array."""

    def loss(self, theta: Vector, rows: np.ndarray) -> float:
        """The mean over the rows."""
        ...

    def gradient(self, theta: Vector, rows: np.ndarray) -> Vector:
        """Its gradient."""
        ...

    def hessian(self, theta: Vector, rows: np.ndarray) -> np.ndarray:
        """Its second derivatives."""
        ...

    def product(self, theta: Vector, direction: Vector, rows: np.ndarray) -> Vector:
        """The Hessian times a direction."""
        ...


class Objective:
    """Value, gradient, Hessian and products with it, at any point, of the batch of one step.

    version: gives another number whenever the objective changes, as from batch to batch; None if it never changes.
    changes: whether it does.
    """

    def __init__(
        self,
        value: Callable[[Vector], float],
        gradient: Callable[[Vector], Vector],
        hessian: Callable[[Vector], np.ndarray],
        product: Callable[[Vector, Vector], Vector],
        version: Callable[[], int] | None = None,
    ) -> None:
        self._value, self._gradient, self._hessian, self._product = value, gradient, hessian, product
        self.changes = version is not None
        self._version = version or (lambda: 0)
        self._values: dict[Any, float] = {}
        self._gradients: dict[Any, Vector] = {}
        self.function_evaluations = 0
        self.gradient_evaluations = 0

    @classmethod
    def of_rows(
        cls, problem: Derivatives, rows: Callable[[], np.ndarray], version: Callable[[], int] | None
    ) -> "Objective":
        """A problem's mean over the samples whose numbers `rows` returns at each call."""
        return cls(
            lambda x: problem.loss(x, rows()),
            lambda x: problem.gradient(x, rows()),
            lambda x: problem.hessian(x, rows()),
            lambda x, v: problem.product(x, v, rows()),
            version,
        )

    def value(self, x: Vector) -> float:
        """The objective at x."""
        key = self._version(), x.tobytes()
        if key not in self._values:
            self.function_evaluations += 1
            _remember(self._values, key, self._value(x))
        return self._values[key]

    def known(self, x: Vector) -> float | None:
        """The objective at x if it is one of the last few that were computed; it is not counted again."""
        return self._values.get((self._version(), x.tobytes()))

    def gradient(self, x: Vector) -> Vector:
        """Its gradient, a new vector."""
        key = self._version(), x.tobytes()
        if key not in self._gradients:
            self.gradient_evaluations += 1
            _remember(self._gradients, key, self._gradient(x))
        return self._gradients[key].copy()

    def hessian(self, x: Vector) -> np.ndarray:
        """The matrix of its second derivatives, symmetric, a new one."""
        self.gradient_evaluations += x.size
        return self._hessian(x)

    def product(self, x: Vector, v: Vector) -> Vector:
        """The Hessian at x times v, a new vector."""
        self.gradient_evaluations += 1
        return self._product(x, v)


def _remember(known: dict[Any, Any], key: Any, found: Any) -> None:
    known[key] = found
    if len(known) > REMEMBERED:
        del known[next(iter(known))]  # the oldest
