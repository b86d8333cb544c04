"""Sides of a comparison with planted effects, as `gdbench.gate` reads them: no run has to be trained for them."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from gdbench.gate.measures import COLUMNS, NAMES
from gdbench.gate.sides import Side


def metric(name: str, values: Sequence[Any] | np.ndarray, **changes: Any) -> pd.DataFrame:
    """The values of one metric, one a pair: texts for digests, numbers for what `family` says."""
    text = isinstance(values[0], str)
    names = {"family": "digest" if text else "convergence", "metric": name}
    names |= {"problem": "p", "rule": "sgd", "batch_size": 8, "dtype": "float32"} | changes
    pairs = names.pop("pairs", [f"k{number}" for number in range(len(values))])
    kept = {"text": list(values)} if text else {"value": np.asarray(values, np.float64)}
    return pd.DataFrame({**names, "pair": list(pairs), **kept}).reindex(columns=list(COLUMNS))


def group(digests: Sequence[str], steps: Any = None, losses: Any = None, **changes: Any) -> pd.DataFrame:
    """Trials of one rule on one problem: their digests, and the steps and losses that they gave."""
    failed = [("failed" if digest == "failed" else np.nan) for digest in digests]
    parts = [metric("digest", digests, **changes)]
    if steps is not None:
        steps = np.asarray(steps, np.float64)
        parts += [metric("steps_to_target", steps, **changes).assign(text=failed)]
        parts += [metric("success", np.isfinite(steps), **changes).assign(text=failed)]
    if losses is not None:
        parts += [metric("final_loss", losses, **changes).assign(text=failed)]
    return pd.concat(parts)


def side(*parts: pd.DataFrame, machine: str = "here") -> Side:
    """All of these as one side."""
    frame = pd.concat(parts) if parts else metric("none", [0.0])[:0]
    return Side({"name": "simulated", "machine": machine}, frame.reset_index(drop=True))


def named(findings: pd.DataFrame, verdict: str) -> set[tuple[Any, ...]]:
    """The names of the metrics that have a verdict."""
    found = findings[findings["verdict"] == verdict]
    return set(map(tuple, found[list(NAMES)].itertuples(index=False)))


def rows(tests: Iterable[Any], family: str, margin: float, **changes: Any) -> list[dict[str, Any]]:
    """Tests as `judge` takes them: a metric each."""
    names = {"family": family, "metric": "m", "problem": "p", "batch_size": 8, "dtype": "float32"}
    names |= {"differs": family == "convergence", "margin": margin} | changes
    return [{**names, "rule": f"r{number}", "test": test} for number, test in enumerate(tests)]
