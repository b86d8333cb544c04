"""How many rounds, and how long samples, fit into the time there is."""

from typing import NamedTuple

LEAST = 0.01  # seconds of a sample where there is time enough
SHORTEST = 0.001  # and where rounds and samples can still become fewer instead
TINIEST = 0.0005  # and where nothing else helps: 5,000 readings of the clock
SLACK = 1.5  # by how much a visit may outlast its samples, which take a little longer than asked for
NUMBERS = ((10, 5), (7, 4), (5, 3))  # of rounds, and of samples a visit


class Pace(NamedTuple):
    """What `measure` takes under the same names."""

    rounds: int
    samples: int
    least: float

    @property
    def longest(self) -> float:
        """Seconds of a visit after which no further sample is due: a single step may last longer than a sample."""
        return SLACK * self.samples * self.least


def pace(subjects: int, seconds: float) -> Pace:
    """What so many subjects can be given in so many seconds, finding out how many steps a sample has included.

    First samples get shorter, then there are fewer rounds and fewer samples, never less than 5 rounds of 3.

    >>> pace(4, seconds=60), pace(40, seconds=1.2)
    (Pace(rounds=10, samples=5, least=0.01), Pace(rounds=5, samples=3, least=0.0016666666666666666))
    """
    for rounds, samples in NUMBERS:
        least = seconds / subjects / ((rounds + 1) * samples)
        if least >= SHORTEST:
            break
    return Pace(rounds, samples, min(max(least, TINIEST), LEAST))
