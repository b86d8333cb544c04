"""The length of a sample, the samples per visit and the rounds, each with its reason.

    samples = measure(subjects, **pace(len(subjects), seconds=10)._asdict())

How a step is timed: gdbench/timing/sampling.py. How rounds are made: gdbench/timing/rounds.py.
"""

from typing import NamedTuple

SHORT = 0.0002  # seconds of a sample: on a busy machine it fits between two interruptions, which 10 ms never do
LEAST = 0.01  # seconds of a sample where beginning it takes long: on a GPU, and of threads that begin together
LONG = 1.0  # seconds: a step that takes so long is not repeated before the rounds
CALL = 0.0001  # seconds that a call takes at most, beside those of its steps

SAMPLES = 20  # per visit; the fastest counts, since whatever else the machine does only adds to a sample
FEWEST = 3  # per visit, of long samples; a single disturbed sample must not decide
NUMBERS = ((15, SAMPLES), (10, SAMPLES), (10, 10), (7, 8), (5, 5))  # rounds and samples, from much time to little
SLACK = 1.5  # a visit may last so many times its samples, which take a little longer than asked for


class Pace(NamedTuple):
    """Arguments of `measure`: rounds, samples per visit, and the least seconds of a sample."""

    rounds: int
    samples: int
    least: float

    @property
    def longest(self) -> float:
        """Seconds after which a visit takes no further sample: a single step may last longer than a sample."""
        return SLACK * self.samples * self.least


# The paces of timings that have no limit of seconds.
ALONE = Pace(15, SAMPLES, SHORT)  # `gdbench time`, which does nothing else
ON_GPU = Pace(10, FEWEST, LEAST)  # on a GPU, where time is short: gpu-check has eight minutes for everything
UPDATES = Pace(5, 2, LEAST / 2)  # updates on a GPU: there are many, and each is compared only with a copy
OF_PEERS = Pace(5, 2, 0.1)  # other libraries: long samples, so that asking for a chunk over a pipe does not count


def pace(subjects: int, seconds: float) -> Pace:
    """The pace at which so many subjects take about so many seconds, calibration included.

    >>> pace(4, seconds=60), pace(40, seconds=1.2)
    (Pace(rounds=15, samples=20, least=0.0002), Pace(rounds=7, samples=8, least=0.0002))
    """
    for rounds, samples in NUMBERS:
        # One round more, since calibration (how many steps fill a sample) takes about as long as a round.
        if subjects * (rounds + 1) * samples * (SHORT + CALL) <= seconds:
            break
    return Pace(rounds, samples, SHORT)
