"""Build subjects whose arrays lie elsewhere in memory each time.

The cost of a small kernel depends on where its arrays lie: in which lines, pages and sets of a cache, and how far
apart. A process that allocates once has the same layout in every round, so its intervals would be narrow and wrong.
Therefore every round gets a new random layout, as Curtsinger and Berger give code one (Stabilizer, ASPLOS 2013).
"""

from collections.abc import Callable, Sequence

import numpy as np

from gdbench.timing.subjects import Timed

GRAIN = 16  # bytes; memory is allocated in multiples of it
SIZES = 65, 320  # in grains, of the gaps: more than the sizes that NumPy caches itself, and up to more than a page


def scattered(builders: Sequence[Callable[[], Sequence[Timed]]], seed: int = 0) -> Callable[[], list[Timed]]:
    """A function that calls all builders and allocates a gap of random size before each; the next call frees the gaps.

    seed: of the gaps' sizes.
    """
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
