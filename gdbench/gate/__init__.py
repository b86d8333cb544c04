"""Two sets of results -> verdicts: what got worse, what only changed, and what could not be told."""

from gdbench.gate.baseline import changes, kept, read_baseline, write_baseline
from gdbench.gate.comparison import LEVEL, MARGIN, Comparison, compare
from gdbench.gate.sides import NoBaselineError, Side, baseline_of, side_of
from gdbench.gate.verdicts import REASONS, VERDICTS

__all__ = [
    "LEVEL",
    "MARGIN",
    "REASONS",
    "VERDICTS",
    "Comparison",
    "NoBaselineError",
    "Side",
    "baseline_of",
    "changes",
    "compare",
    "kept",
    "read_baseline",
    "side_of",
    "write_baseline",
]
