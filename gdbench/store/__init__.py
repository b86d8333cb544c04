"""The database of runs, trials, curves and timings, and pandas frames of them."""

from gdbench.store.database import Store
from gdbench.store.frames import Frames, read_frames
from gdbench.store.records import RunRecord, TrialRecord

__all__ = ["Frames", "RunRecord", "Store", "TrialRecord", "read_frames"]
