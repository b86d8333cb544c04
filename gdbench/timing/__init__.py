"""What things cost on this machine, measured so that its moods hit all of them alike."""

from gdbench.timing.rounds import Sample, Subject, measure

__all__ = ["Sample", "Subject", "measure"]
