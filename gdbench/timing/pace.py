"""How long samples are, how many a visit takes, how many rounds there are: every constant of timing, with its reason.

    samples = measure(subjects, **pace(len(subjects), seconds=10)._asdict())

How a step is timed: gdbench/timing/sampling.py. How rounds are made: gdbench/timing/rounds.py.
"""

from typing import NamedTuple

LEAST = 0.01  # seconds of a sample where there is time enough
SHORTEST = 0.001  # and where rounds and samples can still become fewer instead
TINIEST = 0.0005  # and where nothing else helps: 5,000 readings of the clock
LONG = 100  # times the seconds of a sample: a step that takes so long is not tried again before the rounds

SAMPLES = 5  # of a visit, of which the fastest counts: whatever else the machine does only adds to a sample
FEWEST = 3  # of a visit, where there is little time: one that was disturbed must not decide
NUMBERS = ((10, SAMPLES), (7, 4), (5, FEWEST))  # of rounds, and of samples a visit, from much time to little
SLACK = 1.5  # by how much a visit may outlast its samples, which take a little longer than asked for


class Pace(NamedTuple):
    """What `measure` takes under the same names."""

    rounds: int
    samples: int
    least: float

    @property
    def longest(self) -> float:
        """Seconds of a visit after which no further sample is due: a single step may last longer than a sample."""
        return SLACK * self.samples * self.least


# By who asks, where nobody says how many seconds there are.
ALONE = Pace(15, SAMPLES, LEAST)  # `gdbench time`, which does nothing else
ON_GPU = Pace(10, FEWEST, LEAST)  # on a GPU, whose seconds are few: gpu-check has eight minutes for everything
UPDATES = Pace(5, 2, LEAST / 2)  # there, of each rule's update: they are many, and each is compared with a copy alone
OF_PEERS = Pace(5, 2, 0.1)  # of libraries: a call is a chunk of steps, asked for over a pipe, which must not count


def pace(subjects: int, seconds: float) -> Pace:
    """What so many subjects can be given in so many seconds, finding out how many steps a sample has included.

    First samples get shorter, then there are fewer rounds and fewer samples, never less than 5 rounds of 3.

    >>> pace(4, seconds=60), pace(40, seconds=1.2)
    (Pace(rounds=10, samples=5, least=0.01), Pace(rounds=5, samples=3, least=0.0016666666666666666))
    """
    for rounds, samples in NUMBERS:
        # A round more, since finding out how many steps a sample has takes about as long as one.
        least = seconds / subjects / ((rounds + 1) * samples)
        if least >= SHORTEST:
            break
    return Pace(rounds, samples, min(max(least, TINIEST), LEAST))
