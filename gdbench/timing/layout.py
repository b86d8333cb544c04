"""Subjects whose arrays lie elsewhere in memory each time they are built.

Where arrays lie, in which lines, pages and sets of a cache and how far from one another, changes what a small kernel
costs. A process draws this once, when it allocates, and would repeat it in every round: its intervals would be narrow
and wrong. So it is drawn anew for every round (as Curtsinger and Berger do for code: Stabilizer, ASPLOS 2013).
"""

from collections.abc import Callable, Sequence

import numpy as np

from gdbench.timing.subjects import Timed

GRAIN = 16  # bytes, to whose multiples memory is given out
SIZES = 65, 320  # of what is put between arrays: more than NumPy keeps for itself, a page and more


def scattered(builders: Sequence[Callable[[], Sequence[Timed]]], seed: int = 0) -> Callable[[], list[Timed]]:
    """A function that calls all builders, taking a random amount of memory before each of them, until the next time."""
    random = np.random.Generator(np.random.PCG64(seed))
    taken: list[np.ndarray] = []

    def build() -> list[Timed]:
        between: list[np.ndarray] = []
        found: list[Timed] = []
        for builder in builders:
            between.append(np.empty(GRAIN * int(random.integers(*SIZES)), np.uint8))
            found += builder()
        taken[:] = between
        return found

    return build
