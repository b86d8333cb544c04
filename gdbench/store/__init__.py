"""The database of runs, trials, curves and timings."""

from gdbench.results.records import RunRecord, StoredRun, TrialRecord
from gdbench.store.database import Store

__all__ = ["RunRecord", "Store", "StoredRun", "TrialRecord"]
