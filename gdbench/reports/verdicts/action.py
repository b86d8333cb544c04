"""A comparison as the JSON that github-action-benchmark draws over commits, for its tool `customSmallerIsBetter`.

A list of {name, unit, value, range, extra}. The action finds an earlier value by `name`, divides the two, and alerts
above its threshold. So values are finite and less is better: costs as multiples of base, counts, and the results of
head's trials if bits differ. Infinite values (the median trial did not arrive) and negative ones (of a function) are
left out, since their ratios would mean nothing.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from gdbench.gate.comparison import Comparison
from gdbench.gate.measures import kind
from gdbench.reports import text
from gdbench.reports.verdicts.words import metric_name

UNITS = {"steps_to_target": "steps", "final_loss": "loss", "success": "of trials short of the target"}


def benchmarks(comparison: Comparison) -> list[dict[str, Any]]:
    """The list in JSON, sorted by name."""
    found = [made for row in comparison.findings.to_dict("records") for made in _benchmark(row)]
    return sorted(found, key=lambda made: str(made["name"]))


def _benchmark(row: Mapping[Any, Any]) -> Iterator[dict[str, Any]]:
    family, metric = row["family"], kind(row["metric"])
    if family == "cost":
        value, unit = row["ratio"], "of base"
    elif metric == "success":
        value, unit = 1.0 - row["head"], UNITS[metric]
    else:
        value, unit = row["head"], UNITS.get(metric, metric)
    if not (np.isfinite(value) and value >= 0):
        return
    made = {"name": f"{family}: {metric_name(row)}", "unit": unit, "value": float(value)}
    if family == "cost" and np.isfinite([row["low"], row["high"]]).all():
        made["range"] = f"{text.number(row['low'], 4)} to {text.number(row['high'], 4)}"
    pairs = "" if pd.isna(row["pairs"]) else f", {row['pairs']:.0f} pairs"
    yield {**made, "extra": f"{row['verdict']}: {row['reason']}{pairs}"}
