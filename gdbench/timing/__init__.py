"""Measure what steps cost on this machine, so that its changes of speed affect all subjects alike."""

from gdbench.machine.caches import levels
from gdbench.timing.cases import cases
from gdbench.timing.pace import Pace, pace
from gdbench.timing.plan import Plan, plan
from gdbench.timing.rounds import Sample, Subject, measure
from gdbench.timing.session import Timing, TimingRequest, timed, timed_apart
from gdbench.timing.steps import Case
from gdbench.timing.subjects import Timed

__all__ = [
    "Case",
    "Pace",
    "Plan",
    "Sample",
    "Subject",
    "Timed",
    "Timing",
    "TimingRequest",
    "cases",
    "levels",
    "measure",
    "pace",
    "plan",
    "timed",
    "timed_apart",
]
