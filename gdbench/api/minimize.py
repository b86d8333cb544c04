"""`gdbench.minimize`: one descent, to look at.

descent = gdbench.minimize("rosenbrock", [-1.2, 1.0], "adam", lr=0.05, steps=500)
descent.x, descent.path, descent.status
descent.plot()
"""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec

import numpy as np

from gdbench.runner import descent as runner

if TYPE_CHECKING:
    from matplotlib.figure import Figure

P = ParamSpec("P")


class Descent(runner.Descent):
    """The result of `minimize`: the facts of `gdbench.runner.descent.Descent`, and a plot of them."""

    def plot(self) -> "Figure":
        """The path over contours (2 parameters), over the graph with its tangents (1), or the value by step (more)."""
        from gdbench.reports import paths  # draws, which importing gdbench must not load

        known = self.known.minimisers(self.problem.size) if self.known else np.empty((0, self.problem.size))
        domain = self.known.domain if self.known else None
        return paths.figure(self.path, self.problem.loss, minimisers=known, domain=domain, title=self.title)


def _drawable(minimize: Callable[P, runner.Descent]) -> Callable[P, Descent]:
    """`minimize` with a result that can be drawn; the runner itself draws nothing."""

    @wraps(minimize)
    def drawable(*args: P.args, **kwargs: P.kwargs) -> Descent:
        return Descent(**vars(minimize(*args, **kwargs)))

    return drawable


minimize = _drawable(runner.minimize)
