"""From a suite to stored trials."""

from gdbench.runner.calibration import Estimate, estimate
from gdbench.runner.run import Watcher, run_suite
from gdbench.runner.trial import CHUNK, train

__all__ = ["CHUNK", "Estimate", "Watcher", "estimate", "run_suite", "train"]
