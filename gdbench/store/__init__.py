"""The database of runs, trials, curves and timings, and (in `frames`, loaded when needed) pandas frames of them."""

from gdbench.store.database import Store
from gdbench.store.records import RunRecord, StoredRun, TrialRecord

__all__ = ["RunRecord", "Store", "StoredRun", "TrialRecord"]
