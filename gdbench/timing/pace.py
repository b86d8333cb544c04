"""The length of a sample, the samples per visit and the rounds, each with its reason.

    samples = measure(subjects, **pace(len(subjects), seconds=10)._asdict())

How a step is timed: gdbench/timing/sampling.py. How rounds are made: gdbench/timing/rounds.py.
"""

from typing import NamedTuple

LEAST = 0.01  # seconds of a sample if there is time enough
SHORTEST = 0.001  # seconds of a sample, before rounds and samples become fewer instead
TINIEST = 0.0005  # seconds of a sample at the fewest rounds and samples: 5,000 readings of the clock
LONG = 100  # times the seconds of a sample: a step that takes so long is not repeated before the rounds

SAMPLES = 5  # per visit; the fastest counts, since whatever else the machine does only adds to a sample
FEWEST = 3  # per visit, if there is little time; a single disturbed sample must not decide
NUMBERS = ((10, SAMPLES), (7, 4), (5, FEWEST))  # rounds and samples per visit, from much time to little
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
ALONE = Pace(15, SAMPLES, LEAST)  # `gdbench time`, which does nothing else
ON_GPU = Pace(10, FEWEST, LEAST)  # on a GPU, where time is short: gpu-check has eight minutes for everything
UPDATES = Pace(5, 2, LEAST / 2)  # updates on a GPU: there are many, and each is compared only with a copy
OF_PEERS = Pace(5, 2, 0.1)  # other libraries: long samples, so that asking for a chunk over a pipe does not count


def pace(subjects: int, seconds: float) -> Pace:
    """The pace at which so many subjects take about so many seconds, calibration included.

    With less time, samples get shorter first; then rounds and samples get fewer, down to 5 rounds of 3 samples.

    >>> pace(4, seconds=60), pace(40, seconds=1.2)
    (Pace(rounds=10, samples=5, least=0.01), Pace(rounds=5, samples=3, least=0.0016666666666666666))
    """
    for rounds, samples in NUMBERS:
        # One round more, since calibration (how many steps fill a sample) takes about as long as a round.
        least = seconds / subjects / ((rounds + 1) * samples)
        if least >= SHORTEST:
            break
    return Pace(rounds, samples, min(max(least, TINIEST), LEAST))
