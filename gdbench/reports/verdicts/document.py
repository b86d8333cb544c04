"""A comparison as one JSON document, for programs; docs/gate.md describes it key by key."""

from typing import Any

import pandas as pd

from gdbench.gate.comparison import Comparison
from gdbench.gate.measures import NAMES
from gdbench.reports.verdicts.words import counts, has, touched
from gdbench.results.export import plain, plain_rows

VERSION = 2
WHOLE = ("batch_size", "pairs")  # whole numbers that pandas holds as floats, since some rows have NaN


def document(comparison: Comparison, *, strict: bool = False) -> dict[str, Any]:
    """A value that JSON can hold: NaN becomes null, infinity "inf"."""
    return {
        "gdbench_verdicts": VERSION,
        "verdict": comparison.verdict,
        "exit_code": comparison.exit_code(strict=strict),
        "strict": strict,
        "base": {name: plain(fact) for name, fact in comparison.base.items()},
        "head": {name: plain(fact) for name, fact in comparison.head.items()},
        "margin": comparison.margin,
        "level": comparison.level,
        "counts": counts(comparison),
        "rules": touched(comparison),
        "notes": list(comparison.notes),
        "metrics": _metrics(comparison.findings),
        "samples": plain_rows(comparison.samples),
    }


def _metrics(findings: pd.DataFrame) -> list[dict[str, Any]]:
    return [{name: _cell(name, value) for name, value in row.items()} for row in plain_rows(findings)]


def _cell(name: str, value: Any) -> Any:
    if name in NAMES and not has(value):
        return None
    return int(value) if name in WHOLE and isinstance(value, float) else value
