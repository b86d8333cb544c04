"""Two sets of results -> verdicts: what got worse, what only changed, and what could not be told."""

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
    "compare",
    "side_of",
]
